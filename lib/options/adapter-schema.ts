/**
 * Options of a `RabbitMqAdapter`: the one place that says what each takes, what holds without it, and what it means. A new
 * option is an entry here, its type in `adapter.ts`, and the place that uses it; one that the engine reads is also a
 * field in `src/bridge/settings.rs`, which becomes one in `src/worker/settings.rs`, and the simulation chooses it in
 * `src/simulation/engines.rs`. `npm run options` writes the documentation.
 */
import type { ICoordinationStore, RuntimeOptions } from 'flowcraft'
import type { RabbitMqAdapterOptions } from './adapter.js'
import { amqpServer } from './amqp.js'
import { CODEC_OPTION } from './codec.js'
import type { AdapterEventBus } from './event-bus.js'
import { historyOption } from './history.js'
import { invalidOption } from './invalid.js'
import {
  callback,
  flag,
  list,
  milliseconds,
  object,
  objectWith,
  oneOf,
  queueName,
  queuesByBlueprint,
  tableName,
  wholeNumber,
} from './kinds.js'
import { limitsByName } from './limits.js'
import { postgresServer } from './postgres.js'
import { RETENTION_SCHEMA, type RetentionOptions } from './retention.js'
import { type AnySchema, type Checked, check, type Schema } from './schema.js'
import { TELEMETRY_SCHEMA, type TelemetryOptions } from './telemetry.js'
import { WEBHOOK_SCHEMA, type WebhookOptions } from './webhook.js'

/** What belongs together, in the order of the documentation. */
export const GROUPS = {
  workflows: 'Workflows',
  servers: 'Servers and tables',
  queues: 'Queues',
  worker: 'The worker',
  retries: 'Retries',
  recovery: 'Faults and recovery',
  webhooks: 'Webhooks',
  telemetry: 'Telemetry',
} as const

type Grouped<S> = { readonly [K in keyof S]: S[K] & { readonly group: keyof typeof GROUPS } }

const STORE_METHODS = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get']

