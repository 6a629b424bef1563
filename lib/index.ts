/**
 * `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
 *
 * @packageDocumentation
 */
export { type FinalResult, RabbitMqAdapter } from './adapter.js'
export type { DeadLetter } from './api/dead-letters.js'
export { type MigrateOptions, migrate } from './api/migrate.js'
export { PostgresContext, type PostgresContextOptions } from './api/postgres-context.js'
export { createRabbitMqReconciler, type RabbitMqReconcilerOptions, type ReconciliationStats } from './api/reconciler.js'
export { type IoRedisLike, RedisCoordinationStore } from './api/redis-coordination-store.js'
export type { WebhookOptions, WebhookRequest } from './api/webhooks.js'
export type { AmqpOptions } from './connections/amqp.js'
export type { PostgresOptions, PostgresTlsOptions } from './connections/postgres.js'
export type { RedisOptions, RedisTlsOptions } from './connections/redis.js'
export type { QueueRetryOptions } from './execution/retries.js'
export type { AmqpConnectionLike, PgClientLike, QueueType, RabbitMqAdapterOptions } from './options/adapter.js'
