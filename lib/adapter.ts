/** The adapter: flowcraft's distributed worker on RabbitMQ, PostgreSQL and Redis, with a native engine inside. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { clearInterval, setInterval } from 'node:timers'
import { BaseDistributedAdapter, type JobPayload, type NodeDefinition } from 'flowcraft'
import { ALL, checkIds, checkLimit, type DeadLetter, deadLetterOf } from './api/dead-letters.js'
import { contextOptionsOver, PostgresContext } from './api/postgres-context.js'
import { openStore, unknownStoreOptions } from './api/redis-coordination-store.js'
import { Webhooks } from './api/webhooks.js'
import { Channel, type Job } from './bridge/channel.js'
import { type Broker, type Database, Engine, type Store } from './bridge/native.js'
import { Values } from './bridge/values.js'
import { RabbitMqClient } from './client/client.js'
import { type Beside, everyQueueOf } from './client/host.js'
import { unknownParameters } from './connections/postgres.js'
import { mistake } from './errors.js'
import { alarmsOf } from './execution/alarms.js'
import { outdatedLine } from './execution/answer.js'
import { Attempts } from './execution/attempts.js'
import { findBlueprint } from './execution/blueprints.js'
import type { JobHost } from './execution/execution.js'
import { letCoreReadAtOnce } from './execution/moments.js'
import type { QueueRetryOptions } from './execution/retries.js'
import { letWebhooksWait, webhookEvent } from './execution/webhook-nodes.js'
import { harmless } from './harmless.js'
import { Lifecycle } from './lifecycle.js'
import { linesOf } from './log.js'
import type { Health, ReadyOptions } from './operating/health.js'
import { Operating, spansFor } from './operating/operating.js'
import type { Handler } from './operating/probes.js'
import { type Spans, within } from './operating/spans.js'
import type { RabbitMqAdapterOptions } from './options/adapter.js'
import { ADAPTER_SCHEMA, type CheckedOptions, checkOptions, engineOptions, queuesOf } from './options/adapter-schema.js'
import { unknownOptions } from './options/schema.js'
import { checkedTelemetry } from './options/telemetry.js'
import { answerFor } from './worker/answering.js'
import { engineHost, type HostedWorker } from './worker/engine-host.js'
import { Hearing } from './worker/hearing.js'
import { ownSerializer, workerName } from './worker/identity.js'
import type { WorkerInside } from './worker/inside.js'
import { jobLine } from './worker/job-line.js'
import { type FinalResult, finalResult, storedResult } from './worker/results.js'
import { serversOf } from './worker/servers.js'
import { storedOf } from './worker/stored.js'
import { deliveryBy } from './worker/webhook-delivery.js'

/** How often the event loop says that it turns, in milliseconds: several times within the shortest `eventLoopTimeout`. */
const BEAT = 250

/** The inside of an adapter's worker; not exported from the package. */
export let insideOf: (adapter: RabbitMqAdapter) => WorkerInside

