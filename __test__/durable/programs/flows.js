// Flows that pause in every way there is, as the worker and the client of the restart scenario both know them.
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'

/** start → pause → done, with the pause in the middle. */
const pausing = (id, pause) => ({
  id,
  nodes: [
    { id: 'start', uses: 'start' },
    { id: 'pause', ...pause },
    { id: 'done', uses: 'done' },
  ],
  edges: [
    { source: 'start', target: 'pause' },
    { source: 'pause', target: 'done' },
  ],
})

export const blueprints = {
  wait: pausing('wait', { uses: 'wait' }),
  sleep: pausing('sleep', { uses: 'sleep', params: { duration: '8s' } }),
  event: pausing('event', { uses: 'wait', params: { eventName: 'payment_processed' } }),
  early: pausing('early', { uses: 'wait' }),
  webhook: pausing('webhook', { uses: 'webhook' }),
  retry: pausing('retry', { uses: 'flaky', config: { maxRetries: 2, retryDelay: 8000 } }),
}
// An event that comes long before it is waited for.
blueprints.early.nodes.push({ id: 'later', uses: 'wait', params: { eventName: 'payment_processed' } })
blueprints.early.edges = [
  { source: 'start', target: 'pause' },
  { source: 'pause', target: 'later' },
  { source: 'later', target: 'done' },
]

const registry = {
  start: async () => ({ output: 'started' }),
  flaky: async ({ dependencies }) => {
    await sleep(1)
    if (!dependencies.workflowState.isLastAttempt) throw new Error('down')
    return { output: 'up again' }
  },
  done: async ({ input }) => ({ output: input ?? null }),
}

/** An adapter of this fleet. */
export function fleetAdapter({ amqp, database, redis }) {
  return new RabbitMqAdapter({
    runtimeOptions: { blueprints, registry, logger: new NullLogger() },
    coordinationStore: new RedisCoordinationStore(redis),
    amqpConnection: amqp,
    pgClient: database,
    contextTableName: 'contexts',
    statusTableName: 'statuses',
    queueName: 'fleet',
    leaseSeconds: 2,
    stopTimeout: 3000,
    retryMode: 'queue',
    webhook: { baseUrl: 'https://example.com/hooks', secret: 'a secret of the whole fleet' },
  })
}
