/** The adapter: flowcraft's distributed worker on RabbitMQ, PostgreSQL and Redis, with a native engine inside. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { clearInterval, setInterval } from 'node:timers'
import {
  BaseDistributedAdapter,
  type FlowcraftEvent,
  type ISerializer,
  type JobPayload,
  JsonSerializer,
  type NodeDefinition,
  type WorkflowResult,
} from 'flowcraft'
import { ALL, checkIds, checkLimit, type DeadLetter, deadLetterOf } from './api/dead-letters.js'
import { contextOptionsOver, PostgresContext } from './api/postgres-context.js'
import { memoryOfStore, openStore, unknownStoreOptions } from './api/redis-coordination-store.js'
import { type Delivered, Webhooks } from './api/webhooks.js'
import { Channel, type Job, type Notice } from './bridge/channel.js'
import { fromJson, toJson } from './bridge/json.js'
import { type Broker, type Database, Engine } from './bridge/native.js'
import { Values } from './bridge/values.js'
import { RabbitMqClient } from './client/client.js'
import { openBroker } from './connections/amqp.js'
import { openDatabase, unknownParameters } from './connections/postgres.js'
import { errorOf, type FlowcraftAdapterError, mistake, RunEndedError, RunNotFoundError } from './errors.js'
import { alarmsOf } from './execution/alarms.js'
import { answerLine, lackingLine, outdatedLine } from './execution/answer.js'
import { Attempts } from './execution/attempts.js'
import { blueprintOfJob, describeBlueprint, findBlueprint, revisionOf, revisionsOf } from './execution/blueprints.js'
import { type JobHost, lackedByJob, runJob } from './execution/job.js'
import { letCoreReadAtOnce } from './execution/moments.js'
import type { QueueRetryOptions } from './execution/retries.js'
import { letWebhooksWait, webhookEvent } from './execution/webhook-nodes.js'
import { harmless } from './harmless.js'
import { Lifecycle } from './lifecycle.js'
import { linesOf } from './log.js'
import type { RabbitMqAdapterOptions } from './options/adapter.js'
import { ADAPTER_SCHEMA, type CheckedOptions, checkOptions, engineOptions } from './options/adapter-schema.js'
import type { AdapterEventBus } from './options/event-bus.js'
import { memoryName, refuseMixture } from './options/memory.js'
import { unknownOptions } from './options/schema.js'
import { describeError } from './thrown.js'

/** A run's final result, as it is stored in the status table. */
export interface FinalResult {
  status: 'completed' | 'failed' | 'cancelled'
  /** Of a completed run. */
  payload?: WorkflowResult
  /** Of a failed run, every error; of a cancelled one, why. */
  reason?: string
}

/** How often the event loop says that it turns, in milliseconds: several times within the shortest `eventLoopTimeout`. */
const BEAT = 250

/** The adapters that wait for an answer of their engines. */
const unanswered = new Set<{ adapter: RabbitMqAdapter }>()

/** What a test environment does to a worker, beside what users do. */
export interface WorkerInside {
  /** Its jobs that have no answer yet. */
  readonly executing: readonly Job[]
  /** Hears of every job that is begun. */
  watch(begun: (job: Job) => void): void
  /** Lets the process end although it is started. */
  unref(): void
  /** Ends it, in memory, as a signal does that kills its process. */
  kill(): void
}

/** The inside of an adapter's worker; not exported from the package. */
export let insideOf: (adapter: RabbitMqAdapter) => WorkerInside

export class RabbitMqAdapter extends BaseDistributedAdapter {
  protected readonly queueName: string
  readonly #contextTableName: string
  readonly #checked: CheckedOptions
  readonly #webhooks: Webhooks | undefined
  readonly #values: Values
  /** Held for as long as the adapter is: a live connection is driven by what hangs on it. */
  readonly #broker: Broker
  readonly #database: Database
  readonly #engine: Engine
  readonly #channel: Channel
  readonly #jobHost: JobHost
  readonly #onError: ((error: Error) => void) | undefined
  #client: RabbitMqClient | undefined
  #begun: ((job: Job) => void) | undefined
  /** Nothing is durable, and nobody was told yet. */
  #warnsOfMemory: boolean
  readonly #lifecycle = new Lifecycle({ begin: () => this.#begin(), end: () => this.#end() })
  /** Keeps the process and the adapter alive while the worker is started, which the engine's own threads do not, and
   * tells them that the event loop turns. */
  #keepAlive: NodeJS.Timeout | undefined

