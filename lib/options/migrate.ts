/** Options of `migrate` and `migrationStatus`. */
import { flag, oneOf, tableName, wholeNumber } from './kinds.js'
import { type PgClientLike, type PostgresOptions, postgresServer } from './postgres.js'
import type { Schema } from './schema.js'

/** Options of `migrationStatus`. */
export interface MigrationStatusOptions {
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
   * The table of contexts, `table` or `schema.table`.
   *
   * @example
   * ```ts
   * contextTableName: 'flowcraft_contexts'
   * ```
   */
  contextTableName: string
  /**
   * The table of statuses, `table` or `schema.table`.
   *
   * @example
   * ```ts
   * statusTableName: 'flowcraft_statuses'
   * ```
   */
  statusTableName: string
}

/** Options of a migration. */
export interface MigrateOptions {
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
   * The table of contexts, `table` or `schema.table`.
   *
   * @example
   * ```ts
   * contextTableName: 'flowcraft_contexts'
   * ```
   */
  contextTableName: string
  /**
   * The table of statuses, `table` or `schema.table`.
   *
   * @example
   * ```ts
   * statusTableName: 'flowcraft_statuses'
   * ```
   */
  statusTableName: string
  /**
   * `up` makes what is missing. `down` takes it all away, and every run goes on as before.
   *
   * @defaultValue `'up'`
   *
   * @example
   * ```ts
   * direction: 'down'
   * ```
   */
  direction?: 'up' | 'down'
  /**
   * The last step that is done afterwards: `up` makes no step after it, `down` takes away only those after it.
   *
   * @defaultValue all steps, or none
   *
   * @example
   * ```ts
   * to: 2
   * ```
   */
  to?: number
  /**
   * Changes nothing, and answers with the steps that would be taken.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * dryRun: true
   * ```
   */
  dryRun?: boolean
}

export const MIGRATION_STATUS_SCHEMA = {
  pgClient: {
    takes: postgresServer(),
    words: 'PostgreSQL: a connection string, a `pg` config object, a live `pg` Client or Pool, or `memory:`.',
    required: true,
    example: 'pgClient: process.env.DATABASE_URL',
  },
  contextTableName: {
    takes: tableName(),
    words: 'The table of contexts, `table` or `schema.table`.',
    required: true,
    example: "contextTableName: 'flowcraft_contexts'",
  },
  statusTableName: {
    takes: tableName(),
    words: 'The table of statuses, `table` or `schema.table`.',
    required: true,
    example: "statusTableName: 'flowcraft_statuses'",
  },
} as const satisfies Schema<MigrationStatusOptions>

export const MIGRATE_SCHEMA = {
  ...MIGRATION_STATUS_SCHEMA,
  direction: {
    takes: oneOf(['up', 'down']),
    words: '`up` makes what is missing. `down` takes it all away, and every run goes on as before.',
    default: 'up',
    example: "direction: 'down'",
  },
  to: {
    takes: wholeNumber({ from: 0, to: 1_000 }),
    words: 'The last step that is done afterwards: `up` makes no step after it, `down` takes away only those after it.',
    otherwise: 'all steps, or none',
    example: 'to: 2',
  },
  dryRun: {
    takes: flag(),
    words: 'Changes nothing, and answers with the steps that would be taken.',
    default: false,
    example: 'dryRun: true',
  },
} as const satisfies Schema<MigrateOptions>