export class RabbitMqAdapter extends BaseDistributedAdapter {
  protected readonly queueName: string
  readonly #contextTableName: string
  readonly #checked: CheckedOptions
  readonly #webhooks: Webhooks | undefined
  readonly #values: Values
  readonly #worker = workerName()
  /** Held for as long as the adapter is: a live connection is driven by what hangs on it. */
  readonly #broker: Broker
  readonly #database: Database
  readonly #store: Store
  readonly #engine: Engine
  readonly #channel: Channel
  readonly #jobHost: JobHost
  readonly #hearing: Hearing
  readonly #hosted: HostedWorker
  readonly #spans: Spans | undefined
  readonly #operating: Operating
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
      lookAtSchedules: () => adapter.#answer(adapter.#engine.lookAtSchedules()),
      removeOld: () => adapter.#answer(adapter.#engine.removeOld()),
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
    const { broker, database, areInMemory } = serversOf(options, checked)
    const webhooks = checked.webhook && new Webhooks(checked.webhook)
    super(harmless(options))
    letWebhooksWait(this.runtime.registry)
    letCoreReadAtOnce(this.runtime)
    this.queueName = checked.queueName
    this.#contextTableName = checked.contextTableName
    this.#checked = checked
    this.#webhooks = webhooks
    const { logger, eventBus, queueName } = this
    const telemetry = checkedTelemetry(checked.telemetry)
    this.#spans = spansFor(telemetry, (blueprintId) => checked.queues[blueprintId] ?? queueName)
    const told = { logger, eventBus, queueName, worker: this.#worker, onError: checked.onError, spans: this.#spans }
    this.#hearing = new Hearing({ ...told, operating: () => this.#operating })
    this.#values = this.#valuesOf(options)
    this.#warnsOfMemory = areInMemory
    this.#broker = broker
    this.#database = database
    this.#store = openStore(options.coordinationStore)
    this.#hosted = this.#hostedWorker()
    this.#channel = new Channel(() => this.#engine, {
      run: (job, controller) => void this.#run(job, controller),
      hear: (notice) => void this.#hearing.hear(notice),
    })
    this.#engine = new Engine(
      JSON.stringify({ ...engineOptions(checked), worker: this.#worker, host: hostname() }),
      this.#broker,
      this.#database,
      this.#store,
      engineHost(this.#hosted, {
        hasEventBus: Boolean(eventBus),
        traces: this.#spans !== undefined,
        publishesResults: this.#overridesResults || ownSerializer(options) !== undefined,
      }),
    )
    this.#operating = new Operating(this.#engine, { ...told, broker, queues: queuesOf(checked), telemetry })
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
      spans: this.#spans,
      answer: (promise) => this.#answer(promise),
      beside: this.#beside(),
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
    const resume = (span?: string) => this.#answer(this.#engine.resume(runId, nodeId, action, json, span))
    return new Set(await within(this.#spans, { what: 'resume', runId }, resume))
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
    const send = (span?: string) => this.#answer(this.#engine.sendEvent(runId, eventName, json, undefined, span))
    return new Set(await within(this.#spans, { what: 'send event', runId }, send))
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
    const retry = (span?: string) => this.#answer(this.#engine.retry(runId, span))
    return new Set(await within(this.#spans, { what: 'retry', runId }, retry))
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
    const deliver = deliveryBy((runId, nodeId, payload) =>
      within(this.#spans, { what: 'webhook', runId }, (span) =>
        this.#answer(this.#engine.sendEvent(runId, webhookEvent(nodeId), payload, nodeId, span)),
      ),
    )
    return (request, response) => webhooks.handle(request, response, { deliver, logger: linesOf(this.logger) })
  }

  /** How this worker is: whether it lives, whether it takes jobs, and why not. Asks no server, and answers at once. */
  health(): Health {
    return this.#operating.health
  }

  /**
   * Waits until this worker takes jobs.
   *
   * @throws FlowcraftAdapterError with the code `NOT_READY` when it does not within `timeoutMs`.
   *
   * @example
   * ```ts
   * adapter.start()
   * await adapter.ready({ timeoutMs: 10_000 })
   * ```
   */
  async ready(options: ReadyOptions = {}): Promise<Health> {
    return this.#operating.readiness.wait(options)
  }

  /**
   * A request handler for probes: `/live` and `/ready`, behind any prefix. Mounts where {@link webhookHandler} does.
   *
   * @example
   * ```ts
   * createServer(adapter.healthHandler()).listen(9000)
   * ```
   */
  healthHandler(): Handler {
    return this.#operating.healthHandler()
  }

  /**
   * A request handler for Prometheus, on whatever path it is mounted. Counts from when it is made: make it before `start()`.
   *
   * @example
   * ```ts
   * app.get('/metrics', adapter.metricsHandler())
   * ```
   */
  metricsHandler(): Handler {
    return this.#operating.metricsHandler()
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
    await this.#answer(this.#engine.writeResult(runId, result.status, storedResult(runId, result, this.#values)))
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
      this.#hearing.warn(['The servers are in memory: nothing is durable, and every run ends with this process'])
    }
    this.#engine.start()
    this.#operating.starts()
    this.#keepAlive ??= setInterval(() => this.#engine.beat(), BEAT)
  }

  async #end(): Promise<void> {
    try {
      await this.#engine.stop(this.#checked.stopTimeout)
    } finally {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
      await this.#operating.ends()
    }
  }

  #die(): void {
    this.#engine.kill()
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
    this.#channel.abandon(outdatedLine)
  }

  #answer<T>(answer: Promise<T>): Promise<T> {
    return answerFor(this, answer)
  }

  /** A misspelt option is said, not refused: a drop-in is given options it need not know. */
  #warnOfUnknown(options: RabbitMqAdapterOptions): void {
    this.#hearing.warn([
      ...unknownOptions(ADAPTER_SCHEMA, { ...options }),
      ...unknownParameters(options.pgClient),
      ...unknownStoreOptions(options.coordinationStore),
    ])
  }

  #valuesOf(options: RabbitMqAdapterOptions): Values {
    return new Values({
      serializer: ownSerializer(options),
      strict: this.#checked.strictValues,
      warn: (message) => this.#hearing.warn([message]),
    })
  }

  /** What a dashboard over the client shows beside runs. */
  #beside(): Beside {
    const { contextTableName: contexts, statusTableName: statuses, queues } = this.#checked
    const blueprints = () => this.runtime.options.blueprints
    return {
      broker: this.#broker,
      database: this.#database,
      store: this.#store,
      contexts,
      statuses,
      queues: everyQueueOf(this.queueName, queues),
      logger: linesOf(this.logger),
      blueprintIds: () => Object.keys(blueprints() ?? {}),
      blueprint: (id) => findBlueprint(blueprints(), id),
    }
  }

  get #overridesResults(): boolean {
    return this.publishFinalResult !== RabbitMqAdapter.prototype.publishFinalResult
  }

  /** This worker, as the engine sees it. */
  #hostedWorker(): HostedWorker {
    const { options } = this.runtime
    return {
      get blueprints() {
        return options.blueprints
      },
      wake: () => this.#channel.wake(),
      tell: (runId, blueprintId, milestones) => this.#hearing.tell(runId, blueprintId, milestones),
      publishResult: async (runId, status, reason, context) => {
        const parts = { values: this.#values, serializer: this.serializer }
        await this.publishFinalResult(runId, finalResult({ status, reason, context }, parts))
      },
    }
  }

  /** What a job needs. */
  #hostOfJobs(): JobHost {
    const engine = this.#engine
    return {
      runtime: this.runtime,
      logger: linesOf(this.logger, { worker: this.#worker }),
      spans: this.#spans,
      eventBus: this.eventBus,
      retryMaxDelay: this.#checked.retryMaxDelay,
      values: this.#values,
      attempts: new Attempts(this.runtime),
      alarms: alarmsOf(this.#checked.pgClient),
      worker: this.#worker,
      stored: storedOf(engine, (runId) => this.createContext(runId)),
      onJobStart: (runId, blueprintId, nodeId) => this.onJobStart(runId, blueprintId, nodeId),
      shouldRetryInProcess: (node) => this.shouldRetryInProcess(node),
      getQueueRetryOptions: (node) => this.getQueueRetryOptions(node),
      opensSubflows: () => engine.opensSubflows(),
    }
  }

  async #run(job: Job, controller: AbortController): Promise<void> {
    this.#begun?.(job)
    const worker = { host: this.#jobHost, hearing: this.#hearing }
    this.#channel.answer(job, await jobLine(worker, job, controller))
  }
}
