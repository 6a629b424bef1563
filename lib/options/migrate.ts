/** Options of `migrate`. */
import { oneOf, tableName } from './kinds.js'
import { type PgClientLike, type PostgresOptions, postgresServer } from './postgres.js'
import type { Schema } from './schema.js'

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
}

export const MIGRATE_SCHEMA = {
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
  direction: {
    takes: oneOf(['up', 'down']),
    words: '`up` makes what is missing. `down` takes it all away, and every run goes on as before.',
    default: 'up',
    example: "direction: 'down'",
  },
} as const satisfies Schema<MigrateOptions>
