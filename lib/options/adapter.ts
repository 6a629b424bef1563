/** The adapter's options: what each accepts, and one clear TypeError for what it does not. */
import type { ICoordinationStore, IEventBus, RuntimeOptions } from 'flowcraft'
import type { WebhookOptions } from '../api/webhooks.js'
import type { AmqpOptions } from '../connections/amqp.js'
import type { PostgresOptions } from '../connections/postgres.js'
import { isObject } from '../is-object.js'
import { invalidOption } from './invalid.js'

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
  /**
   * Queues by blueprint: the jobs of a blueprint that is named here travel through the queue it is given, all others
   * through `queueName`. Each queue has dead letters and delays of its own.
   */
  queues?: Record<string, string>
  /**
   * The queues a started adapter takes jobs from, of `queueName` and those in `queues`; default all of them.
   * `concurrency` is one limit for all.
   */
  consume?: string[]
  /**
   * The type of the queues that are declared: of jobs, of dead letters and of delays. Default what the broker declares
   * without being told. A queue that exists is taken as it is. Quorum queues need RabbitMQ 3.10.
   */
  queueType?: QueueType
  /** Nodes in flight in this worker at a time; default 10. */
  concurrency?: number
  /** How long `stop()` waits for nodes in flight, in milliseconds; default 30,000. */
  stopTimeout?: number
  /**
   * How long another worker waits before it takes over a node whose worker died, in seconds; default 15.
   * A running node renews its lease, however long it takes.
   */
  leaseSeconds?: number
  /**
   * Where a node's retries (`config.maxRetries`) happen: within its job, or each as a job of its own, delayed by
   * `config.retryDelay` and more each time, the worker free meanwhile. Default `in-process`, as core does.
   */
  retryMode?: 'in-process' | 'queue'
  /** The longest wait between two attempts through the queue, in milliseconds; default 60,000. */
  retryMaxDelay?: number
  /**
   * How long a job whose run was started under another version of its blueprint waits for a worker that has it,
   * in milliseconds, before it goes to the dead letters; default one hour.
   */
  versionTimeout?: number
  /**
   * How long a job waits for a worker that has its blueprint at all, in milliseconds, before it goes to the dead
   * letters and its run fails; default 5,000.
   */
  blueprintTimeout?: number
  /**
   * What the worker does while Redis is out of reach: go on without leases (a message that comes twice may have its
   * node run twice; its result still counts once), or wait. It logs which, once. Default `continue`.
   */
  withoutRedis?: 'continue' | 'wait'
  /**
   * How often a started adapter looks for due jobs of its runs that nobody holds, and publishes them again, in
   * milliseconds; default 5,000; 0 for never. Of the workers of one queue one looks at a time.
   */
  repairInterval?: number
  /**
   * How long user code may block the event loop before this worker's nodes count as dead and others take them over,
   * in milliseconds; default 300,000.
   */
  eventLoopTimeout?: number
  /**
   * Called when the worker receives no more jobs and can not mend that: a live amqplib connection was closed for
   * good. The logger and the event bus (`worker:failed`) are told too.
   */
  onError?: (error: Error) => void
  /** Serves webhooks: where the handler is mounted, and the key its URLs are signed with. */
  webhook?: WebhookOptions
}

/** A type of RabbitMQ's queues: on one node, or replicated. */
export type QueueType = 'classic' | 'quorum'

/** The options with their defaults. */
export interface CheckedOptions {
  queueName: string
  queues: { blueprint: string; queue: string }[]
  consume: string[] | undefined
  queueType: QueueType | undefined
  concurrency: number
  stopTimeout: number
  leaseSeconds: number
  retryMode: 'in-process' | 'queue'
  retryMaxDelay: number
  versionTimeout: number
  blueprintTimeout: number
  withoutRedis: 'continue' | 'wait'
  repairInterval: number
  eventLoopTimeout: number
}

/** Milliseconds; the longest any time here may be set to. */
const MONTH = 2 ** 31 - 1

/** RabbitMQ takes line breaks out of a queue's name when it is declared: messages to the name as it was get lost. */
const QUEUE_NAME = /^[^\r\n]+$/
/** RabbitMQ's 255, less what the names of the delaying queues add. */
const LONGEST_QUEUE = 255 - '.delay.1677721600'.length

const A_QUEUE = `the name of a queue, of at most ${LONGEST_QUEUE} bytes and without line breaks`

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
  if (!isQueueName(queueName)) throw invalidOption('queueName', A_QUEUE)
  const queues = options.queues ?? {}
  if (!isObject(queues) || !Object.values(queues).every(isQueueName))
    throw invalidOption('queues', `an object of blueprints' ids, each with ${A_QUEUE}`)
  const known = [queueName, ...Object.values(queues)]
  const { consume } = options
  if (
    consume !== undefined &&
    !(Array.isArray(consume) && consume.length > 0 && consume.every((q) => known.includes(q)))
  )
    throw invalidOption('consume', 'an array of queues that queueName or queues names')
  const { queueType } = options
  if (queueType !== undefined && !['classic', 'quorum'].includes(queueType))
    throw invalidOption('queueType', "'classic' or 'quorum'")
  const retryMode = options.retryMode ?? 'in-process'
  if (!['in-process', 'queue'].includes(retryMode)) throw invalidOption('retryMode', "'in-process' or 'queue'")
  const withoutRedis = options.withoutRedis ?? 'continue'
  if (!['continue', 'wait'].includes(withoutRedis)) throw invalidOption('withoutRedis', "'continue' or 'wait'")
  if (options.onError !== undefined && typeof options.onError !== 'function')
    throw invalidOption('onError', 'a function')
  return {
    queueName,
    queues: Object.entries(queues).map(([blueprint, queue]) => ({ blueprint, queue })),
    consume,
    queueType,
    concurrency: whole(options.concurrency ?? 10, 'concurrency', 1, 10_000),
    stopTimeout: whole(options.stopTimeout ?? 30_000, 'stopTimeout', 0, 2 ** 31 - 1),
    leaseSeconds: whole(options.leaseSeconds ?? 15, 'leaseSeconds', 1, 120),
    retryMode,
    retryMaxDelay: whole(options.retryMaxDelay ?? 60_000, 'retryMaxDelay', 0, MONTH),
    versionTimeout: whole(options.versionTimeout ?? 3_600_000, 'versionTimeout', 0, MONTH),
    blueprintTimeout: whole(options.blueprintTimeout ?? 5_000, 'blueprintTimeout', 0, MONTH),
    withoutRedis,
    repairInterval: whole(options.repairInterval ?? 5_000, 'repairInterval', 0, MONTH),
    eventLoopTimeout: whole(options.eventLoopTimeout ?? 300_000, 'eventLoopTimeout', 1_000, MONTH),
  }
}

function isQueueName(name: unknown): name is string {
  return typeof name === 'string' && QUEUE_NAME.test(name) && Buffer.byteLength(name) <= LONGEST_QUEUE
}

/** A whole number within bounds, or the error that says so. */
export function whole(value: unknown, option: string, from: number, to: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    throw invalidOption(option, `a whole number from ${from} to ${to}`)
  }
  return value
}
