/** The coordination store on Redis: counters and locks that workers look at. */
import type { ICoordinationStore } from 'flowcraft'
import { Store } from '../bridge/native.js'
import { openRedis } from '../connections/redis.js'
import { memoryName } from '../options/memory.js'
import { type IoRedisLike, type RedisOptions, redisServer } from '../options/redis.js'
import { unknownInside } from '../options/schema.js'

/** What is behind one of our stores. */
interface Behind {
  store: Store
  /** The name of the memory it is in; undefined for a real server. */
  memory: string | undefined
  /** Sentences about options nobody knows. */
  unknown: string[]
}

const behind = new WeakMap<RedisCoordinationStore, Behind>()

/**
 * Core's `ICoordinationStore` on Redis. Every operation is one atomic step at the server; `increment` sets
 * the time to live in the same one. The connection is opened when first needed.
 */
export class RedisCoordinationStore implements ICoordinationStore {
  readonly #store: Store

  /**
   * @param redis An `ioredis` client or Cluster (its options are read), a `redis:` or `rediss:` URL, or an options
   * object: of one server, of a Cluster (`cluster`), or of Sentinels (`sentinels`, `name`). Or `memory:` (`memory:name`),
   * for an adapter whose other servers are in that memory.
   *
   * @example
   * ```ts
   * const coordinationStore = new RedisCoordinationStore('redis://localhost')
   * ```
   */
  constructor(redis: IoRedisLike | RedisOptions | string) {
    this.#store = openRedis(redisServer.read(redis, 'redis'))
    behind.set(this, {
      store: this.#store,
      memory: memoryName(redis),
      unknown: unknownInside(redisServer, redis, 'redis'),
    })
  }

  /**
   * Adds one to a counter, gives it `ttlSeconds` to live, and answers with its new value.
   *
   * @example
   * ```ts
   * const visits = await store.increment('visits:17', 3600)
   * ```
   */
  increment(key: string, ttlSeconds: number): Promise<number> {
    return this.#store.increment(key, ttlSeconds)
  }

  /**
   * Sets a key that does not exist, for `ttlSeconds`; whether it did.
   *
   * @example
   * ```ts
   * const isMine = await store.setIfNotExist('report:2026-11', 'worker-1', 60)
   * ```
   */
  setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    return this.#store.setIfNotExist(key, value, ttlSeconds)
  }

  /**
   * Gives an existing key `ttlSeconds` to live; whether it exists.
   *
   * @example
   * ```ts
   * await store.extendTTL('report:2026-11', 60)
   * ```
   */
  extendTTL(key: string, ttlSeconds: number): Promise<boolean> {
    return this.#store.extendTtl(key, ttlSeconds)
  }

  /**
   * Removes a key.
   *
   * @example
   * ```ts
   * await store.delete('report:2026-11')
   * ```
   */
  async delete(key: string): Promise<void> {
    await this.#store.delete(key)
  }

  /**
   * The value of a key.
   *
   * @example
   * ```ts
   * const holder = await store.get('report:2026-11')
   * ```
   */
  async get(key: string): Promise<string | undefined> {
    return (await this.#store.get(key)) ?? undefined
  }
}

/** The store as the engine has it: behind one of ours, or the user's own object. */
export function openStore(store: ICoordinationStore): Store {
  return nativeStoreOf(store) ?? customStore(store)
}

/** A store of the user's own, called through its five methods. */
function customStore(store: ICoordinationStore): Store {
  return Store.custom({
    increment: async (key: string, ttl: number) => store.increment(key, ttl),
    setIfNotExist: async (key: string, value: string, ttl: number) => store.setIfNotExist(key, value, ttl),
    extendTtl: async (key: string, ttl: number) => store.extendTTL(key, ttl),
    delete: async (key: string) => void (await store.delete(key)),
    get: async (key: string) => (await store.get(key)) ?? null,
  })
}

/** The native store behind one of ours; none for a subclass, whose overrides have to be called. */
function nativeStoreOf(store: ICoordinationStore): Store | undefined {
  const own =
    store instanceof RedisCoordinationStore && Object.getPrototypeOf(store) === RedisCoordinationStore.prototype
  return own ? behind.get(store)?.store : undefined
}

/** Whether a store counts what is executed under limits: one of ours, as it is. */
export function countsLimits(store: ICoordinationStore): boolean {
  return nativeStoreOf(store) !== undefined
}

/** The name of the memory that a store of ours is in, undefined for a real server; nothing of a store of the user's own. */
export function memoryOfStore(store: ICoordinationStore): { coordinationStore?: string | undefined } {
  const ours = behind.get(store as RedisCoordinationStore)
  return ours ? { coordinationStore: ours.memory } : {}
}

/** Sentences about options that a store was given and nobody knows, for an adapter's logger. */
export function unknownStoreOptions(store: ICoordinationStore): string[] {
  return behind.get(store as RedisCoordinationStore)?.unknown ?? []
}
