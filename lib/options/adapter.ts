/** Options of a `RabbitMqAdapter`: their types. The files of `adapter/` have their defaults, bounds and words. */
import type { ICoordinationStore, RuntimeOptions } from 'flowcraft'
import type { AmqpConnectionLike, AmqpOptions } from './amqp.js'
import type { ValueCodec } from './codec.js'
import type { AdapterEventBus } from './event-bus.js'
import type { HistoryOptions } from './history.js'
import type { LimitOptions } from './limits.js'
import type { PgClientLike, PostgresOptions } from './postgres.js'
import type { RetentionOptions } from './retention.js'
import type { TelemetryOptions } from './telemetry.js'
import type { WebhookOptions } from './webhook.js'

/** A type of RabbitMQ's queues: on one node, or replicated. */
export type QueueType = 'classic' | 'quorum'

/** Options of a {@link RabbitMqAdapter}. */
export interface RabbitMqAdapterOptions {
  /**
   * The options of a `FlowRuntime`: blueprints, registry, dependencies, middleware, evaluator, serializer, logger,
   * eventBus.
   *
   * @example
   * ```ts
   * runtimeOptions: { blueprints: { order: flow.toBlueprint() }, registry: { charge } }
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: core's own type for a runtime's dependencies
  runtimeOptions: RuntimeOptions<any>
  /**
   * Gets every event of what this worker does: core’s, `job:enqueued`, `job:processed`, `job:failed`. A bus in
   * `runtimeOptions` gets the same; where there are two, each gets every event once. `worker:ready`,
   * `worker:reconnecting`, `worker:stopped` and `worker:failed` are about no run: this bus alone gets them.
   *
   * @example
   * ```ts
   * eventBus: { emit: async (event) => console.log(event.type) }
   * ```
   */
  eventBus?: AdapterEventBus
  /**
   * Called when the worker receives no jobs and cannot mend it: a live amqplib connection was closed for good, or
   * the tables cannot be worked with when it starts (it takes jobs once they are mended). The logger and the event
   * bus (`worker:failed`) are told too.
   *
   * @example
   * ```ts
   * onError: () => process.exit(1)
   * ```
   */
  onError?: (error: Error) => void
  /**
   * Whether a value that JSON would change (a `Map`, a `Set`, an error, an instance of a class, `NaN`, `undefined`
   * in an array, …) fails its node. Otherwise it is stored as JSON has it, and the log warns of it, once a node. A
   * serializer in `runtimeOptions` that gives back the same value keeps it as it is.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * strictValues: true
   * ```
   */
  strictValues?: boolean
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
  /**
   * A `RedisCoordinationStore`, or your own object with the methods of core's `ICoordinationStore`. With the other
   * servers in memory, `new RedisCoordinationStore('memory:')`.
   *
   * @example
   * ```ts
   * coordinationStore: new RedisCoordinationStore('redis://localhost')
   * ```
   */
  coordinationStore: ICoordinationStore
  /**
   * RabbitMQ: a URL (`amqp:`, `amqps:`), several URLs of one cluster, an options object, or a live amqplib
   * connection (0.10 to 2). `memory:` (or `memory:name`) stands for all servers in the memory of this process:
   * adapters of its threads that name the same memory share it, nothing of it is durable, and `pgClient` and the
   * coordination store must name it too.
   *
   * @example
   * ```ts
   * amqpConnection: 'amqp://localhost'
   * ```
   */
  amqpConnection: AmqpConnectionLike | AmqpOptions | string | string[]
  /**
   * PostgreSQL: a connection string, a `pg` config object, or a live `pg` Client or Pool, whose parameters the
   * adapter reads. It opens connections of its own. `memory:` as in `amqpConnection`.
   *
   * @example
   * ```ts
   * pgClient: 'postgresql://user:pass@localhost:5432/db'
   * ```
   */
  pgClient: PgClientLike | PostgresOptions | string
  /**
   * The table of contexts: `table` or `schema.table`.
   *
   * @example
   * ```ts
   * contextTableName: 'flowcraft_contexts'
   * ```
   */
  contextTableName: string
  /**
   * The table of statuses: `table` or `schema.table`.
   *
   * @example
   * ```ts
   * statusTableName: 'flowcraft_statuses'
   * ```
   */
  statusTableName: string
  /**
   * The queue of jobs. The worker declares it as durable where there is none.
   *
   * @defaultValue `'flowcraft-queue'`
   *
   * @example
   * ```ts
   * queueName: 'flowcraft-jobs'
   * ```
   */
  queueName?: string
  /**
   * Queues by blueprint. The jobs of a blueprint that is named here travel through the queue it is given, all others
   * through `queueName`. Each queue has dead letters and delays of its own.
   *
   * @defaultValue `{}`
   *
   * @example
   * ```ts
   * queues: { video: 'video-jobs' }
   * ```
   */
  queues?: Record<string, string>
  /**
   * The queues a started adapter takes jobs from, of `queueName` and those in `queues`. `concurrency` is one limit
   * for all of them.
   *
   * @defaultValue all of them
   *
   * @example
   * ```ts
   * consume: ['video-jobs']
   * ```
   */
  consume?: string[]
  /**
   * The type of the queues the adapter declares: of jobs, of dead letters and of delays. It takes a queue that
   * exists as it is. Quorum queues need RabbitMQ 3.10.
   *
   * @defaultValue the broker's own
   *
   * @example
   * ```ts
   * queueType: 'quorum'
   * ```
   */
  queueType?: QueueType
  /**
   * The greatest priority that the queues of jobs tell apart: runs started with a greater `priority` are worked
   * first. Such queues are classic ones. RabbitMQ keeps a queue for each priority, so take few, such as 5. A queue
   * that exists stays as it is: to give it priorities, delete it and start the workers again.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * maxPriority: 5
   * ```
   */
  maxPriority?: number
  /**
   * How many nodes this worker runs at a time. It is the prefetch of each of its queues. A hundred serve nodes that
   * wait for others and chains of short ones; take fewer where nodes compute for long, since they share one thread,
   * and `limits` where a server that they call takes few calls at a time.
   *
   * @defaultValue `100`
   *
   * @example
   * ```ts
   * concurrency: 20
   * ```
   */
  concurrency?: number
  /**
   * Whether a worker that has committed a result runs the node that is due then, if it is the only one, at once and
   * under the message it holds, instead of publishing it: up to 100 nodes or 250 ms in a row, four or 50 ms while
   * all of its `concurrency` is in use. Each node has a lease and a commit of its own as ever. Set it to `false`
   * while version 1 works the same queues.
   *
   * @defaultValue `true`
   *
   * @example
   * ```ts
   * continuation: false
   * ```
   */
  continuation?: boolean
  /**
   * How the nodes of subflows are executed. `jobs`: as jobs of the run, each with a lease and a commit of its own,
   * so that what holds for other nodes holds for them. `whole`: all within the job of the node that runs the
   * subflow, as 2.0.0 does. `auto`: as jobs where every worker of this adapter's queues can execute them, else
   * whole. A node with `config.inProcess: true` always runs its subflow whole, and so does every one where the
   * runtime has middleware.
   *
   * @defaultValue `'auto'`
   *
   * @example
   * ```ts
   * subflows: 'whole'
   * ```
   */
  subflows?: 'auto' | 'jobs' | 'whole'
  /**
   * Limits by key, for all workers of one Redis together: how many nodes with that `config.limit` are executed at a
   * time, and how many start within a time. `config.limit` is one of these names, or begins with one and a colon:
   * `'tenant:${customerId}'` is a key for each value of `customerId` in the run's context. A job that waits holds no
   * place.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * limits: { openai: { concurrency: 4, rate: { count: 60, perMs: 60_000 } } }
   * ```
   */
  limits?: Record<string, LimitOptions>
  /**
   * How long `stop()` waits for nodes in flight. Whatever hangs, it ends at most three seconds later, and what was
   * not done is back in its queue.
   *
   * @defaultValue `20000`
   *
   * @example
   * ```ts
   * stopTimeout: 10_000
   * ```
   */
  stopTimeout?: number
  /**
   * How long your code may block the event loop before this worker's nodes count as dead and others take them over.
   *
   * @defaultValue `300000`
   *
   * @example
   * ```ts
   * eventLoopTimeout: 60_000
   * ```
   */
  eventLoopTimeout?: number
  /**
   * Where a node's retries (`config.maxRetries`) happen: within its job, as core does, or each as a job of its own.
   * Through the queue each attempt waits `config.retryDelay`, doubled each time and shortened at random by up to a
   * quarter, and the worker is free meanwhile.
   *
   * @defaultValue `'in-process'`
   *
   * @example
   * ```ts
   * retryMode: 'queue'
   * ```
   */
  retryMode?: 'in-process' | 'queue'
  /**
   * The longest wait between two attempts through the queue.
   *
   * @defaultValue `60000`
   *
   * @example
   * ```ts
   * retryMaxDelay: 600_000
   * ```
   */
  retryMaxDelay?: number
  /**
   * How long another worker waits before it takes over a node whose worker died. A running node renews its lease,
   * however long it takes.
   *
   * @defaultValue `15`
   *
   * @example
   * ```ts
   * leaseSeconds: 30
   * ```
   */
  leaseSeconds?: number
  /**
   * How many workers may die while they execute a node, before it fails with that reason; 0 for any number. After
   * the first the node is executed alone for five seconds, and before the last one for as long as it takes. With 1,
   * whatever a worker executed when it died fails. Deaths are counted in Redis.
   *
   * @defaultValue `3`
   *
   * @example
   * ```ts
   * maxDeaths: 5
   * ```
   */
  maxDeaths?: number
  /**
   * What the worker does while Redis is out of reach: it goes on, or it waits. While it goes on it claims each node
   * in PostgreSQL before it runs it: one more commit a job. A message that may be a copy waits for the time of a
   * lease first, and then half of that for a word of whoever executes its node: others may still reach Redis. The
   * log says which, once.
   *
   * @defaultValue `'continue'`
   *
   * @example
   * ```ts
   * withoutRedis: 'wait'
   * ```
   */
  withoutRedis?: 'continue' | 'wait'
  /**
   * How long RabbitMQ and PostgreSQL may take to answer a new connection and to log the adapter in. Each of several
   * URLs of RabbitMQ has that time, each of several hosts of PostgreSQL at most three seconds of it.
   *
   * @defaultValue `5000`
   *
   * @example
   * ```ts
   * connectTimeout: 10_000
   * ```
   */
  connectTimeout?: number
  /**
   * How long a statement may take. Then it is cancelled; a connection that gives no answer for two seconds more is
   * closed, and the work goes on over another one. A batch of results has a second more for each MiB. Migrations
   * have limits of their own.
   *
   * @defaultValue `15000`
   *
   * @example
   * ```ts
   * statementTimeout: 60_000
   * ```
   */
  statementTimeout?: number
  /**
   * How long RabbitMQ may take to confirm a message. Then the message is published again over another connection.
   * Where RabbitMQ says that it is short of memory or disk, the adapter waits for as long as it is.
   *
   * @defaultValue `15000`
   *
   * @example
   * ```ts
   * publishTimeout: 30_000
   * ```
   */
  publishTimeout?: number
  /**
   * How long the coordination store may take to answer. Then it counts as out of reach (`withoutRedis`), and the
   * next call opens another connection.
   *
   * @defaultValue `2000`
   *
   * @example
   * ```ts
   * leaseTimeout: 500
   * ```
   */
  leaseTimeout?: number
  /**
   * How often a started adapter looks for due jobs of its runs that nobody holds, and publishes them again; 0 for
   * never. Of the workers of one queue one looks at a time.
   *
   * @defaultValue `5000`
   *
   * @example
   * ```ts
   * repairInterval: 1_000
   * ```
   */
  repairInterval?: number
  /**
   * How long a job whose run was started under another version of its blueprint waits for a worker that has it. Then
   * it goes to the dead letters, and its run fails.
   *
   * @defaultValue `3600000`
   *
   * @example
   * ```ts
   * versionTimeout: 600_000
   * ```
   */
  versionTimeout?: number
  /**
   * How long a job waits for a worker that has its blueprint at all, its node in it, or the blueprint that the node
   * runs as a subflow. Then it goes to the dead letters, and its run fails. While a worker lives that has another
   * revision of the blueprint, or the inner one, the job waits for that, and beside workers of earlier versions,
   * which do not say what they have, as long as `versionTimeout`.
   *
   * @defaultValue `5000`
   *
   * @example
   * ```ts
   * blueprintTimeout: 60_000
   * ```
   */
  blueprintTimeout?: number
  /**
   * How long a node's result waits while PostgreSQL does not take it because of its run alone: another transaction
   * has locked its row, or its statement takes too long. Then the node fails with that reason. A result that has
   * waited for a second no longer counts in `concurrency`, as long as Redis answers; a worker keeps up to 1,000 of
   * these, 64 MiB together.
   *
   * @defaultValue `600000`
   *
   * @example
   * ```ts
   * writeTimeout: 60_000
   * ```
   */
  writeTimeout?: number
  /**
   * How long runs are kept after they have ended, by how they ended, in milliseconds since they last changed. A
   * worker of the fleet removes older ones by itself, whole, as `client.purge` does: one worker at a time, once a
   * minute while there are some, up to 10,000 at a time of each kind.
   *
   * @defaultValue for ever
   *
   * @example
   * ```ts
   * retention: { completed: 7 * 24 * 3_600_000, failed: 90 * 24 * 3_600_000 }
   * ```
   */
  retention?: RetentionOptions
  /**
   * Serves webhooks: where the handler is mounted, and the key its URLs are signed with.
   *
   * @defaultValue no webhooks
   *
   * @example
   * ```ts
   * webhook: { baseUrl: 'https://example.com/hooks', secret: process.env.WEBHOOK_SECRET }
   * ```
   */
  webhook?: WebhookOptions
  /**
   * Whether what went into each attempt at a node and what came out, its error and what it logged are kept for
   * people to look at: `run.history()`, `runs history`, the dashboard. It needs step 9 of `migrate`. A worker writes
   * it beside the results, a quarter of a second later, and what it has not written when it dies is lost.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * history: { maxValueBytes: 16_384, keepMs: 7 * 24 * 3_600_000 }
   * ```
   */
  history?: boolean | HistoryOptions
  /**
   * What is told to OpenTelemetry: traces and metrics.
   *
   * @defaultValue nothing
   *
   * @example
   * ```ts
   * telemetry: { traces: 'links', metrics: true }
   * ```
   */
  telemetry?: TelemetryOptions
}
