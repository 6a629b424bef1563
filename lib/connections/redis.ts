/** Redis: a URL, an options object, or an `ioredis` client whose options are read. */
import { Store } from '../native.js'
import { certificates } from './certificates.js'
import { invalidOption, isObject } from './invalid.js'

/** Where Redis is, in ioredis' names. */
export interface RedisOptions {
  /** Default `127.0.0.1`. */
  host?: string
  /** Default 6379. */
  port?: number
  /** A Unix socket, in place of host and port. */
  path?: string
  /** Database number; default 0. */
  db?: number
  /** ACL user. */
  username?: string
  /** Password. */
  password?: string
  /** TLS; verified unless `rejectUnauthorized` is `false`. */
  tls?: boolean | RedisTlsOptions
  /** Put before every key. */
  keyPrefix?: string
}

/** TLS options, in Node.js' names. */
export interface RedisTlsOptions {
  ca?: string | Uint8Array | (string | Uint8Array)[]
  cert?: string | Uint8Array
  key?: string | Uint8Array
  rejectUnauthorized?: boolean
}

const ACCEPTS = 'a redis: or rediss: URL, an options object ({ host, port, … }), or an ioredis client'

/** Makes the store; opens no connection. */
export function openRedis(option: unknown): Store {
  const settings = describe(option)
  try {
    return Store.redis(JSON.stringify(settings))
  } catch {
    throw invalidOption('redis', ACCEPTS)
  }
}

function describe(option: unknown): Record<string, unknown> {
  if (typeof option === 'string') {
    if (!/^(rediss?|unix|redis\+unix):\/\//.test(option)) throw invalidOption('redis', ACCEPTS)
    return { url: option }
  }
  if (!isObject(option)) throw invalidOption('redis', ACCEPTS)
  if (option.isCluster === true) throw invalidOption('redis', `${ACCEPTS}; a Redis Cluster client is not supported`)
  const isClient = typeof option.duplicate === 'function' && isObject(option.options)
  const options = (isClient ? option.options : option) as RedisOptions & { sentinels?: unknown }
  if (options.sentinels) throw invalidOption('redis', `${ACCEPTS}; Sentinel is not supported`)
  const known = ['host', 'port', 'path', 'db', 'username', 'password', 'tls', 'keyPrefix']
  if (!isClient && !known.some((field) => field in options)) throw invalidOption('redis', ACCEPTS)
  return {
    host: options.host ?? undefined,
    port: options.port === undefined ? undefined : Number(options.port),
    path: options.path ?? undefined,
    db: options.db ?? undefined,
    username: options.username ?? undefined,
    password: options.password ?? undefined,
    keyPrefix: options.keyPrefix ?? '',
    tls: tls(options.tls),
  }
}

function tls(options: RedisOptions['tls']): Record<string, unknown> | undefined {
  if (!options) return undefined
  if (options === true) return {}
  return { ...certificates(options, 'redis.tls'), insecure: options.rejectUnauthorized === false }
}
