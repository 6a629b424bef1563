/** Where Redis is. */
import { isObject } from '../is-object.js'
import { either, list, port, server, text, wholeNumber } from './kinds.js'
import { A_MEMORY } from './memory.js'
import type { Kind, Schema } from './schema.js'
import { TLS_SCHEMA, type TlsOptions } from './tls.js'

/** What is read of a live `ioredis` client or Cluster: its options. It is not used for commands. */
export interface IoRedisLike {
  readonly options: object
  duplicate(...args: never[]): unknown
}

/** TLS options, in Node.js' names. */
export interface RedisTlsOptions extends TlsOptions {}

/** Where Redis is, in ioredis' names. */
export interface RedisOptions {
  /**
   * The server's name or address.
   *
   * @defaultValue `'127.0.0.1'`
   *
   * @example
   * ```ts
   * host: 'redis.internal'
   * ```
   */
  host?: string
  /**
   * The server's port.
   *
   * @defaultValue `6379`
   *
   * @example
   * ```ts
   * port: 6379
   * ```
   */
  port?: number
  /**
   * A Unix socket, in place of host and port.
   *
   * @example
   * ```ts
   * path: '/run/redis/redis.sock'
   * ```
   */
  path?: string
  /**
   * The number of the database.
   *
   * @defaultValue `0`
   *
   * @example
   * ```ts
   * db: 2
   * ```
   */
  db?: number
  /**
   * The ACL user.
   *
   * @example
   * ```ts
   * username: 'orders'
   * ```
   */
  username?: string
  /**
   * The password.
   *
   * @example
   * ```ts
   * password: process.env.REDIS_PASSWORD
   * ```
   */
  password?: string
  /**
   * Encryption. The server's certificate is verified unless `rejectUnauthorized` is `false`.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * tls: true
   * ```
   */
  tls?: boolean | RedisTlsOptions
  /**
   * Text before every key. Give every worker the same.
   *
   * @defaultValue `''`
   *
   * @example
   * ```ts
   * keyPrefix: 'orders:'
   * ```
   */
  keyPrefix?: string
  /**
   * Nodes of a Redis Cluster, in place of an address. The adapter asks one of them for the others.
   *
   * @example
   * ```ts
   * cluster: ['redis://a:6379', 'redis://b:6379']
   * ```
   */
  cluster?: string[]
  /**
   * Sentinels, in place of an address. They say where the master is.
   *
   * @example
   * ```ts
   * sentinels: [{ host: 'sentinel-a', port: 26379 }]
   * ```
   */
  sentinels?: { host?: string; port?: number }[]
  /**
   * What the Sentinels call the master.
   *
   * @example
   * ```ts
   * name: 'mymaster'
   * ```
   */
  name?: string
  /**
   * The ACL user at the Sentinels.
   *
   * @example
   * ```ts
   * sentinelUsername: 'watcher'
   * ```
   */
  sentinelUsername?: string
  /**
   * The password at the Sentinels.
   *
   * @example
   * ```ts
   * sentinelPassword: process.env.SENTINEL_PASSWORD
   * ```
   */
  sentinelPassword?: string
  /**
   * Encryption of the connection to the Sentinels.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * sentinelTLS: true
   * ```
   */
  sentinelTLS?: boolean | RedisTlsOptions
}

const tls = () =>
  either<boolean | RedisTlsOptions>(
    'true or false, or TLS options ({ ca, cert, key, rejectUnauthorized })',
    (value) => typeof value === 'boolean',
    TLS_SCHEMA,
  )

export const REDIS_SCHEMA = {
  host: {
    takes: text(),
    words: "The server's name or address.",
    default: '127.0.0.1',
    example: "host: 'redis.internal'",
  },
  port: { takes: port(), words: "The server's port.", default: 6379, example: 'port: 6379' },
  path: {
    takes: text(),
    words: 'A Unix socket, in place of host and port.',
    example: "path: '/run/redis/redis.sock'",
  },
  db: { takes: wholeNumber({ from: 0 }), words: 'The number of the database.', default: 0, example: 'db: 2' },
  username: { takes: text(), words: 'The ACL user.', example: "username: 'orders'" },
  password: { takes: text(), words: 'The password.', example: 'password: process.env.REDIS_PASSWORD' },
  tls: {
    takes: tls(),
    words: "Encryption. The server's certificate is verified unless `rejectUnauthorized` is `false`.",
    default: false,
    example: 'tls: true',
  },
  keyPrefix: {
    takes: text(),
    words: 'Text before every key. Give every worker the same.',
    default: '',
    example: "keyPrefix: 'orders:'",
  },
  cluster: {
    takes: list<string>(
      'redis: or rediss: URLs of some of its nodes',
      (url) => typeof url === 'string' && /^rediss?:\/\//.test(url),
    ),
    words: 'Nodes of a Redis Cluster, in place of an address. The adapter asks one of them for the others.',
    example: "cluster: ['redis://a:6379', 'redis://b:6379']",
  },
  sentinels: {
    takes: list<{ host?: string; port?: number }>('an array of { host, port }', isObject),
    words: 'Sentinels, in place of an address. They say where the master is.',
    example: "sentinels: [{ host: 'sentinel-a', port: 26379 }]",
  },
  name: { takes: text(), words: 'What the Sentinels call the master.', example: "name: 'mymaster'" },
  sentinelUsername: { takes: text(), words: 'The ACL user at the Sentinels.', example: "sentinelUsername: 'watcher'" },
  sentinelPassword: {
    takes: text(),
    words: 'The password at the Sentinels.',
    example: 'sentinelPassword: process.env.SENTINEL_PASSWORD',
  },
  sentinelTLS: {
    takes: tls(),
    words: 'Encryption of the connection to the Sentinels.',
    default: false,
    example: 'sentinelTLS: true',
  },
} as const satisfies Schema<RedisOptions>

export const REDIS_ACCEPTS =
  'a redis: or rediss: URL, an options object ({ host, port, … }, { cluster: [urls] } or ' +
  `{ sentinels: [{ host, port }], name }), an ioredis client, or ${A_MEMORY}`

const isLive = (value: Record<string, unknown>) => value.isCluster === true || typeof value.duplicate === 'function'

/** What a `RedisCoordinationStore` is made from. */
export const redisServer: Kind<IoRedisLike | RedisOptions | string> = server(REDIS_ACCEPTS, REDIS_SCHEMA, isLive)
