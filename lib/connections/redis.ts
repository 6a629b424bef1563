/**
 * Redis: a URL, an options object, or an `ioredis` client whose options are read; one server, a Cluster or Sentinels. Or a
 * memory.
 */
import { Store } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import { invalidOption } from '../options/invalid.js'
import { memoryName } from '../options/memory.js'
import { REDIS_ACCEPTS as ACCEPTS, type RedisOptions } from '../options/redis.js'
import { certificates } from './certificates.js'

/** Makes the store; opens no connection. */
export function openRedis(option: unknown): Store {
  const memory = memoryName(option)
  if (memory !== undefined) return Store.memory(memory)
  const settings = describe(option)
  try {
    return Store.redis(JSON.stringify(settings))
  } catch {
    throw invalidOption('redis', ACCEPTS)
  }
}

function describe(option: unknown): Record<string, unknown> {
  if (typeof option === 'string') {
    // From a file it comes with a line break. Valkey speaks the same.
    const url = option.trim().replace(/^(rediss?|valkeys?|unix|redis\+unix):/i, (scheme) => scheme.toLowerCase())
    const known = url.replace(/^valkey(s?):/, 'redis$1:')
    if (!/^(rediss?|unix|redis\+unix):\/\//.test(known)) throw invalidOption('redis', ACCEPTS)
    return { url: known, tls: tlsOfUrl(known) }
  }
  if (!isObject(option)) throw invalidOption('redis', ACCEPTS)
  if (option.isCluster === true) return ofClusterClient(option)
  const isClient = typeof option.duplicate === 'function' && isObject(option.options)
  const options = (isClient ? option.options : option) as RedisOptions & { enableTLSForSentinelMode?: boolean }
  const known = ['host', 'port', 'path', 'db', 'username', 'password', 'tls', 'keyPrefix', 'cluster', 'sentinels']
  if (!isClient && !known.some((field) => field in options)) throw invalidOption('redis', ACCEPTS)
  // As ioredis has it: a client with Sentinels encrypts only if it is told so twice.
  const encrypted = !isClient || !options.sentinels || options.enableTLSForSentinelMode === true
  const cluster = options.cluster === undefined ? undefined : clusterUrls(options.cluster)
  return {
    host: options.host ?? undefined,
    port: options.port === undefined ? undefined : Number(options.port),
    path: options.path ?? undefined,
    ...login(options),
    db: options.db ?? undefined,
    keyPrefix: cluster ? gathered(options.keyPrefix) : (options.keyPrefix ?? ''),
    tls: (encrypted ? tls(options.tls, 'redis.tls') : undefined) ?? tlsOfUrl(cluster?.[0]),
    cluster,
    sentinels: options.sentinels ? sentinels(options) : undefined,
  }
}

/** The prefix of keys in a Cluster, which has all keys of one limit where their first braces say. Empty ones say nothing. */
function gathered(prefix = ''): string {
  const begin = prefix.indexOf('{')
  if (begin >= 0 && prefix[begin + 1] === '}') {
    throw invalidOption(
      'redis.keyPrefix',
      'a text whose first brace is not that of {}, which would scatter the keys of a limit',
    )
  }
  return prefix
}

function login({ username, password }: RedisOptions): Record<string, unknown> {
  return { username: username ?? undefined, password: password ?? undefined }
}

/** A live Cluster client: its first nodes, and the options of each. */
function ofClusterClient(client: Record<string, unknown>): Record<string, unknown> {
  const { startupNodes, options } = client as { startupNodes?: unknown; options?: ClusterClientOptions }
  if (!Array.isArray(startupNodes) || startupNodes.length === 0) throw invalidOption('redis', ACCEPTS)
  if (options?.natMap) throw invalidOption('redis', `${ACCEPTS}; a Cluster client with a natMap is not supported`)
  const each: RedisOptions = { ...startupNodes.find(isObject), ...options?.redisOptions }
  const cluster = startupNodes.map((node) => urlOf(node, each.tls ? 'rediss' : 'redis'))
  return {
    cluster,
    ...login(each),
    keyPrefix: gathered(options?.keyPrefix),
    tls: tls(each.tls, 'redis.tls') ?? tlsOfUrl(cluster[0]),
  }
}

/** What is read of a live Cluster client's options. */
interface ClusterClientOptions {
  redisOptions?: RedisOptions
  keyPrefix?: string
  natMap?: unknown
}

/** A node as ioredis takes it: a URL, a port, `host:port`, or an object. */
function urlOf(node: unknown, protocol: string): string {
  if (typeof node === 'string' && node.includes('://')) return node
  if (typeof node === 'string' && !/^\d+$/.test(node)) return `${protocol}://${node}`
  const { host = '127.0.0.1', port = 6379 }: RedisOptions = isObject(node) ? node : { port: Number(node) }
  return `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function clusterUrls(urls: unknown): string[] {
  const good = Array.isArray(urls) && urls.length > 0 && urls.every((url) => /^rediss?:\/\//.test(url))
  if (!good) throw invalidOption('redis.cluster', 'redis: or rediss: URLs of some of its nodes')
  return urls
}

function sentinels(options: RedisOptions): Record<string, unknown> {
  const { sentinels: given, name } = options
  if (!Array.isArray(given) || given.length === 0 || !given.every(isObject))
    throw invalidOption('redis.sentinels', 'an array of { host, port }')
  if (typeof name !== 'string' || name === '') throw invalidOption('redis.name', "the master's name at the Sentinels")
  return {
    addresses: given.map(({ host = '127.0.0.1', port = 26379 }) => ({ host, port: Number(port) })),
    name,
    username: options.sentinelUsername ?? undefined,
    password: options.sentinelPassword ?? undefined,
    tls: tls(options.sentinelTLS, 'redis.sentinelTLS'),
  }
}

/** What a URL says of encryption. Without it the driver would trust authorities of its own in place of the machine's. */
function tlsOfUrl(url: string | undefined): Record<string, unknown> | undefined {
  return url?.startsWith('rediss:') ? { insecure: url.endsWith('#insecure') } : undefined
}

function tls(options: RedisOptions['tls'], name: string): Record<string, unknown> | undefined {
  if (!options) return undefined
  if (options === true) return {}
  return { ...certificates(options, name), insecure: options.rejectUnauthorized === false }
}
