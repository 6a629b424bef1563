// Compiled, not run: an environment knows the ids of its flows and their contexts, as a client does.
import type { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment, type TestClock, type TestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow, type WorkflowBlueprint } from 'flowcraft'

declare const blueprint: WorkflowBlueprint
const flows = {
  order: createFlow<{ amount: number }>('order').node('charge', async () => ({ output: 1 })),
  plain: blueprint,
}

async function typed(): Promise<void> {
  const env = await createTestEnvironment({
    flows,
    runtime: { registry: { charge: async () => ({ output: 1 }) }, dependencies: { bank: {} } },
    adapter: { retryMode: 'queue', maxDeaths: 2 },
    workers: 2,
    patience: 1_000,
  })
  const {
    client,
    clock,
    expectRun,
    untilExecuting,
    killWorker,
    fail,
    restore,
    deliver,
    settle,
  }: TestEnvironment<typeof flows> = env
  const run = await client.start('order', { context: { amount: 42 } })
  // @ts-expect-error: there is no such flow
  await client.start('other')
  // @ts-expect-error: the amount is a number
  await client.start('order', { context: { amount: '42' } })
  const time: TestClock = clock
  await time.advance('3 days')
  await time.advance(1_000)
  await expectRun(run).toHaveCompleted({ outputs: { charge: 1 }, order: ['charge'], attempts: { charge: 1 } })
  await expectRun('id').toHaveFailed({ reason: /declined/, nodes: ['charge'] })
  const { runId }: { runId: string } = await untilExecuting('charge', run)
  await killWorker({ executing: 'charge', replace: false })
  await fail('postgres')
  // @ts-expect-error: there is no such server
  await fail('mysql')
  await restore()
  const { status }: { status: number } = await deliver({ runId, nodeId: 'hook' }, { body: { paid: status_ } })
  await settle()
  const adapter: RabbitMqAdapter = env.startWorker()
  // @ts-expect-error: the environment has its own servers
  await createTestEnvironment({ flows, adapter: { pgClient: 'memory:' } })
  // @ts-expect-error: flows are needed
  await createTestEnvironment({})
  await createTestEnvironment({ flows, servers: { amqp: 'amqp://a', database: 'postgres://b', redis: 'redis://c' } })
  await env.close()
  void [adapter, status]
}
declare const status_: number
void typed