  static {
    insideOf = (adapter) => ({
      get executing() {
        return adapter.#channel.unanswered
      },
      watch: (begun) => {
        adapter.#begun = begun
      },
      unref: () => void adapter.#keepAlive?.unref(),
      kill: () => adapter.#die(),
    })
  }

  /**
   * Opens no connection.
   *
   * @throws TypeError naming the option that cannot work.
   */
  constructor(options: RabbitMqAdapterOptions) {
    const checked = checkOptions(options)
    const memory = memoryName(checked.amqpConnection)
    refuseMixture({
      amqpConnection: memory,
      pgClient: memoryName(checked.pgClient),
      ...memoryOfStore(options.coordinationStore),
    })
    const { connectTimeout, statementTimeout, publishTimeout, queueType } = checked
    const broker = openBroker(checked.amqpConnection, { queueType, connectTimeout, publishTimeout })
    const database = openDatabase(checked.pgClient, 'pgClient', { connectTimeout, statementTimeout })
    const webhooks = checked.webhook && new Webhooks(checked.webhook)
    super(harmless(options))
    letWebhooksWait(this.runtime.registry)
    letCoreReadAtOnce(this.runtime)
    this.queueName = checked.queueName
    this.#contextTableName = checked.contextTableName
    this.#checked = checked
    this.#webhooks = webhooks
    this.#onError = checked.onError
    this.#values = this.#valuesOf(options)
    this.#warnsOfMemory = memory !== undefined
    this.#broker = broker
    this.#database = database
    this.#channel = new Channel(() => this.#engine, {
      run: (job, controller) => void this.#run(job, controller),
      hear: (notice) => void this.#notify(notice),
    })
    this.#engine = new Engine(
      JSON.stringify({ ...engineOptions(checked), worker: workerName(), host: hostname() }),
      this.#broker,
      this.#database,
      openStore(options.coordinationStore),
      this.#host(options),
    )
    this.#jobHost = this.#hostOfJobs()
    this.#warnOfUnknown(options)
  }

  /**
   * Starts the worker: it consumes jobs until {@link stop}, reconnecting as often as it takes. While a stop is under way, it
   * starts when that is done.
   */
  override start(): void {
    this.#lifecycle.start()
  }

  /**
   * Stops the worker: no new job starts, nodes in flight finish (at most `stopTimeout` milliseconds), messages
   * not started go back to the queue, and every connection opened here is closed. Of several calls at a time each
   * resolves when all of that is done.
   */
  async stop(): Promise<void> {
    await this.#lifecycle.stop()
  }

  /**
   * Starts, watches and lists runs, over this adapter's servers and with its blueprints. Needs no `start()`.
   *
   * @example
   * ```ts
   * const run = await adapter.client.start('order', { context: { orderId: 17 } })
   * ```
   */
  get client(): RabbitMqClient {
    this.#client ??= new RabbitMqClient({
      engine: this.#engine,
      values: this.#values,
      answer: (promise) => this.#answer(promise),
    })
    return this.#client
  }

  /**
   * Publishes again every job of a run that is due and that nobody is running. Needs no `start()`.
   *
   * @returns The nodes whose jobs were published.
   */
  override async reconcile(runId: string): Promise<Set<string>> {
    return new Set(await this.#answer(this.#engine.reconcile(runId)))
  }

  /**
   * Lets paused nodes of a run go on; the action decides their edges. Needs no `start()`.
   *
   * @param output The paused node's output; absent for the one it had.
   * @param nodeId One of several paused nodes; absent for all.
   * @returns The nodes that go on.
   * @throws NotAwaitingError when the run, or the node, does not wait to be resumed; RunEndedError when the run is over.
   */
  async resumeWithAction(runId: string, action: string, output?: unknown, nodeId?: string): Promise<Set<string>> {
    const json = this.#values.toJson(output, `The output to resume run '${runId}' with`, 'resumeWithAction')
    return new Set(await this.#answer(this.#engine.resume(runId, nodeId, action, json)))
  }

  /**
   * Tells a run of an event. Nodes that wait for it (`wait` nodes with `params.eventName`) go on with the payload as
   * their output; while none does, the event is kept for the first that will. Needs no `start()`.
   *
   * @returns The nodes that go on.
   * @throws RunEndedError when the run is over.
   */
  async sendEvent(runId: string, eventName: string, payload?: unknown): Promise<Set<string>> {
    const json = this.#values.toJson(payload, `The payload of event '${eventName}' for run '${runId}'`, 'sendEvent')
    return new Set(await this.#answer(this.#engine.sendEvent(runId, eventName, json)))
  }

  /**
   * Ends a run as `cancelled`: nothing new of it starts, and nodes in flight get their `AbortSignal`. Needs no
   * `start()`.
   *
   * @returns Whether the run was still going on.
   */
  async cancel(runId: string, reason = 'Cancelled'): Promise<boolean> {
    return this.#answer(this.#engine.cancel(runId, reason))
  }

  /**
   * Starts a failed run again from the nodes that failed, keeping what is done. Needs no `start()`.
   *
   * @returns The nodes that run again.
   * @throws FlowcraftAdapterError with the code `RUN_NOT_FAILED` when the run has not failed.
   */
  async retry(runId: string): Promise<Set<string>> {
    return new Set(await this.#answer(this.#engine.retry(runId)))
  }

  /**
   * The oldest messages that could not be processed, from `<queue>.dead` of every queue this adapter consumes when it is
   * started; they stay there. Needs no `start()`.
   *
   * @param options.limit How many at most; default 100.
   */
  async listDeadLetters({ limit = 100 }: { limit?: number } = {}): Promise<DeadLetter[]> {
    return (await this.#answer(this.#engine.deadLetters(checkLimit(limit)))).map(deadLetterOf)
  }

  /**
   * Puts dead letters back into their queues, of each the oldest first. A run that ended because of one goes on. Needs no
   * `start()`.
   *
   * @param options.ids Only these; default all.
   * @param options.limit How many at most; default all.
   * @returns How many were put back.
   */
  async replayDeadLetters({ ids, limit = ALL }: { ids?: string[]; limit?: number } = {}): Promise<number> {
    return this.#answer(this.#engine.replay(checkIds(ids), checkLimit(limit)))
  }

  /**
   * The URL that resumes a node of a run, and the name of the event its delivery is. Always the same for one run
   * and node, so that a node before the webhook can send it to whoever is to call it.
   *
   * @throws TypeError without the option `webhook`.
   */
  override async registerWebhookEndpoint(runId: string, nodeId: string): Promise<{ url: string; event: string }> {
    if (!this.#webhooks) {
      const message = 'registerWebhookEndpoint is not implemented for RabbitMqAdapter without the option webhook'
      throw mistake('INVALID_OPTION', message, { option: 'webhook' })
    }
    return this.#webhooks.endpoint(runId, nodeId)
  }

  /**
   * A request handler for the webhooks' URLs; mounts in `node:http`, Express and Fastify. Needs no `start()`.
   *
   * @throws TypeError without the option `webhook`.
   */
  webhookHandler(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const webhooks = this.#webhooks
    if (!webhooks) {
      const message = 'webhookHandler needs the option webhook: { baseUrl, secret }'
      throw mistake('INVALID_OPTION', message, { option: 'webhook' })
    }
    const deliver = async (runId: string, nodeId: string, payload: string): Promise<Delivered> => {
      try {
        await this.#answer(this.#engine.sendEvent(runId, webhookEvent(nodeId), payload, nodeId))
        return 'taken'
      } catch (error) {
        if (error instanceof RunEndedError) return 'the run is over'
        if (error instanceof RunNotFoundError) return 'no such run'
        throw error
      }
    }
    return (request, response) => webhooks.handle(request, response, { deliver, logger: linesOf(this.logger) })
  }

  /** The context of a run. */
  protected override createContext(runId: string): PostgresContext {
    const adapters = { database: this.#database, values: this.#values }
    return new PostgresContext(runId, contextOptionsOver(adapters, this.#contextTableName))
  }

  /** Publishes a job; resolves when the broker has confirmed it. Needs no `start()`. */
  protected override async enqueueJob(job: JobPayload): Promise<void> {
    await this.#answer(this.#engine.enqueue(JSON.stringify(job)))
  }

  /**
   * Stores a run's final result in the status table. An override is called once the run has ended, and again
   * if the worker dies before it is known to have returned.
   */
  protected override async publishFinalResult(runId: string, result: FinalResult): Promise<void> {
    const what = `the final result of run '${runId}'`
    const { payload } = result
    const context = payload?.context && this.#values.ofStorable(payload.context, what)
    const stored = context ? { ...result, payload: { ...payload, context } } : result
    const json = toJson(stored, `The${what.slice(3)}`) ?? 'null'
    await this.#answer(this.#engine.writeResult(runId, result.status, json))
  }

  /** Called before each node is run; override it for work of your own. */
  protected override async onJobStart(_runId: string, _blueprintId: string, _nodeId: string): Promise<void> {}

  /** The native engine takes the jobs. */
  protected override processJobs(): void {
    throw new Error('RabbitMqAdapter takes its jobs in the native engine: override onJobStart instead')
  }

  /** Whether a node's retries run within its job; with `retryMode: 'queue'` each attempt is a job of its own. */
  protected override shouldRetryInProcess(_nodeDef: NodeDefinition): boolean {
    return this.#checked.retryMode !== 'queue'
  }

  /** How a node's retries through the queue are spaced; override it to differ from the node's `config`. */
  protected override getQueueRetryOptions(_nodeDef: NodeDefinition): QueueRetryOptions | undefined {
    return undefined
  }

  #begin(): void {
    this.logger.info('[Adapter] Starting worker...')
    if (this.#warnsOfMemory) {
      this.#warnsOfMemory = false
      this.#warn(['The servers are in memory: nothing is durable, and every run ends with this process'])
    }
    this.#engine.start()
    this.#keepAlive ??= setInterval(() => this.#engine.beat(), BEAT)
  }

  async #end(): Promise<void> {
    try {
      await this.#engine.stop(this.#checked.stopTimeout)
    } finally {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
    }
  }

  #die(): void {
    this.#engine.kill()
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
    this.#channel.abandon(outdatedLine)
  }

  /** Waits for the engine's answer. The adapter is not freed before: the engine, which may call it, holds it weakly. */
  async #answer<T>(answer: Promise<T>): Promise<T> {
    const waiting = { adapter: this }
    unanswered.add(waiting)
    try {
      return await answer
    } finally {
      unanswered.delete(waiting)
    }
  }

  /** A misspelt option is said, not refused: a drop-in is given options it need not know. */
  #warnOfUnknown(options: RabbitMqAdapterOptions): void {
    this.#warn([
      ...unknownOptions(ADAPTER_SCHEMA, { ...options }),
      ...unknownParameters(options.pgClient),
      ...unknownStoreOptions(options.coordinationStore),
    ])
  }

  #warn(warnings: string[]): void {
    try {
      for (const warning of warnings) linesOf(this.logger).warn(`[Adapter] ${warning}`)
    } catch {
      // A logger that throws breaks nothing.
    }
  }

  #valuesOf(options: RabbitMqAdapterOptions): Values {
    return new Values({
      serializer: ownSerializer(options),
      strict: this.#checked.strictValues,
      warn: (message) => this.#warn([message]),
    })
  }

  /** What the engine calls. It holds the adapter weakly: one that is neither started nor asked for anything can be freed. */
  #host(options: RabbitMqAdapterOptions): ConstructorParameters<typeof Engine>[4] {
    const held = new WeakRef(this)
    const blueprint = (id: string) => {
      const blueprints = held.deref()?.runtime.options.blueprints
      return blueprints && findBlueprint(blueprints, id)
    }
    const overridden = this.publishFinalResult !== RabbitMqAdapter.prototype.publishFinalResult
    return {
      describe: (id: string) => {
        const found = blueprint(id)
        return found ? describeBlueprint(id, found) : null
      },
      revision: (id: string) => {
        const found = blueprint(id)
        return found ? revisionOf(id, found) : null
      },
      blueprints: () => JSON.stringify(revisionsOf(held.deref()?.runtime.options.blueprints)),
      wake: () => {
        const adapter = held.deref()
        if (adapter) adapter.#channel.wake()
      },
      hasEventBus: this.eventBus !== undefined,
      publishesResults: overridden || ownSerializer(options) !== undefined,
      publishResult: async (runId: string, status: string, reason: string, context: string) => {
        const adapter = held.deref()
        if (!adapter) throw new Error('the adapter is gone')
        await adapter.#publishResult(runId, status, reason, context)
      },
    }
  }

  /** What a job needs. */
  #hostOfJobs(): JobHost {
    const engine = this.#engine
    return {
      runtime: this.runtime,
      logger: linesOf(this.logger),
      eventBus: this.eventBus,
      retryMaxDelay: this.#checked.retryMaxDelay,
      values: this.#values,
      attempts: new Attempts(this.runtime),
      alarms: alarmsOf(this.#checked.pgClient),
      stored: {
        isCurrent: (job) => engine.isCurrent(job),
        look: (job) => engine.look(job),
        refresh: (job) => engine.refresh(job),
        value: (job, key) => engine.value(job, key),
        has: (job, key) => engine.has(job, key),
        keys: (job) => engine.keys(job),
        record: (runId) => this.createContext(runId),
      },
      onJobStart: (runId, blueprintId, nodeId) => this.onJobStart(runId, blueprintId, nodeId),
      shouldRetryInProcess: (node) => this.shouldRetryInProcess(node),
      getQueueRetryOptions: (node) => this.getQueueRetryOptions(node),
      opensSubflows: () => engine.opensSubflows(),
    }
  }

  async #run(job: Job, controller: AbortController): Promise<void> {
    this.#begun?.(job)
    let line: string
    try {
      line = await this.#lineOf(job, controller)
    } catch (error) {
      // What user code throws does not get here; what does is answered all the same, or the run would wait for ever.
      const message = describeError(error, job.nodeId)
      line = answerLine(job.number, { outcome: 'failed', message, recoverable: false })
    }
    this.#channel.answer(job, line)
  }

  async #lineOf(job: Job, controller: AbortController): Promise<string> {
    const blueprint = blueprintOfJob(this.runtime.options.blueprints, job)
    if (!blueprint) return outdatedLine(job.number)
    const lacked = lackedByJob(this.#jobHost, job, blueprint)
    const missing = typeof lacked === 'object' ? await lacked : lacked
    if (missing !== undefined) return lackingLine(job.number, missing)
    return answerLine(job.number, await runJob(this.#jobHost, job, blueprint, controller))
  }

  async #publishResult(runId: string, status: string, reason: string, contextJson: string): Promise<void> {
    if (status !== 'completed') {
      await this.publishFinalResult(runId, { status: status as 'failed' | 'cancelled', reason })
      return
    }
    const context = this.#values.ofContext(fromJson(contextJson) as Record<string, unknown>)
    const payload: WorkflowResult = { context, serializedContext: this.serializer.serialize(context), status }
    await this.publishFinalResult(runId, { status, payload })
  }

  /** The worker receives no jobs: whoever started it has to act. */
  async #fail(error: FlowcraftAdapterError): Promise<void> {
    // Whoever of them throws, the others are told.
    try {
      linesOf(this.logger).error(`[Adapter] ${error.message}`)
    } catch {}
    try {
      this.#onError?.(error)
    } catch {}
    const bus: AdapterEventBus | undefined = this.eventBus
    await bus?.emit({ type: 'worker:failed', payload: { queueName: this.queueName, error } })
  }

  async #notify(notice: Notice): Promise<void> {
    try {
      if ('event' in notice) {
        const payload = { ...notice.payload, executionId: notice.payload.runId }
        await this.eventBus?.emit({ type: notice.event, payload } as unknown as FlowcraftEvent)
      } else if ('deaf' in notice) {
        await this.#fail(errorOf(notice.deaf, { code: 'BROKER_LOST' }))
      } else if ('unfit' in notice) {
        const { unfit, code, sqlState } = notice
        const message = `The worker on '${this.queueName}' takes no jobs before this is mended. ${unfit}`
        await this.#fail(errorOf(message, { code, sqlState: sqlState ?? undefined }))
      } else {
        linesOf(this.logger)[notice.level](`[Adapter] ${notice.message}`)
      }
    } catch {
      // The engine does not depend on who listens.
    }
  }
}

/** The runtime's serializer, where it is not core's JSON. */
function ownSerializer({ runtimeOptions: { serializer } }: RabbitMqAdapterOptions): ISerializer | undefined {
  return serializer !== undefined && serializer.constructor !== JsonSerializer ? serializer : undefined
}

/** A name for this worker, unique in the fleet: the owner of its leases, and the sender of its dead letters. */
function workerName(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
}
