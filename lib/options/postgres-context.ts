/** Options of a `PostgresContext`. */
import type { ISerializer } from 'flowcraft'
import { CODEC_OPTION, type ValueCodec } from './codec.js'
import { objectWith, tableName } from './kinds.js'
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
  /**
   * The workers' serializer, where their runtime has one of its own: for values that JSON does not hold.
   *
   * @defaultValue JSON alone
   *
   * @example
   * ```ts
   * serializer: new SuperJsonSerializer()
   * ```
   */
  serializer?: ISerializer
  /**
   * Encrypts what is stored of values: contexts, inputs, outputs, results, events. `createAesCodec` makes one.
   * docs/encryption.md says what stays readable.
   *
   * @defaultValue none: values are stored as they are
   *
   * @example
   * ```ts
   * codec: createAesCodec({ keys: { k1: process.env.PAYMENTS_KEY }, current: 'k1' })
   * ```
   */
  codec?: ValueCodec
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
  serializer: {
    takes: objectWith<ISerializer>(
      ['serialize', 'deserialize'],
      'an object with the methods serialize and deserialize',
    ),
    words: "The workers' serializer, where their runtime has one of its own: for values that JSON does not hold.",
    otherwise: 'JSON alone',
    example: 'serializer: new SuperJsonSerializer()',
  },
  codec: CODEC_OPTION,
} as const satisfies Schema<PostgresContextOptions>
