/**
 * `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
 *
 * Imports point down, and a check refuses a circle:
 *
 * ```text
 * cli/          the command line, over what is below; nothing imports it
 * dashboard/    what a team looks at, as a request handler; an entry of its own, as testing/ is
 * index         what the package exports
 * testing/      what it exports for tests: an environment over servers in memory, its clock, assertions of runs
 * adapter       the class a worker makes
 * worker/       between that class and the engine: what the engine asks and tells, a job's line, a run's result
 * client/       what an application holds: it starts runs, watches and lists them
 * api/          what users hold besides: contexts, stores, the reconciler, migrations, dead letters, webhooks
 * execution/    one job: the node's view, its context, its answer, its retries and pauses
 * operating/    what those who operate a worker see of it: health, metrics, traces
 * connections/  servers as users describe them, made into what the engine opens
 * bridge/       the engine's classes, the channel to it, JSON, and the live amqplib connection it drives
 * options/      what every options object may hold
 * harmless, lifecycle, log
 * errors, thrown, is-object
 * ```
 *
 * @packageDocumentation
 */
export { RabbitMqAdapter } from './adapter.js'
export { type AesCodecOptions, createAesCodec } from './api/aes-codec.js'
export { type ChildRunOptions, childRun } from './api/child-run.js'
export type { DeadLetter } from './api/dead-letters.js'
export { type MigrationStatus, type MigrationStep, migrate, migrationStatus } from './api/migrate.js'
export { PostgresContext } from './api/postgres-context.js'
export { createRabbitMqReconciler, type ReconciliationStats } from './api/reconciler.js'
export { RedisCoordinationStore } from './api/redis-coordination-store.js'
export type { WebhookRequest } from './api/webhooks.js'
export { RabbitMqClient } from './client/client.js'
export { type ClosableClient, createRabbitMqClient } from './client/create.js'
export type {
  FailedAttempt,
  LimitWait,
  NodeDescription,
  NodeProgress,
  RunDescription,
  RunStatus,
} from './client/description.js'
export type { SendEventOptions } from './client/events.js'
export type { ContextOf, Flow, Flows } from './client/flows.js'
export type { RunHandle } from './client/handle.js'
export type { LogLine, NodeAttempt, RunHistory, RunHistoryOptions } from './client/history.js'
export type { LimitUse } from './client/limits.js'
export type {
  CountedOutcome,
  CountOptions,
  EndedRuns,
  ListOptions,
  PurgeOptions,
  RunCount,
  RunPage,
  RunSummary,
  ThroughputOptions,
} from './client/listing.js'
export type { Pausable, Paused, PauseOptions } from './client/pausing.js'
export type { RerunOptions, RunOrigin } from './client/rerun.js'
export type { ResultOptions } from './client/result.js'
export type {
  BackfillOptions,
  ListSchedulesOptions,
  Overlap,
  ScheduleCounts,
  ScheduleDescription,
  ScheduledRun,
  ScheduleOptions,
  SchedulePage,
  ScheduleState,
  ScheduleTiming,
} from './client/schedule.js'
export type { Schedules } from './client/schedules.js'
export type {
  OnConflict,
  RunToStart,
  StartManyOptions,
  StartOptions,
  StartOutcome,
  TransactionLike,
} from './client/starting.js'
export type { WatchOptions } from './client/watch.js'
export type { RegisteredWorker } from './client/workers.js'
export {
  ConnectionError,
  type ErrorCode,
  type ErrorDetails,
  FlowcraftAdapterError,
  HeartbeatTimeoutError,
  type NodeFailure,
  NotAwaitingError,
  RunEndedError,
  RunExistsError,
  RunFailedError,
  RunNotFoundError,
  SetupError,
  ValueUnreadableError,
} from './errors.js'
export { ChildRunError, type OnCancel } from './execution/child-runs.js'
export type { HeartbeatNodeConfig } from './execution/heartbeats.js'
export type { LimitedNodeConfig } from './execution/limits.js'
export type { NodeJob } from './execution/node-job.js'
export type { QueueRetryOptions } from './execution/retries.js'
export { RetryAfter } from './execution/retry-after.js'
export type { Health, ReadyOptions } from './operating/health.js'
export type { Handler } from './operating/probes.js'
export type { QueueType, RabbitMqAdapterOptions } from './options/adapter.js'
export type { AmqpConnectionLike, AmqpOptions } from './options/amqp.js'
export type { RabbitMqClientOptions } from './options/client.js'
export { MissingKeyError, type ValueCodec, type ValuePlace } from './options/codec.js'
export type {
  AdapterEvent,
  AdapterEventBus,
  EventStamp,
  HealthCode,
  HealthReason,
  WorkerFailedEvent,
  WorkerPayload,
  WorkerReadyEvent,
  WorkerReconnectingEvent,
  WorkerStoppedEvent,
} from './options/event-bus.js'
export type { HistoryOptions } from './options/history.js'
export type { LimitOptions, LimitRate } from './options/limits.js'
export type { MigrateOptions, MigrationStatusOptions } from './options/migrate.js'
export type { PgClientLike, PostgresOptions, PostgresTlsOptions } from './options/postgres.js'
export type { PostgresContextOptions } from './options/postgres-context.js'
export type { RabbitMqReconcilerOptions } from './options/reconciler.js'
export type { IoRedisLike, RedisOptions, RedisTlsOptions } from './options/redis.js'
export type { RetentionOptions } from './options/retention.js'
export type { TelemetryOptions } from './options/telemetry.js'
export type { WebhookDelivery, WebhookMethod, WebhookOptions } from './options/webhook.js'
export type { FinalResult } from './worker/results.js'
