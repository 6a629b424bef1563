// Clients of the servers of a test, and what they start.
import { createRabbitMqClient, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow, NullLogger } from 'flowcraft'
import { encryptedIfWished } from '../../fixtures/encrypted.js'
import { urls } from '../../fixtures/shared-servers.js'

/** The options of a client over the tables and the queue of a test. */
export function clientOptions(servers, flows = [], more = {}) {
  return {
    amqpConnection: urls.amqp,
    pgClient: urls.database,
    coordinationStore: new RedisCoordinationStore(urls.redis),
    contextTableName: servers.contextTable,
    statusTableName: servers.statusTable,
    queueName: servers.queue,
    blueprints: Object.fromEntries([flows].flat().map((flow) => [flow.toBlueprint().id, flow])),
    logger: new NullLogger(),
    ...encryptedIfWished,
    ...more,
  }
}

/** A client, closed with the test. */
export function clientFor(t, servers, flows, more) {
  const client = createRabbitMqClient(clientOptions(servers, flows, more))
  t.after(() => client.close())
  return client
}

/** A worker, a client that starts, and one that knows no blueprint. */
export async function scene(t, servers, flow) {
  await servers.workerFor(t, flow)
  return { starting: clientFor(t, servers, flow), client: clientFor(t, servers) }
}

/** How often each run's first node was executed, by run. */
export const executions = new Map()

export const greeting = createFlow('greeting')
  .node('hello', async ({ context }) => {
    const name = await context.get('name')
    executions.set(name, (executions.get(name) ?? 0) + 1)
    return { output: `hello ${name}` }
  })
  .node('shout', async ({ input }) => ({ output: input.toUpperCase() }))
  .edge('hello', 'shout')

export const single = createFlow('single').node('only', async () => ({ output: 1 }))

export const asking = createFlow('asking')
  .node('ask', async () => ({ output: 'asked' }))
  .wait('approval')
  .node('done', async ({ input }) => ({ output: input }))
  .edge('ask', 'approval')
  .edge('approval', 'done', { action: 'yes' })

let failures = 0

export const failing = createFlow('failing').node('charge', async () => {
  failures += 1
  if (failures % 2 === 1) throw new Error('card declined')
  return { output: 'charged' }
})
