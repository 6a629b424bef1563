/** Options of a `PostgresContext`. */
import { tableName } from './kinds.js'
import { type PgClientLike, type PostgresOptions, postgresServer } from './postgres.js'
import type { Schema } from './schema.js'

/** Options of a context that is read and written directly. */
export interface PostgresContextOptions {
  /**
   * PostgreSQL: a connection string, a `pg` config object, a live `pg` Client or Pool, or `memory:`.
   *
   * @example
   * ```ts
   * client: process.env.DATABASE_URL
   * ```
   */
  client: PgClientLike | PostgresOptions | string
  /**
   * The table of contexts, `table` or `schema.table`.
   *
   * @example
   * ```ts
   * tableName: 'flowcraft_contexts'
   * ```
   */
  tableName: string
}

export const POSTGRES_CONTEXT_SCHEMA = {
  client: {
    takes: postgresServer(),
    words: 'PostgreSQL: a connection string, a `pg` config object, a live `pg` Client or Pool, or `memory:`.',
    required: true,
    example: 'client: process.env.DATABASE_URL',
  },
  tableName: {
    takes: tableName(),
    words: 'The table of contexts, `table` or `schema.table`.',
    required: true,
    example: "tableName: 'flowcraft_contexts'",
  },
} as const satisfies Schema<PostgresContextOptions>
