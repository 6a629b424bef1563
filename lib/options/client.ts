/** Options of `createRabbitMqClient`. Those that an adapter has too mean the same. */
import type { ICoordinationStore, ILogger, ISerializer, WorkflowBlueprint } from 'flowcraft'
import type { QueueType } from './adapter.js'
import { ADAPTER_SCHEMA } from './adapter-schema.js'
import type { AmqpConnectionLike, AmqpOptions } from './amqp.js'
import type { ValueCodec } from './codec.js'
import { objectWith } from './kinds.js'
import type { PgClientLike, PostgresOptions } from './postgres.js'
import type { AnyOption, Checked, Schema } from './schema.js'
import type { TelemetryOptions } from './telemetry.js'

/** Options of a client. */
export interface RabbitMqClientOptions {
  /**
   * The blueprints it starts, by their ids: blueprints, or what `createFlow` builds. Runs of all blueprints can be
   * watched and controlled without them.
   *
   * @defaultValue none: the client starts runs of blueprints that live workers have registered
   *
   * @example
   * ```ts
   * blueprints: { order: flow }
   * ```
   */
  blueprints?: Readonly<Record<string, WorkflowBlueprint | { toBlueprint(): WorkflowBlueprint }>>
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
   * Whether a value that JSON would change is refused. Otherwise it is stored as JSON has it, and the log warns.
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
   * Gets what the client has to say.
   *
   * @defaultValue the console
   *
   * @example
   * ```ts
   * logger: new ConsoleLogger()
   * ```
   */
  logger?: ILogger
  /**
   * The workers' coordination store. With it a result is at its waiter within milliseconds (without it within half a
   * second), joins of `rerunFrom` go on at once, and nothing of a removed run is left there for up to an hour.
   * Needed beside workers of version 1, which look there first.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * coordinationStore: new RedisCoordinationStore('redis://localhost')
   * ```
   */
  coordinationStore?: ICoordinationStore
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
   * What is told to OpenTelemetry: of a client, its traces.
   *
   * @defaultValue nothing
   *
   * @example
   * ```ts
   * telemetry: { traces: 'links' }
   * ```
   */
  telemetry?: TelemetryOptions
}

/** The adapter's option, as it is. */
function ofAdapter<O extends AnyOption & { group: string }>({ group: _, ...option }: O): Omit<O, 'group'> {
  return option
}

const STORE_METHODS = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get']

export const CLIENT_SCHEMA = {
  blueprints: {
    takes: objectWith<NonNullable<RabbitMqClientOptions['blueprints']>>([], "an object of blueprints' ids"),
    words:
      'The blueprints it starts, by their ids: blueprints, or what `createFlow` builds. Runs of all blueprints can be ' +
      'watched and controlled without them.',
    otherwise: 'none: the client starts runs of blueprints that live workers have registered',
    example: 'blueprints: { order: flow }',
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
  strictValues: {
    ...ofAdapter(ADAPTER_SCHEMA.strictValues),
    words:
      'Whether a value that JSON would change is refused. Otherwise it is stored as JSON has it, and the log warns.',
  },
  codec: ofAdapter(ADAPTER_SCHEMA.codec),
  logger: {
    takes: objectWith<ILogger>(
      ['debug', 'info', 'warn', 'error'],
      'a logger with the methods debug, info, warn and error',
    ),
    words: 'Gets what the client has to say.',
    otherwise: 'the console',
    example: 'logger: new ConsoleLogger()',
  },
  coordinationStore: {
    takes: objectWith<ICoordinationStore>(STORE_METHODS, `an object with the methods ${STORE_METHODS.join(', ')}`),
    words:
      "The workers' coordination store. With it a result is at its waiter within milliseconds (without it within half a " +
      'second), joins of `rerunFrom` go on at once, and nothing of a removed run is left there for up to an hour. ' +
      'Needed beside workers of version 1, which look there first.',
    otherwise: 'none',
    example: "coordinationStore: new RedisCoordinationStore('redis://localhost')",
  },
  amqpConnection: ofAdapter(ADAPTER_SCHEMA.amqpConnection),
  pgClient: ofAdapter(ADAPTER_SCHEMA.pgClient),
  contextTableName: ofAdapter(ADAPTER_SCHEMA.contextTableName),
  statusTableName: ofAdapter(ADAPTER_SCHEMA.statusTableName),
  queueName: ofAdapter(ADAPTER_SCHEMA.queueName),
  queues: ofAdapter(ADAPTER_SCHEMA.queues),
  queueType: ofAdapter(ADAPTER_SCHEMA.queueType),
  maxPriority: ofAdapter(ADAPTER_SCHEMA.maxPriority),
  connectTimeout: ofAdapter(ADAPTER_SCHEMA.connectTimeout),
  statementTimeout: ofAdapter(ADAPTER_SCHEMA.statementTimeout),
  publishTimeout: ofAdapter(ADAPTER_SCHEMA.publishTimeout),
  leaseTimeout: ofAdapter(ADAPTER_SCHEMA.leaseTimeout),
  telemetry: {
    ...ofAdapter(ADAPTER_SCHEMA.telemetry),
    words: 'What is told to OpenTelemetry: of a client, its traces.',
    example: "telemetry: { traces: 'links' }",
  },
} as const satisfies Schema<RabbitMqClientOptions>

/** What the engine reads: the client's own, and the adapter's defaults for what only a worker needs. */
export function clientEngineOptions(checked: Checked<typeof CLIENT_SCHEMA>): Record<string, unknown> {
  const all: [string, AnyOption][] = Object.entries(ADAPTER_SCHEMA)
  const own: Record<string, unknown> = checked
  return Object.fromEntries(
    all.filter(([, option]) => option.engine).map(([name, option]) => [name, own[name] ?? option.default]),
  )
}
