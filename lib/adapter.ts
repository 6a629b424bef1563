/** The adapter: flowcraft's distributed worker on RabbitMQ, PostgreSQL and Redis, with a native engine inside. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BaseDistributedAdapter, type JobPayload, type NodeDefinition } from 'flowcraft'
import { type DeadLetter, deadLetterOf, lettersToReplay, limitToList } from './api/dead-letters.js'
import { contextOptionsOver, PostgresContext } from './api/postgres-context.js'
import { Webhooks } from './api/webhooks.js'
import { placeOf, placeOfEvent, RESUME_OUTPUT } from './bridge/places.js'
import { RabbitMqClient } from './client/client.js'
import { eventToSend, type SendEventOptions } from './client/events.js'
import { type Beside, everyQueueOf } from './client/host.js'
import { mistake } from './errors.js'
import { findBlueprint } from './execution/blueprints.js'
import { letCoreReadAtOnce } from './execution/moments.js'
import type { QueueRetryOptions } from './execution/retries.js'
import { letWebhooksWait, webhookEvent } from './execution/webhook-nodes.js'
import { harmless } from './harmless.js'
import { linesOf } from './log.js'
import type { Health, ReadyOptions } from './operating/health.js'
import type { Handler } from './operating/probes.js'
import { within } from './operating/spans.js'
import type { RabbitMqAdapterOptions } from './options/adapter.js'
import { type CheckedOptions, checkOptions } from './options/adapter-schema.js'
import { answerFor } from './worker/answering.js'
import type { WorkerInside } from './worker/inside.js'
import { checkLimits } from './worker/limits.js'
import { type FinalResult, storedResult } from './worker/results.js'
import { serversOf } from './worker/servers.js'
import { deliveryBy } from './worker/webhook-delivery.js'
import { Worker, type WorkerOwner } from './worker/worker.js'

/** The inside of an adapter's worker; not exported from the package. */
export let insideOf: (adapter: RabbitMqAdapter) => WorkerInside

export class RabbitMqAdapter extends BaseDistributedAdapter {
  protected readonly queueName: string
  readonly #checked: CheckedOptions
  readonly #webhooks: Webhooks | undefined
  readonly #worker: Worker
  #client: RabbitMqClient | undefined

  static {
    insideOf = (adapter) => adapter.#worker.inside
  }

  /**
   * Opens no connection.
   *
   * @throws TypeError naming the option that cannot work.
   *
   * @example
   * ```ts
   * const adapter = new RabbitMqAdapter({
   *   amqpConnection: 'amqp://localhost',
   *   pgClient: 'postgresql://localhost/shop',
   *   coordinationStore: new RedisCoordinationStore('redis://localhost'),
   *   contextTableName: 'flowcraft_contexts',
   *   statusTableName: 'flowcraft_statuses',
   *   queueName: 'flowcraft-jobs',
   *   runtimeOptions: {
   *     blueprints: { order: flow.toBlueprint() },
   *     registry: Object.fromEntries(flow.getFunctionRegistry()),
   *   },
   * })
   * ```
   */
  constructor(options: RabbitMqAdapterOptions) {
    const checked = checkOptions(options)
    checkLimits(options, checked)
    const servers = serversOf(options, checked)
    const webhooks = checked.webhook && new Webhooks(checked.webhook)
    super(harmless(options))
    letWebhooksWait(this.runtime.registry)
    letCoreReadAtOnce(this.runtime)
    this.queueName = checked.queueName
    this.#checked = checked
    this.#webhooks = webhooks
    this.#worker = new Worker(this.#owner(), servers, checked, options)
  }

  /**
   * Starts the worker: it consumes jobs until {@link stop}, reconnecting as often as it takes. While a stop is under way, it
   * starts when that is done.
   *
   * @example
   * ```ts
   * adapter.start()
   * ```
   */
  override start(): void {
    this.#worker.lifecycle.start()
  }

