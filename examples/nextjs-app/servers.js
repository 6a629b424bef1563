// Where the servers are: the same for the route handlers and the workers.
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'

export function servers({ AMQP_URL, DATABASE_URL, REDIS_URL } = process.env) {
  return {
    amqpConnection: AMQP_URL ?? 'amqp://localhost',
    pgClient: DATABASE_URL ?? 'postgresql://localhost/shop',
    coordinationStore: new RedisCoordinationStore(REDIS_URL ?? 'redis://localhost'),
    contextTableName: 'flowcraft_contexts',
    statusTableName: 'flowcraft_statuses',
    queueName: 'orders',
  }
}
