/**
 * `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
 *
 * @packageDocumentation
 */
export { type FinalResult, RabbitMqAdapter } from './adapter.js'
export type { AmqpOptions } from './connections/amqp.js'
export type { PostgresOptions, PostgresTlsOptions } from './connections/postgres.js'
export type { RedisOptions, RedisTlsOptions } from './connections/redis.js'
export type { DeadLetter } from './dead-letters.js'
export {
  ConnectionError,
  type ErrorCode,
  type ErrorDetails,
  FlowcraftAdapterError,
  NotAwaitingError,
  RunEndedError,
  RunNotFoundError,
  SetupError,
} from './errors.js'
export { type MigrateOptions, migrate } from './migrate.js'
export type { AmqpConnectionLike, PgClientLike, QueueType, RabbitMqAdapterOptions } from './options.js'
export { PostgresContext, type PostgresContextOptions } from './postgres-context.js'
export { createRabbitMqReconciler, type RabbitMqReconcilerOptions, type ReconciliationStats } from './reconciler.js'
export { type IoRedisLike, RedisCoordinationStore } from './redis-coordination-store.js'
export type { QueueRetryOptions } from './retries.js'
export type { WebhookOptions, WebhookRequest } from './webhooks.js'