  /**
   * Stops the worker: no new job starts, nodes in flight finish (at most `stopTimeout` milliseconds), messages
   * not started go back to the queue, and every connection opened here is closed. Of several calls at a time each
   * resolves when all of that is done.
   *
   * @example
   * ```ts
   * process.once('SIGTERM', () => adapter.stop())
   * ```
   */
  async stop(): Promise<void> {
    await this.#worker.lifecycle.stop()
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
      engine: this.#worker.engine,
      values: this.#worker.values,
      spans: this.#worker.spans,
      answer: (promise) => this.#answer(promise),
      beside: this.#beside(),
    })
    return this.#client
  }

  /**
   * Publishes again every job of a run that is due and that nobody is running. Needs no `start()`.
   *
   * @returns The nodes whose jobs were published.
   *
   * @example
   * ```ts
   * const published = await adapter.reconcile('order-17')
   * console.log(`published again: ${[...published].join(', ')}`)
   * ```
   */
  override async reconcile(runId: string): Promise<Set<string>> {
    return new Set(await this.#answer(this.#worker.engine.reconcile(runId)))
  }

  /**
   * Lets paused nodes of a run go on; the action decides their edges. Needs no `start()`.
   *
   * @param output The paused node's output; absent for the one it had.
   * @param nodeId One of several paused nodes; absent for all.
   * @returns The nodes that go on.
   * @throws NotAwaitingError when the run, or the node, does not wait to be resumed; RunEndedError when the run is over.
   *
   * @example
   * ```ts
   * await adapter.resumeWithAction('order-17', 'approved', { by: 'ada' })
   * ```
   */
  async resumeWithAction(runId: string, action: string, output?: unknown, nodeId?: string): Promise<Set<string>> {
    const what = `The output to resume run '${runId}' with`
    const place = placeOf(runId, RESUME_OUTPUT)
    const json = this.#worker.values.toJson(output, { what, giver: 'resumeWithAction', place })
    const resume = (span?: string) => this.#answer(this.#worker.engine.resume(runId, nodeId, action, json, span))
    return new Set(await within(this.#worker.spans, { what: 'resume', runId }, resume))
  }

  /**
   * Tells a run of an event. Nodes that wait for it (`wait` nodes with `params.eventName`) go on with the payload as
   * their output; while none does, the event is kept for the first that will. A run counts an event
   * once, however often it comes under one `idempotencyKey`. Needs no `start()`.
   *
   * @returns The nodes that go on; none where the run knows that key.
   * @throws RunEndedError when the run is over, unless it knows that key.
   *
   * @example
   * ```ts
   * await adapter.sendEvent('order-17', 'payment:received', { amount: 42 }, { idempotencyKey: 'payment-7' })
   * ```
   */
  async sendEvent(
    runId: string,
    eventName: string,
    payload?: unknown,
    options: SendEventOptions = {},
  ): Promise<Set<string>> {
    const what = `The payload of event '${eventName}' for run '${runId}'`
    const place = placeOfEvent(runId, eventName)
    const json = this.#worker.values.toJson(payload, { what, giver: 'sendEvent', place })
    const event = eventToSend(eventName, json, options)
    const send = (span?: string) => this.#answer(this.#worker.engine.sendEvent(runId, event, undefined, span))
    return new Set(await within(this.#worker.spans, { what: 'send event', runId }, send))
  }

  /**
   * Ends a run as `cancelled`: nothing new of it starts, and nodes in flight get their `AbortSignal`. Needs no
   * `start()`.
   *
   * @returns Whether the run was still going on.
   *
   * @example
   * ```ts
   * const wentOn = await adapter.cancel('order-17', 'the customer changed their mind')
   * ```
   */
  async cancel(runId: string, reason = 'Cancelled'): Promise<boolean> {
    return this.#answer(this.#worker.engine.cancel(runId, reason))
  }

  /**
   * Starts a failed run again from the nodes that failed, keeping what is done. Needs no `start()`.
   *
   * @returns The nodes that run again.
   * @throws FlowcraftAdapterError with the code `RUN_NOT_FAILED` when the run has not failed.
   *
   * @example
   * ```ts
   * const nodes = await adapter.retry('order-17')
   * ```
   */
  async retry(runId: string): Promise<Set<string>> {
    const retry = (span?: string) => this.#answer(this.#worker.engine.retry(runId, span))
    return new Set(await within(this.#worker.spans, { what: 'retry', runId }, retry))
  }

  /**
   * The oldest messages that could not be processed, from `<queue>.dead` of every queue this adapter consumes when it is
   * started; they stay there. Needs no `start()`.
   *
   * @param options.limit How many at most; default 100.
   *
   * @example
   * ```ts
   * for (const { id, reason, job } of await adapter.listDeadLetters({ limit: 10 })) console.log(id, reason, job?.runId)
   * ```
   */
  async listDeadLetters(options: { limit?: number } = {}): Promise<DeadLetter[]> {
    return (await this.#answer(this.#worker.engine.deadLetters(limitToList(options)))).map(deadLetterOf)
  }

  /**
   * Puts dead letters back into their queues, of each the oldest first. A run that ended because of one goes on. Needs no
   * `start()`.
   *
   * @param options.ids Only these; default all.
   * @param options.limit How many at most; default all.
   * @returns How many were put back.
   *
   * @example
   * ```ts
   * const letters = await adapter.listDeadLetters()
   * const ofOrders = letters.filter(({ job }) => job?.blueprintId === 'order')
   * await adapter.replayDeadLetters({ ids: ofOrders.map(({ id }) => id) })
   * ```
   */
  async replayDeadLetters(options: { ids?: string[]; limit?: number } = {}): Promise<number> {
    return this.#answer(this.#worker.engine.replay(...lettersToReplay(options)))
  }

  /**
   * The URL that resumes a node of a run, and the name of the event its delivery is. Always the same for one run
   * and node, so that a node before the webhook can send it to whoever is to call it.
   *
   * @throws TypeError without the option `webhook`.
   *
   * @example
   * ```ts
   * const { url } = await adapter.registerWebhookEndpoint('order-17', 'payment')
   * await provider.createPayment({ amount: 42, notifyUrl: url })
   * ```
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
   *
   * @example
   * ```ts
   * createServer(adapter.webhookHandler()).listen(8080)
   * ```
   */
  webhookHandler(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const webhooks = this.#webhooks
    if (!webhooks) {
      const message = 'webhookHandler needs the option webhook: { baseUrl, secret }'
      throw mistake('INVALID_OPTION', message, { option: 'webhook' })
    }
    const { engine, spans, values } = this.#worker
    const deliver = deliveryBy((runId, nodeId, payload) => {
      const event = webhookEvent(nodeId)
      const sealed = values.sealed(payload, placeOfEvent(runId, event))
      return within(spans, { what: 'webhook', runId }, (span) =>
        this.#answer(engine.sendEvent(runId, { name: event, payload: sealed }, nodeId, span)),
      )
    })
    return (request, response) => webhooks.handle(request, response, { deliver, logger: linesOf(this.logger) })
  }

  /**
   * How this worker is: whether it lives, whether it takes jobs, and why not. Asks no server, and answers at once.
   *
   * @example
   * ```ts
   * const { ready, reasons } = adapter.health()
   * if (!ready) console.log(reasons)
   * ```
   */
  health(): Health {
    return this.#worker.operating.health
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
    return this.#worker.operating.readiness.wait(options)
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
    return this.#worker.operating.healthHandler()
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
    return this.#worker.operating.metricsHandler()
  }

  /** The context of a run. */
  protected override createContext(runId: string): PostgresContext {
    const adapters = { database: this.#worker.database, values: this.#worker.values }
    return new PostgresContext(runId, contextOptionsOver(adapters, this.#checked.contextTableName))
  }

  /** Publishes a job; resolves when the broker has confirmed it. Needs no `start()`. */
  protected override async enqueueJob(job: JobPayload): Promise<void> {
    await this.#answer(this.#worker.engine.enqueue(JSON.stringify(job)))
  }

  /**
   * Stores a run's final result in the status table. An override is called once the run has ended, and again
   * if the worker dies before it is known to have returned.
   */
  protected override async publishFinalResult(runId: string, result: FinalResult): Promise<void> {
    await this.#answer(
      this.#worker.engine.writeResult(runId, result.status, storedResult(runId, result, this.#worker.values)),
    )
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

  #answer<T>(answer: Promise<T>): Promise<T> {
    return answerFor(this, answer)
  }

  /** What a dashboard over the client shows beside runs. */
  #beside(): Beside {
    const { contextTableName: contexts, statusTableName: statuses, queues } = this.#checked
    const blueprints = () => this.runtime.options.blueprints
    return {
      broker: this.#worker.broker,
      database: this.#worker.database,
      store: this.#worker.store,
      contexts,
      statuses,
      queues: everyQueueOf(this.queueName, queues),
      logger: linesOf(this.logger),
      blueprintIds: () => Object.keys(blueprints() ?? {}),
      blueprint: (id) => findBlueprint(blueprints(), id),
    }
  }

  /** This adapter, as its worker sees it. */
  #owner(): WorkerOwner {
    const adapter = this
    return {
      get logger() {
        return adapter.logger
      },
      get serializer() {
        return adapter.serializer
      },
      runtime: this.runtime,
      eventBus: this.eventBus,
      queueName: this.queueName,
      overridesResults: this.publishFinalResult !== RabbitMqAdapter.prototype.publishFinalResult,
      createContext: (runId) => this.createContext(runId),
      publishFinalResult: (runId, result) => this.publishFinalResult(runId, result),
      onJobStart: (runId, blueprintId, nodeId) => this.onJobStart(runId, blueprintId, nodeId),
      shouldRetryInProcess: (node) => this.shouldRetryInProcess(node),
      getQueueRetryOptions: (node) => this.getQueueRetryOptions(node),
      answer: (answer) => this.#answer(answer),
    }
  }
}
