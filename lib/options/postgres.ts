/** `pgClient`: where PostgreSQL is. */
import { either, flag, kind, ports, server, text, texts, wholeNumber } from './kinds.js'
import { A_MEMORY } from './memory.js'
import type { Kind, Schema } from './schema.js'
import { TLS_SCHEMA, type TlsOptions } from './tls.js'

/** A live `pg` Client or Pool. The adapter reads its connection parameters and opens connections of its own. */
export interface PgClientLike {
  query(...args: never[]): unknown
  connect(...args: never[]): unknown
}

/** TLS options, in Node.js' names. */
export interface PostgresTlsOptions extends TlsOptions {}

/** Where PostgreSQL is: the fields of a `pg` config that matter for a connection. */
export interface PostgresOptions {
  /**
   * A connection URL, of one server or several. The other fields come before what it says.
   *
   * @example
   * ```ts
   * connectionString: 'postgres://user@a:5432,b:5432/db'
   * ```
   */
  connectionString?: string
  /**
   * A host name, an address, or the folder of a socket. Of several (an array, or separated by commas) the adapter
   * uses the first that can be written to.
   *
   * @defaultValue `PGHOST` or `localhost`
   *
   * @example
   * ```ts
   * host: ['a.internal', 'b.internal']
   * ```
   */
  host?: string | string[]
  /**
   * One port for each host, or one for all.
   *
   * @defaultValue `PGPORT` or 5432
   *
   * @example
   * ```ts
   * port: 5432
   * ```
   */
  port?: number | number[]
  /**
   * The role.
   *
   * @defaultValue `PGUSER` or the system user
   *
   * @example
   * ```ts
   * user: 'flowcraft'
   * ```
   */
  user?: string
  /**
   * The role's password, or a function that the adapter calls for every new connection.
   *
   * @defaultValue `PGPASSWORD`
   *
   * @example
   * ```ts
   * password: () => readSecret()
   * ```
   */
  password?: string | (() => string | Promise<string>)
  /**
   * The database.
   *
   * @defaultValue `PGDATABASE` or the user's name
   *
   * @example
   * ```ts
   * database: 'orders'
   * ```
   */
  database?: string
  /**
   * Encryption. The server's certificate is verified unless `rejectUnauthorized` is `false`.
   *
   * @defaultValue what the connection string or `PGSSLMODE` says
   *
   * @example
   * ```ts
   * ssl: true
   * ```
   */
  ssl?: boolean | PostgresTlsOptions
  /**
   * Command-line options for the server.
   *
   * @example
   * ```ts
   * options: '-c search_path=orders'
   * ```
   */
  options?: string
  /**
   * The name in `pg_stat_activity`.
   *
   * @defaultValue `flowcraft`
   *
   * @example
   * ```ts
   * application_name: 'order-worker'
   * ```
   */
  application_name?: string
  /**
   * The server's own limit for a statement, in place of its default. The adapter's is `statementTimeout`.
   *
   * @defaultValue the server's
   *
   * @example
   * ```ts
   * statement_timeout: 30_000
   * ```
   */
  statement_timeout?: number | false
  /**
   * How long a statement waits for a lock, in place of the default of the server. Writes of runs and contexts wait
   * half a second at most, and are tried again.
   *
   * @defaultValue the server's
   *
   * @example
   * ```ts
   * lock_timeout: 5_000
   * ```
   */
  lock_timeout?: number | false
  /**
   * How long a transaction may stand still, in place of the default of the server.
   *
   * @defaultValue the server's
   *
   * @example
   * ```ts
   * idle_in_transaction_session_timeout: 60_000
   * ```
   */
  idle_in_transaction_session_timeout?: number | false
  /**
   * How long the server may take to answer a new connection, in place of `connectTimeout`.
   *
   * @defaultValue `connectTimeout`
   *
   * @example
   * ```ts
   * connectionTimeoutMillis: 2_000
   * ```
   */
  connectionTimeoutMillis?: number
  /**
   * Whether a pooler such as PgBouncer stands before the server and shares connections among transactions: then no
   * statement is prepared, and nothing is set on a connection. In session mode `false` may be said, which is faster.
   * The log says which holds.
   *
   * @defaultValue the adapter finds out
   *
   * @example
   * ```ts
   * pooler: true
   * ```
   */
  pooler?: boolean
  /**
   * A connection string past the pooler, for `migrate`. Without it `migrate` builds its index in a transaction, and
   * whoever writes statuses waits meanwhile.
   *
   * @example
   * ```ts
   * directUrl: 'postgres://user@db.internal:5432/orders'
   * ```
   */
  directUrl?: string
  /**
   * Connections held at most.
   *
   * @defaultValue `8`
   *
   * @example
   * ```ts
   * max: 16
   * ```
   */
  max?: number
}

