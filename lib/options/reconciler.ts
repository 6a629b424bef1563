/** Options of `createRabbitMqReconciler`. */
import type { ILogger } from 'flowcraft'
import { duration, objectWith, tableName } from './kinds.js'
import { type PgClientLike, type PostgresOptions, postgresServer } from './postgres.js'
import type { Schema } from './schema.js'

/** Options of a reconciler. */
export interface RabbitMqReconcilerOptions {
  /**
   * The adapter whose `reconcile` is called for each stalled run. It need not be started.
   *
   * @example
   * ```ts
   * adapter
   * ```
   */
  adapter: { reconcile(runId: string): Promise<Set<string>> }
  /**
   * PostgreSQL: a connection string, a `pg` config object, a live `pg` Client or Pool, or `memory:`.
   *
   * @example
   * ```ts
   * pgClient: process.env.DATABASE_URL
   * ```
   */
  pgClient: PgClientLike | PostgresOptions | string
  /**
   * The table of statuses, `table` or `schema.table`. It needs the column `updated_at`.
   *
   * @example
   * ```ts
   * statusTableName: 'flowcraft_statuses'
   * ```
   */
  statusTableName: string
  /**
   * How long a `running` run must have been silent before it counts as stalled.
   *
   * @example
   * ```ts
   * stalledThresholdSeconds: 300
   * ```
   */
  stalledThresholdSeconds: number
  /**
   * Gets the reasons of runs that cannot be reconciled.
   *
   * @defaultValue the console
   *
   * @example
   * ```ts
   * logger: new ConsoleLogger()
   * ```
   */
  logger?: ILogger
}

export const RECONCILER_SCHEMA = {
  adapter: {
    takes: objectWith<RabbitMqReconcilerOptions['adapter']>(['reconcile'], 'a RabbitMqAdapter'),
    words: 'The adapter whose `reconcile` is called for each stalled run. It need not be started.',
    required: true,
    example: 'adapter',
  },
  pgClient: {
    takes: postgresServer(),
    words: 'PostgreSQL: a connection string, a `pg` config object, a live `pg` Client or Pool, or `memory:`.',
    required: true,
    example: 'pgClient: process.env.DATABASE_URL',
  },
  statusTableName: {
    takes: tableName(),
    words: 'The table of statuses, `table` or `schema.table`. It needs the column `updated_at`.',
    required: true,
    example: "statusTableName: 'flowcraft_statuses'",
  },
  stalledThresholdSeconds: {
    takes: duration(),
    words: 'How long a `running` run must have been silent before it counts as stalled.',
    required: true,
    example: 'stalledThresholdSeconds: 300',
  },
  logger: {
    takes: objectWith<ILogger>(['error'], 'a logger with the methods debug, info, warn and error'),
    words: 'Gets the reasons of runs that cannot be reconciled.',
    otherwise: 'the console',
    example: 'logger: new ConsoleLogger()',
  },
} as const satisfies Schema<RabbitMqReconcilerOptions>