export const ADAPTER_SCHEMA = {
  runtimeOptions: {
    group: 'workflows',
    // biome-ignore lint/suspicious/noExplicitAny: core's own type for a runtime's dependencies
    takes: objectWith<RuntimeOptions<any>>([], "a FlowRuntime's options ({ blueprints, registry, … })"),
    words:
      'The options of a `FlowRuntime`: blueprints, registry, dependencies, middleware, evaluator, serializer, logger, ' +
      'eventBus.',
    required: true,
    example: 'runtimeOptions: { blueprints: { order: flow.toBlueprint() }, registry: { charge } }',
  },
  eventBus: {
    group: 'workflows',
    takes: objectWith<AdapterEventBus>(['emit'], 'an object with the method emit'),
    words:
      'Gets every event of what this worker does: core’s, `job:enqueued`, `job:processed`, `job:failed`. A bus in ' +
      '`runtimeOptions` gets the same; where there are two, each gets every event once. `worker:ready`, ' +
      '`worker:reconnecting`, `worker:stopped` and `worker:failed` are about no run: this bus alone gets them.',
    example: 'eventBus: { emit: async (event) => console.log(event.type) }',
  },
  onError: {
    group: 'workflows',
    takes: callback<(error: Error) => void>(),
    words:
      'Called when the worker receives no jobs and cannot mend it: a live amqplib connection was closed for good, or the ' +
      'tables cannot be worked with when it starts (it takes jobs once they are mended). The logger and the event bus (`worker:failed`) are told too.',
    example: 'onError: () => process.exit(1)',
  },
  strictValues: {
    group: 'workflows',
    takes: flag(),
    words:
      'Whether a value that JSON would change (a `Map`, a `Set`, an error, an instance of a class, `NaN`, `undefined` in an ' +
      'array, …) fails its node. Otherwise it is stored as JSON has it, and the log warns of it, once a node. A serializer ' +
      'in `runtimeOptions` that gives back the same value keeps it as it is.',
    default: false,
    example: 'strictValues: true',
  },
  codec: { group: 'workflows', ...CODEC_OPTION },
  coordinationStore: {
    group: 'servers',
    takes: objectWith<ICoordinationStore>(STORE_METHODS, `an object with the methods ${STORE_METHODS.join(', ')}`),
    words:
      "A `RedisCoordinationStore`, or your own object with the methods of core's `ICoordinationStore`. With the other " +
      "servers in memory, `new RedisCoordinationStore('memory:')`.",
    required: true,
    example: "coordinationStore: new RedisCoordinationStore('redis://localhost')",
  },
  amqpConnection: {
    group: 'servers',
    takes: amqpServer(),
    words:
      'RabbitMQ: a URL (`amqp:`, `amqps:`), several URLs of one cluster, an options object, or a live amqplib connection ' +
      '(0.10 to 2). `memory:` (or `memory:name`) stands for all servers in the memory of this process: adapters of its ' +
      'threads that name the same memory share it, nothing of it is durable, and `pgClient` and the coordination store ' +
      'must name it too.',
    required: true,
    example: "amqpConnection: 'amqp://localhost'",
  },
  pgClient: {
    group: 'servers',
    takes: postgresServer(),
    words:
      'PostgreSQL: a connection string, a `pg` config object, or a live `pg` Client or Pool, whose parameters the adapter ' +
      'reads. It opens connections of its own. `memory:` as in `amqpConnection`.',
    required: true,
    example: "pgClient: 'postgresql://user:pass@localhost:5432/db'",
  },
  contextTableName: {
    group: 'servers',
    takes: tableName(),
    words: 'The table of contexts: `table` or `schema.table`.',
    required: true,
    example: "contextTableName: 'flowcraft_contexts'",
    engine: true,
  },
  statusTableName: {
    group: 'servers',
    takes: tableName(),
    words: 'The table of statuses: `table` or `schema.table`.',
    required: true,
    example: "statusTableName: 'flowcraft_statuses'",
    engine: true,
  },
  queueName: {
    group: 'queues',
    takes: queueName(),
    words: 'The queue of jobs. The worker declares it as durable where there is none.',
    default: 'flowcraft-queue',
    example: "queueName: 'flowcraft-jobs'",
    engine: true,
  },
  queues: {
    group: 'queues',
    takes: queuesByBlueprint(),
    words:
      'Queues by blueprint. The jobs of a blueprint that is named here travel through the queue it is given, all others ' +
      'through `queueName`. Each queue has dead letters and delays of its own.',
    default: {},
    example: "queues: { video: 'video-jobs' }",
    engine: true,
  },
  consume: {
    group: 'queues',
    takes: list<string>('an array of queues that queueName or queues names', (queue) => typeof queue === 'string'),
    words:
      'The queues a started adapter takes jobs from, of `queueName` and those in `queues`. `concurrency` is one limit for ' +
      'all of them.',
    otherwise: 'all of them',
    example: "consume: ['video-jobs']",
    engine: true,
  },
  queueType: {
    group: 'queues',
    takes: oneOf(['classic', 'quorum']),
    words:
      'The type of the queues the adapter declares: of jobs, of dead letters and of delays. It takes a queue that exists ' +
      'as it is. Quorum queues need RabbitMQ 3.10.',
    otherwise: "the broker's own",
    example: "queueType: 'quorum'",
  },
  maxPriority: {
    group: 'queues',
    takes: wholeNumber({ from: 1, to: 255 }),
    words:
      'The greatest priority that the queues of jobs tell apart: runs started with a greater `priority` are worked first. Such ' +
      'queues are classic ones. RabbitMQ keeps a queue for each priority, so take few, such as 5. A queue that exists stays as ' +
      'it is: to give it priorities, delete it and start the workers again.',
    otherwise: 'none',
    example: 'maxPriority: 5',
  },
  concurrency: {
    group: 'worker',
    takes: wholeNumber({ from: 1, to: 10_000 }),
    words:
      'How many nodes this worker runs at a time. It is the prefetch of each of its queues. A hundred serve nodes that wait ' +
      'for others and chains of short ones; take fewer where nodes compute for long, since they share one thread, and ' +
      '`limits` where a server that they call takes few calls at a time.',
    default: 100,
    example: 'concurrency: 20',
    engine: true,
  },
  continuation: {
    group: 'worker',
    takes: flag(),
    words:
      'Whether a worker that has committed a result runs the node that is due then, if it is the only one, at once and under ' +
      'the message it holds, instead of publishing it: up to 100 nodes or 250 ms in a row, four or 50 ms while all of its ' +
      '`concurrency` is in use. Each node has a lease and a commit of its own as ever. Set it to `false` while version 1 ' +
      'works the same queues.',
    default: true,
    example: 'continuation: false',
    engine: true,
  },
  subflows: {
    group: 'worker',
    takes: oneOf(['auto', 'jobs', 'whole']),
    words:
      'How the nodes of subflows are executed. `jobs`: as jobs of the run, each with a lease and a commit of its own, so that ' +
      'what holds for other nodes holds for them. `whole`: all within the job of the node that runs the subflow, as 2.0.0 ' +
      "does. `auto`: as jobs where every worker of this adapter's queues can execute them, else whole. A node with " +
      '`config.inProcess: true` always runs its subflow whole, and so does every one where the runtime has middleware.',
    default: 'auto',
    example: "subflows: 'whole'",
    engine: true,
  },
  limits: {
    group: 'worker',
    takes: limitsByName(),
    words:
      'Limits by key, for all workers of one Redis together: how many nodes with that `config.limit` are executed at a time, and ' +
      'how many start within a time. `config.limit` is one of these names, or begins with one and a colon: ' +
      // biome-ignore lint/suspicious/noTemplateCurlyInString: how a user writes it
      "`'tenant:${customerId}'` is a key for each value of `customerId` in the run's context. A job that waits holds no place.",
    otherwise: 'none',
    example: 'limits: { openai: { concurrency: 4, rate: { count: 60, perMs: 60_000 } } }',
    engine: true,
  },
  stopTimeout: {
    group: 'worker',
    takes: milliseconds({ from: 0 }),
    words:
      'How long `stop()` waits for nodes in flight. Whatever hangs, it ends at most three seconds later, and what was not ' +
      'done is back in its queue.',
    default: 20_000,
    example: 'stopTimeout: 10_000',
  },
  eventLoopTimeout: {
    group: 'worker',
    takes: milliseconds({ from: 1_000 }),
    words:
      "How long your code may block the event loop before this worker's nodes count as dead and others take them over.",
    default: 300_000,
    example: 'eventLoopTimeout: 60_000',
    engine: true,
  },
  retryMode: {
    group: 'retries',
    takes: oneOf(['in-process', 'queue']),
    words:
      "Where a node's retries (`config.maxRetries`) happen: within its job, as core does, or each as a job of its own. " +
      'Through the queue each attempt waits `config.retryDelay`, doubled each time and shortened at random by up to a ' +
      'quarter, and the worker is free meanwhile.',
    default: 'in-process',
    example: "retryMode: 'queue'",
  },
  retryMaxDelay: {
    group: 'retries',
    takes: milliseconds({ from: 0 }),
    words: 'The longest wait between two attempts through the queue.',
    default: 60_000,
    example: 'retryMaxDelay: 600_000',
  },
  leaseSeconds: {
    group: 'recovery',
    takes: wholeNumber({ from: 1, to: 120, unit: 'seconds' }),
    words:
      'How long another worker waits before it takes over a node whose worker died. A running node renews its lease, ' +
      'however long it takes.',
    default: 15,
    example: 'leaseSeconds: 30',
    engine: true,
  },
  maxDeaths: {
    group: 'recovery',
    takes: wholeNumber({ from: 0, to: 1_000 }),
    words:
      'How many workers may die while they execute a node, before it fails with that reason; 0 for any number. After the ' +
      'first the node is executed alone for five seconds, and before the last one for as long as it takes. With 1, whatever ' +
      'a worker executed when it died fails. Deaths are counted in Redis.',
    default: 3,
    example: 'maxDeaths: 5',
    engine: true,
  },
  withoutRedis: {
    group: 'recovery',
    takes: oneOf(['continue', 'wait']),
    words:
      'What the worker does while Redis is out of reach: it goes on, or it waits. While it goes on it claims each node in ' +
      'PostgreSQL before it runs it: one more commit a job. A message that may be a copy waits for the time of a lease ' +
      'first, and then half of that for a word of whoever executes its node: others may still reach Redis. The log says ' +
      'which, once.',
    default: 'continue',
    example: "withoutRedis: 'wait'",
    engine: true,
  },
  connectTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 100 }),
    words:
      'How long RabbitMQ and PostgreSQL may take to answer a new connection and to log the adapter in. Each of several ' +
      'URLs of RabbitMQ has that time, each of several hosts of PostgreSQL at most three seconds of it.',
    default: 5_000,
    example: 'connectTimeout: 10_000',
  },
  statementTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 1_000 }),
    words:
      'How long a statement may take. Then it is cancelled; a connection that gives no answer for two seconds more is ' +
      'closed, and the work goes on over another one. A batch of results has a second more for each MiB. Migrations have ' +
      'limits of their own.',
    default: 15_000,
    example: 'statementTimeout: 60_000',
    engine: true,
  },
  publishTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 1_000 }),
    words:
      'How long RabbitMQ may take to confirm a message. Then the message is published again over another connection. Where ' +
      'RabbitMQ says that it is short of memory or disk, the adapter waits for as long as it is.',
    default: 15_000,
    example: 'publishTimeout: 30_000',
    engine: true,
  },
  leaseTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 100 }),
    words:
      'How long the coordination store may take to answer. Then it counts as out of reach (`withoutRedis`), and the next ' +
      'call opens another connection.',
    default: 2_000,
    example: 'leaseTimeout: 500',
    engine: true,
  },
  repairInterval: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How often a started adapter looks for due jobs of its runs that nobody holds, and publishes them again; 0 for ' +
      'never. Of the workers of one queue one looks at a time.',
    default: 5_000,
    example: 'repairInterval: 1_000',
    engine: true,
  },
  versionTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How long a job whose run was started under another version of its blueprint waits for a worker that has it. Then ' +
      'it goes to the dead letters, and its run fails.',
    default: 3_600_000,
    example: 'versionTimeout: 600_000',
    engine: true,
  },
  blueprintTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How long a job waits for a worker that has its blueprint at all, its node in it, or the blueprint that the node ' +
      'runs as a subflow. Then it goes to the dead letters, and its run fails. While a worker lives that has another revision of the blueprint, or the inner one, the job waits for ' +
      'that, and beside workers of earlier versions, which do not say what they have, as long as `versionTimeout`.',
    default: 5_000,
    example: 'blueprintTimeout: 60_000',
    engine: true,
  },
  writeTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      "How long a node's result waits while PostgreSQL does not take it because of its run alone: another transaction " +
      'has locked its row, or its statement takes too long. Then the node fails with that reason. A result that has waited ' +
      'for a second no longer counts in `concurrency`, as long as Redis answers; a worker keeps up to 1,000 of these, 64 MiB ' +
      'together.',
    default: 600_000,
    example: 'writeTimeout: 60_000',
    engine: true,
  },
  retention: {
    group: 'recovery',
    takes: object<RetentionOptions, typeof RETENTION_SCHEMA>(RETENTION_SCHEMA),
    words:
      'How long runs are kept after they have ended, by how they ended, in milliseconds since they last changed. A worker of the ' +
      'fleet removes older ones by itself, whole, as `client.purge` does: one worker at a time, once a minute while there are ' +
      'some, up to 10,000 at a time of each kind.',
    otherwise: 'for ever',
    example: 'retention: { completed: 7 * 24 * 3_600_000, failed: 90 * 24 * 3_600_000 }',
    engine: true,
  },
  webhook: {
    group: 'webhooks',
    takes: object<WebhookOptions, typeof WEBHOOK_SCHEMA>(WEBHOOK_SCHEMA),
    words: 'Serves webhooks: where the handler is mounted, and the key its URLs are signed with.',
    otherwise: 'no webhooks',
    example: "webhook: { baseUrl: 'https://example.com/hooks', secret: process.env.WEBHOOK_SECRET }",
  },
  history: {
    group: 'telemetry',
    takes: historyOption(),
    words:
      'Whether what went into each attempt at a node and what came out, its error and what it logged are kept for people to look ' +
      'at: `run.history()`, `runs history`, the dashboard. It needs step 9 of `migrate`. A worker writes it beside the results, ' +
      'a quarter of a second later, and what it has not written when it dies is lost.',
    default: false,
    example: 'history: { maxValueBytes: 16_384, keepMs: 7 * 24 * 3_600_000 }',
    engine: true,
  },
  telemetry: {
    group: 'telemetry',
    takes: object<TelemetryOptions, typeof TELEMETRY_SCHEMA>(TELEMETRY_SCHEMA),
    words: 'What is told to OpenTelemetry: traces and metrics.',
    otherwise: 'nothing',
    example: "telemetry: { traces: 'links', metrics: true }",
  },
} as const satisfies Grouped<Schema<RabbitMqAdapterOptions>>

export type CheckedOptions = Checked<typeof ADAPTER_SCHEMA>

/** Refuses what cannot work, before anything is opened. */
export function checkOptions(options: RabbitMqAdapterOptions): CheckedOptions {
  const checked = check(ADAPTER_SCHEMA, options)
  const known = [checked.queueName, ...Object.values(checked.queues)]
  if (checked.consume?.some((queue) => !known.includes(queue)))
    throw invalidOption('consume', ADAPTER_SCHEMA.consume.takes.accepts)
  return checked
}

/** The queues that a started adapter takes jobs from. */
export function queuesOf({ queueName, queues, consume }: CheckedOptions): readonly string[] {
  return consume ?? [...new Set([queueName, ...Object.values(queues)])]
}

/** What the engine reads of the options. */
export function engineOptions(checked: CheckedOptions): Partial<CheckedOptions> {
  const schema: AnySchema = ADAPTER_SCHEMA
  return Object.fromEntries(Object.entries(checked).filter(([name]) => schema[name]?.engine))
}
