/** Options of a `RabbitMqAdapter`: their types. `adapter-schema.ts` has their defaults, bounds and words. */
import type { ICoordinationStore, IEventBus, RuntimeOptions } from 'flowcraft'
import type { AmqpConnectionLike, AmqpOptions } from './amqp.js'
import type { PgClientLike, PostgresOptions } from './postgres.js'
import type { WebhookOptions } from './webhook.js'

/** A type of RabbitMQ's queues: on one node, or replicated. */
export type QueueType = 'classic' | 'quorum'

/** Options of a {@link RabbitMqAdapter}. */
export interface RabbitMqAdapterOptions {
  // biome-ignore lint/suspicious/noExplicitAny: core's own type for a runtime's dependencies
  runtimeOptions: RuntimeOptions<any>
  eventBus?: IEventBus
  onError?: (error: Error) => void
  coordinationStore: ICoordinationStore
  amqpConnection: AmqpConnectionLike | AmqpOptions | string | string[]
  pgClient: PgClientLike | PostgresOptions | string
  contextTableName: string
  statusTableName: string
  queueName?: string
  queues?: Record<string, string>
  consume?: string[]
  queueType?: QueueType
  concurrency?: number
  stopTimeout?: number
  eventLoopTimeout?: number
  retryMode?: 'in-process' | 'queue'
  retryMaxDelay?: number
  leaseSeconds?: number
  withoutRedis?: 'continue' | 'wait'
  repairInterval?: number
  versionTimeout?: number
  blueprintTimeout?: number
  webhook?: WebhookOptions
}
