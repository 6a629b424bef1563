// What the little programs of these tests share: where things are, and one slow node.
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'

export const { AMQP_URL: amqp, DATABASE_URL: database, REDIS_URL: redis } = process.env

/** An adapter that knows a blueprint of one node, `slow`, which takes so many milliseconds. */
export function adapterFor(settings, blueprintId, ms, more = {}) {
  return new RabbitMqAdapter({
    runtimeOptions: {
      blueprints: { [blueprintId]: { id: blueprintId, nodes: [{ id: 'slow', uses: 'slow' }], edges: [] } },
      registry: { slow: async () => sleep(ms, { output: 'done' }) },
      logger: new NullLogger(),
    },
    coordinationStore: new RedisCoordinationStore(redis),
    amqpConnection: amqp,
    pgClient: database,
    contextTableName: settings.contexts,
    statusTableName: settings.statuses,
    queueName: settings.queue,
    leaseSeconds: 2,
    ...more,
  })
}