/** As `pg` takes one. */
const limit = (): Kind<number | false> =>
  kind('a whole number of milliseconds, or false', (value) => value === false || isMilliseconds(value), {
    from: 0,
    unit: 'milliseconds',
  })

const isMilliseconds = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31

export const POSTGRES_SCHEMA = {
  connectionString: {
    takes: text(),
    words: 'A connection URL, of one server or several. The other fields come before what it says.',
    example: "connectionString: 'postgres://user@a:5432,b:5432/db'",
  },
  host: {
    takes: texts(),
    words:
      'A host name, an address, or the folder of a socket. Of several (an array, or separated by commas) the adapter ' +
      'uses the first that can be written to.',
    otherwise: '`PGHOST` or `localhost`',
    example: "host: ['a.internal', 'b.internal']",
  },
  port: {
    takes: ports(),
    words: 'One port for each host, or one for all.',
    otherwise: '`PGPORT` or 5432',
    example: 'port: 5432',
  },
  user: { takes: text(), words: 'The role.', otherwise: '`PGUSER` or the system user', example: "user: 'flowcraft'" },
  password: {
    takes: kind<string | (() => string | Promise<string>)>(
      'a text, or a function',
      (value) => typeof value === 'string' || typeof value === 'function',
    ),
    words: "The role's password, or a function that the adapter calls for every new connection.",
    otherwise: '`PGPASSWORD`',
    example: 'password: () => readSecret()',
  },
  database: {
    takes: text(),
    words: 'The database.',
    otherwise: "`PGDATABASE` or the user's name",
    example: "database: 'orders'",
  },
  ssl: {
    takes: either<boolean | PostgresTlsOptions>(
      'true or false, or TLS options ({ ca, cert, key, rejectUnauthorized })',
      (value) => typeof value === 'boolean' || typeof value === 'string',
      TLS_SCHEMA,
    ),
    words: "Encryption. The server's certificate is verified unless `rejectUnauthorized` is `false`.",
    otherwise: 'what the connection string or `PGSSLMODE` says',
    example: 'ssl: true',
  },
  options: {
    takes: text(),
    words: 'Command-line options for the server.',
    example: "options: '-c search_path=orders'",
  },
  application_name: {
    takes: text(),
    words: 'The name in `pg_stat_activity`.',
    otherwise: '`flowcraft`',
    example: "application_name: 'order-worker'",
  },
  statement_timeout: {
    takes: limit(),
    words: "The server's own limit for a statement, in place of its default. The adapter's is `statementTimeout`.",
    otherwise: "the server's",
    example: 'statement_timeout: 30_000',
  },
  lock_timeout: {
    takes: limit(),
    words:
      'How long a statement waits for a lock, in place of the default of the server. Writes of runs and contexts wait half ' +
      'a second at most, and are tried again.',
    otherwise: "the server's",
    example: 'lock_timeout: 5_000',
  },
  idle_in_transaction_session_timeout: {
    takes: limit(),
    words: 'How long a transaction may stand still, in place of the default of the server.',
    otherwise: "the server's",
    example: 'idle_in_transaction_session_timeout: 60_000',
  },
  connectionTimeoutMillis: {
    takes: wholeNumber({ from: 0, unit: 'milliseconds' }),
    words: 'How long the server may take to answer a new connection, in place of `connectTimeout`.',
    otherwise: '`connectTimeout`',
    example: 'connectionTimeoutMillis: 2_000',
  },
  pooler: {
    takes: flag(),
    words:
      'Whether a pooler such as PgBouncer stands before the server and shares connections among transactions: then no ' +
      'statement is prepared, and nothing is set on a connection. In session mode `false` may be said, which is faster. The ' +
      'log says which holds.',
    otherwise: 'the adapter finds out',
    example: 'pooler: true',
  },
  directUrl: {
    takes: text(),
    words:
      'A connection string past the pooler, for `migrate`. Without it `migrate` builds its index in a transaction, and ' +
      'whoever writes statuses waits meanwhile.',
    example: "directUrl: 'postgres://user@db.internal:5432/orders'",
  },
  max: {
    takes: wholeNumber({ from: 1, to: 10_000 }),
    words: 'Connections held at most.',
    default: 8,
    example: 'max: 16',
  },
} as const satisfies Schema<PostgresOptions>

export const POSTGRES_ACCEPTS = `a PostgreSQL connection string, a pg config object, a live pg Client or Pool, or ${A_MEMORY}`

/** A live Client has resolved its config into parameters; a live Pool keeps its config and a Client class. */
function isLive(value: Record<string, unknown>): boolean {
  return typeof value.query === 'function' || typeof value.Client === 'function' || 'connectionParameters' in value
}

export const postgresServer = (): Kind<PgClientLike | PostgresOptions | string> =>
  server(POSTGRES_ACCEPTS, POSTGRES_SCHEMA, isLive)
