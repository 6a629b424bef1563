/** The adapter's options: what each accepts, and one clear TypeError for what it does not. */
import type { ICoordinationStore, IEventBus, RuntimeOptions } from 'flowcraft'
import type { AmqpOptions } from './connections/amqp.js'
import { invalidOption, isObject } from './connections/invalid.js'
import type { PostgresOptions } from './connections/postgres.js'

/** A live amqplib connection (promise API, 0.10 to 2). It is driven as it is: amqplib keeps no credentials. */
export interface AmqpConnectionLike {
  createChannel(...args: never[]): unknown
  createConfirmChannel(...args: never[]): unknown
}

/** A live `pg` Client or Pool. Its connection parameters are read; the engine opens connections of its own. */
export interface PgClientLike {
  query(...args: never[]): unknown
  connect(...args: never[]): unknown
}

/** Options of a {@link RabbitMqAdapter}. */
export interface RabbitMqAdapterOptions {
  /** The options of a `FlowRuntime`: blueprints, registry, dependencies, middleware, evaluator, serializer, logger. */
  // biome-ignore lint/suspicious/noExplicitAny: core's own type for a runtime's dependencies
  runtimeOptions: RuntimeOptions<any>
  /** Ours, or any object with the methods of core's `ICoordinationStore`. */
  coordinationStore: ICoordinationStore
  /** Gets `job:enqueued`, `job:processed` and `job:failed`. */
  eventBus?: IEventBus
  /** A URL, several URLs of one cluster, an options object, or a live amqplib connection. */
  amqpConnection: AmqpConnectionLike | AmqpOptions | string | string[]
  /** A connection string, a `pg` config object, or a live `pg` Client or Pool. */
  pgClient: PgClientLike | PostgresOptions | string
  /** The table of contexts: `table` or `schema.table`. */
  contextTableName: string
  /** The table of statuses: `table` or `schema.table`. */
  statusTableName: string
  /** The queue of jobs; default `flowcraft-queue`. */
  queueName?: string
  /** Nodes in flight in this worker at a time; default 10. */
  concurrency?: number
  /** How long `stop()` waits for nodes in flight, in milliseconds; default 30,000. */
  stopTimeout?: number
  /**
   * How long another worker waits before it takes over a node whose worker died, in seconds; default 15.
   * A running node renews its lease, however long it takes.
   */
  leaseSeconds?: number
}

/** The options with their defaults. */
export interface CheckedOptions {
  queueName: string
  concurrency: number
  stopTimeout: number
  leaseSeconds: number
}

const STORE_METHODS = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get'] as const

/** Refuses what can not work, before anything is opened. */
export function checkOptions(options: RabbitMqAdapterOptions): CheckedOptions {
  if (!isObject(options)) throw invalidOption('options', 'an object')
  if (!isObject(options.runtimeOptions)) {
    throw invalidOption('runtimeOptions', "a FlowRuntime's options ({ blueprints, registry, … })")
  }
  const store = options.coordinationStore as unknown
  if (!isObject(store) || !STORE_METHODS.every((method) => typeof store[method] === 'function')) {
    throw invalidOption('coordinationStore', `an object with the methods ${STORE_METHODS.join(', ')}`)
  }
  if (options.eventBus !== undefined && typeof options.eventBus?.emit !== 'function') {
    throw invalidOption('eventBus', 'an object with the method emit')
  }
  for (const option of ['contextTableName', 'statusTableName'] as const) {
    if (typeof options[option] !== 'string' || options[option] === '')
      throw invalidOption(option, 'the name of a table')
  }
  const queueName = options.queueName ?? 'flowcraft-queue'
  if (typeof queueName !== 'string' || queueName === '') throw invalidOption('queueName', 'the name of a queue')
  return {
    queueName,
    concurrency: whole(options.concurrency ?? 10, 'concurrency', 1, 10_000),
    stopTimeout: whole(options.stopTimeout ?? 30_000, 'stopTimeout', 0, 2 ** 31 - 1),
    leaseSeconds: whole(options.leaseSeconds ?? 15, 'leaseSeconds', 1, 120),
  }
}

function whole(value: unknown, option: string, from: number, to: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    throw invalidOption(option, `a whole number from ${from} to ${to}`)
  }
  return value
}
