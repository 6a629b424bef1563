// Compiled, not run: what a start takes, and what is asked and done of runs, queues and workers.

import { createServer } from 'node:http'
import {
  type ClosableClient,
  createRabbitMqClient,
  type EndedRuns,
  FlowcraftAdapterError,
  type LimitOptions,
  type LimitUse,
  type Pausable,
  type Paused,
  RabbitMqAdapter,
  type RabbitMqAdapterOptions,
  type RegisteredWorker,
  type RetentionOptions,
  type RunDescription,
  type RunHandle,
  type StartOutcome,
} from '@flowcraft/rabbitmq-adapter'
import { type DashboardHandler, type DashboardRole, dashboardHandler } from '@flowcraft/rabbitmq-adapter/dashboard'
import { createFlow } from 'flowcraft'

const flows = { order: createFlow<{ amount: number }>('order').node('charge', async () => ({ output: 1 })) }
const servers = {
  amqpConnection: 'amqp://localhost',
  pgClient: 'postgresql://localhost/db',
  contextTableName: 'contexts',
  statusTableName: 'statuses',
}
const client: ClosableClient<typeof flows> = createRabbitMqClient({ ...servers, maxPriority: 5, blueprints: flows })

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(value: T) => value

async function starts(): Promise<void> {
  const run = await client.start('order', {
    priority: 5,
    timeoutMs: 60_000,
    concurrency: 4,
    startAt: Date.now() + 1_000,
  })
  is<Equal<typeof run.outcome, StartOutcome | undefined>>(true)
  is<Equal<Awaited<ReturnType<typeof client.close>>, void>>(true)
  const many = await client.startMany('order', [{ context: { amount: 1 }, priority: 1, concurrency: 2, timeoutMs: 5 }])
  is<Equal<typeof many, RunHandle<{ amount: number }>[]>>(true)
  // @ts-expect-error: a priority is a number
  await client.start('order', { priority: 'high' })
  // @ts-expect-error: a time limit is milliseconds
  await client.start('order', { timeoutMs: '1 minute' })
  // @ts-expect-error: any number of nodes is said by leaving it out
  await client.start('order', { concurrency: null })
  // @ts-expect-error: a run of many has no policy of its own
  await client.startMany('order', [{ onConflict: 'reject' }])
  // @ts-expect-error: many runs are not started within a transaction
  await client.startMany('order', [], { transaction: { query: async () => [] } })
  // @ts-expect-error: a transaction executes SQL
  await client.start('order', { transaction: {} })
}

async function watches(): Promise<void> {
  const run = client.run<{ amount: number }>('order-17')
  for await (const state of run.watch({ signal: AbortSignal.timeout(1_000) })) {
    is<Equal<typeof state, RunDescription>>(true)
    const { deadline, concurrency, paused } = state
    is<Equal<typeof paused, { since: Date; reason?: string } | undefined>>(true)
    console.log(deadline?.getTime(), concurrency?.toFixed())
    break
  }
  // @ts-expect-error: it watches one run
  client.run('order-17').watch({ status: 'failed' })
  const gone: Set<string> = await run.sendEvent('paid', { amount: 42 }, { idempotencyKey: 'payment-7' })
  // @ts-expect-error: a key is a text
  await run.sendEvent('paid', { amount: 42 }, { idempotencyKey: 7 })
  // @ts-expect-error: there is no such option
  await run.sendEvent('paid', undefined, { once: true })
  const changed: boolean = (await run.pause('the customer disputes it')) && (await run.unpause())
  // @ts-expect-error: a reason is a text
  await run.pause({ reason: 'it is disputed' })
  console.log(gone, changed)
}

async function operates(): Promise<void> {
  const one: Pausable = { queue: 'mails' }
  await client.pause({ ...one, reason: 'the provider is down' })
  await client.pause({ blueprintId: 'order' })
  await client.unpause(one)
  // @ts-expect-error: a queue or a blueprint
  await client.pause({})
  // @ts-expect-error: and not both
  await client.pause({ queue: 'mails', blueprintId: 'order' })
  // @ts-expect-error: it is let go on for no reason
  await client.unpause({ queue: 'mails', reason: 'it is back' })
  const paused: Paused[] = await client.paused()
  const since: Date | undefined = paused[0]?.since

  const ends: EndedRuns[] = await client.throughput({ withinMs: 3_600_000, stepMs: 60_000 })
  is<Equal<EndedRuns['status'], 'completed' | 'failed' | 'cancelled'>>(true)
  const counted = await client.throughput({ by: 'queue', outcomes: ['started', 'nodes'] })
  is<Equal<(typeof counted)[number]['status'], 'started' | 'nodes'>>(true)
  // @ts-expect-error: runs do not end so
  await client.throughput({ outcomes: ['awaiting'] })
  const limits: LimitUse[] = await client.limits()
  for (const { key, inUse, rate, pausedUntil } of limits) console.log(key, inUse, rate?.used, pausedUntil?.getTime())
  // @ts-expect-error: steps are milliseconds
  await client.throughput({ stepMs: '1 minute' })
  const workers: RegisteredWorker[] = await client.workers()
  for (const { id, version, queues, age } of workers) console.log(id, version, queues.join(), age.toFixed())
  // @ts-expect-error: it tells of all of them
  await client.workers({ queue: 'mails' })
  console.log(since?.getTime(), ends[0]?.from.getTime(), ends[0]?.count)
}

declare const options: RabbitMqAdapterOptions
const openai: LimitOptions = { concurrency: 4, rate: { count: 60, perMs: 60_000 } }
const retention: RetentionOptions = { completed: 7 * 24 * 3_600_000, failed: 90 * 24 * 3_600_000 }
const adapter = new RabbitMqAdapter({
  ...options,
  limits: { openai, mails: { concurrency: 1 } },
  retention,
  maxPriority: 5,
})
// @ts-expect-error: a rate is a count within a time
new RabbitMqAdapter({ ...options, limits: { openai: { rate: 60 } } })
// @ts-expect-error: a limit has a name
new RabbitMqAdapter({ ...options, limits: { concurrency: 4 } })
// @ts-expect-error: runs that go on are not removed
new RabbitMqAdapter({ ...options, retention: { running: 1 } })
// @ts-expect-error: an age is milliseconds
new RabbitMqAdapter({ ...options, retention: { completed: '7 days' } })

const handler: DashboardHandler = dashboardHandler({
  client: adapter.client,
  basePath: '/flowcraft',
  authorize: async ({ headers }) => (headers.authorization ? { name: 'ada', role: 'operate' } : undefined),
  redact: ([key], value, place) => (place === 'context' && key === 'card' ? '…' : value),
  onAction: ({ action, at, refused }) => console.log(action, at.getTime(), refused),
})
createServer(handler).listen(4600)
createServer(dashboardHandler({ client, readOnly: true }))
// @ts-expect-error: it shows what a client sees
dashboardHandler({ readOnly: true })
// @ts-expect-error: there is no such role
dashboardHandler({ client, authorize: () => 'owner' })
// @ts-expect-error: nor is this one
const role: DashboardRole = 'owner'

try {
  await starts()
} catch (error) {
  // @ts-expect-error: there is no such code
  if (error instanceof FlowcraftAdapterError && error.code === 'RUN_EXIST') console.log(role)
}

export { operates, watches }
