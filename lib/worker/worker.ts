/** A worker: its engine, the channel between the two, and what runs while it is started. */
import { hostname } from 'node:os'
import { clearInterval, setInterval } from 'node:timers'
import type { IEventBus, ILogger, ISerializer } from 'flowcraft'
import { openStore, unknownStoreOptions } from '../api/redis-coordination-store.js'
import { Channel, type Job } from '../bridge/channel.js'
import { type Broker, type Database, Engine, type Store } from '../bridge/native.js'
import { Values } from '../bridge/values.js'
import { startChild } from '../client/children.js'
import { everyQueueOf } from '../client/host.js'
import { unknownParameters } from '../connections/postgres.js'
import { alarmsOf } from '../execution/alarms.js'
import { outdatedLine } from '../execution/answer.js'
import { Attempts } from '../execution/attempts.js'
import type { JobHost } from '../execution/execution.js'
import type { HistoryKeeper } from '../execution/job-history.js'
import { KeyWaits } from '../execution/unreadable.js'
import { Lifecycle } from '../lifecycle.js'
import { linesOf } from '../log.js'
import { Operating, spansFor } from '../operating/operating.js'
import type { Spans } from '../operating/spans.js'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'
import { ADAPTER_SCHEMA, type CheckedOptions, engineOptions, queuesOf } from '../options/adapter-schema.js'
import { unknownOptions } from '../options/schema.js'
import { checkedTelemetry } from '../options/telemetry.js'
import { engineHost, type HostedWorker } from './engine-host.js'
import { Hearing } from './hearing.js'
import { History } from './history.js'
import { ownSerializer, workerName } from './identity.js'
import { missingImplementations } from './implementations.js'
import type { WorkerInside } from './inside.js'
import { jobLine } from './job-line.js'
import { type FinalResult, finalResult } from './results.js'
import type { WorkerServers } from './servers.js'
import { storedOf } from './stored.js'
import { unusableHeartbeats } from './unusable-heartbeats.js'

/** How often the event loop says that it turns, in milliseconds: several times within the shortest `eventLoopTimeout`. */
const BEAT = 250

/** The adapter, as its worker sees it: a subclass may override what its jobs ask for. */
export interface WorkerOwner
  extends Pick<JobHost, 'runtime' | 'onJobStart' | 'shouldRetryInProcess' | 'getQueueRetryOptions'> {
  readonly logger: ILogger
  readonly eventBus: IEventBus | undefined
  readonly serializer: ISerializer
  readonly queueName: string
  /** Final results are stored by an override. */
  readonly overridesResults: boolean
  createContext: JobHost['stored']['record']
  publishFinalResult(runId: string, result: FinalResult): Promise<void>
  /** Waits for an answer of the engine, and keeps the adapter meanwhile. */
  answer<T>(answer: Promise<T>): Promise<T>
}

export class Worker {
  readonly values: Values
  /** Held for as long as the adapter is: a live connection is driven by what hangs on it. */
  readonly broker: Broker
  readonly database: Database
  readonly store: Store
  readonly engine: Engine
  readonly spans: Spans | undefined
  readonly operating: Operating
  /** Starts and stops it. */
  readonly lifecycle = new Lifecycle({ begin: () => this.#begin(), end: () => this.#end() })
  readonly #name = workerName()
  readonly #owner: WorkerOwner
  readonly #checked: CheckedOptions
  readonly #hearing: Hearing
  readonly #hosted: HostedWorker
  readonly #channel: Channel
  readonly #jobHost: JobHost
  readonly #history: History | undefined
  #begun: ((job: Job) => void) | undefined
  /** Nothing is durable, and nobody was told yet. */
  #warnsOfMemory: boolean
  /** Keeps the process and the adapter alive while the worker is started, which the engine's own threads do not, and
   * tells them that the event loop turns. */
  #keepAlive: NodeJS.Timeout | undefined

  /** Opens no connection. */
  constructor(owner: WorkerOwner, servers: WorkerServers, checked: CheckedOptions, options: RabbitMqAdapterOptions) {
    this.#owner = owner
    this.#checked = checked
    this.broker = servers.broker
    this.database = servers.database
    this.store = openStore(options.coordinationStore)
    this.#warnsOfMemory = servers.areInMemory
    const { logger, eventBus, queueName } = owner
    const telemetry = checkedTelemetry(checked.telemetry)
    const queueOf = (blueprintId: string) => checked.queues[blueprintId] ?? queueName
    this.spans = spansFor(telemetry, { worker: this.#name, queues: everyQueueOf(queueName, checked.queues), queueOf })
    const told = { logger, eventBus, queueName, worker: this.#name, onError: checked.onError, spans: this.spans }
    this.#hearing = new Hearing({ ...told, operating: () => this.operating })
    this.values = new Values({
      serializer: ownSerializer(options),
      codec: checked.codec,
      strict: checked.strictValues,
      warn: (message) => this.#hearing.warn([message]),
    })
    this.#hosted = this.#hostedWorker()
    this.#channel = new Channel(() => this.engine, {
      run: (job, controller) => void this.#run(job, controller),
      hear: (notice) => void this.#hearing.hear(notice),
    })
    this.engine = new Engine(
      JSON.stringify({ ...engineOptions(checked), worker: this.#name, host: hostname() }),
      this.broker,
      this.database,
      this.store,
      engineHost(this.#hosted, {
        hasEventBus: Boolean(eventBus),
        traces: this.spans !== undefined,
        publishesResults: owner.overridesResults || ownSerializer(options) !== undefined,
      }),
    )
    this.operating = new Operating(this.engine, { ...told, broker: this.broker, queues: queuesOf(checked), telemetry })
    this.#history = checked.history ? this.#historyOf() : undefined
    this.#jobHost = this.#hostOfJobs()
    this.#warnOfUnknown(options)
  }

  /** What a test environment does to it. */
  get inside(): WorkerInside {
    const channel = this.#channel
    return {
      get executing() {
        return channel.unanswered
      },
      watch: (begun) => {
        this.#begun = begun
      },
      unref: () => void this.#keepAlive?.unref(),
      lookAtSchedules: () => this.#owner.answer(this.engine.lookAtSchedules()),
      removeOld: () => this.#owner.answer(this.engine.removeOld()),
      kill: () => this.#die(),
    }
  }

  #begin(): void {
    this.#owner.logger.info('[Adapter] Starting worker...')
    if (this.#warnsOfMemory) {
      this.#warnsOfMemory = false
      this.#hearing.warn(['The servers are in memory: nothing is durable, and every run ends with this process'])
    }
    const { options, registry } = this.#owner.runtime
    this.#hearing.warn([
      ...missingImplementations(options.blueprints, registry),
      ...unusableHeartbeats(options.blueprints),
    ])
    this.engine.start()
    this.operating.starts()
    this.#keepAlive ??= setInterval(() => this.engine.beat(), BEAT)
  }

  async #end(): Promise<void> {
    try {
      await this.engine.stop(this.#checked.stopTimeout)
      await this.#history?.flush()
      if (this.#history) this.database.letGo()
    } finally {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
      await this.operating.ends()
    }
  }

  #die(): void {
    this.engine.kill()
    this.#history?.abandon()
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
    this.#channel.abandon(outdatedLine)
  }

  /** A misspelt option is said, not refused: a drop-in is given options it need not know. */
  #warnOfUnknown(options: RabbitMqAdapterOptions): void {
    this.#hearing.warn([
      ...unknownOptions(ADAPTER_SCHEMA, { ...options }),
      ...unknownParameters(options.pgClient),
      ...unknownStoreOptions(options.coordinationStore),
    ])
  }

  /** The worker, as the engine sees it. */
  #hostedWorker(): HostedWorker {
    const { options } = this.#owner.runtime
    return {
      get blueprints() {
        return options.blueprints
      },
      wake: () => this.#channel.wake(),
      tell: (runId, blueprintId, milestones) => this.#hearing.tell(runId, blueprintId, milestones),
      publishResult: async (runId, status, reason, context) => {
        const parts = { values: this.values, serializer: this.#owner.serializer }
        await this.#owner.publishFinalResult(runId, finalResult({ runId, status, reason, context }, parts))
      },
    }
  }

  #historyOf(): History {
    return new History({
      worker: this.#name,
      write: (history) => this.#owner.answer(this.engine.writeHistory(history)),
      warn: (message) => this.#hearing.warn([message]),
    })
  }

  /** What a job needs. */
  #hostOfJobs(): JobHost {
    const { engine } = this
    const owner = this.#owner
    return {
      runtime: owner.runtime,
      logger: linesOf(owner.logger, { worker: this.#name }),
      spans: this.spans,
      eventBus: owner.eventBus,
      retryMaxDelay: this.#checked.retryMaxDelay,
      values: this.values,
      keyWaits: new KeyWaits(),
      keys: this.store,
      attempts: new Attempts(owner.runtime),
      alarms: alarmsOf(this.#checked.pgClient),
      history: this.#keeper,
      worker: this.#name,
      stored: storedOf(engine, (runId) => owner.createContext(runId)),
      onJobStart: (runId, blueprintId, nodeId) => owner.onJobStart(runId, blueprintId, nodeId),
      shouldRetryInProcess: (node) => owner.shouldRetryInProcess(node),
      getQueueRetryOptions: (node) => owner.getQueueRetryOptions(node),
      opensSubflows: () => engine.opensSubflows(),
      startChild: (child, place) => {
        const { values, spans } = this
        return startChild({ engine, values, spans, answer: (promise) => owner.answer(promise) }, child, place)
      },
    }
  }

  /** Where attempts are told of, if there is a history. */
  get #keeper(): HistoryKeeper | undefined {
    const { history: kept } = this.#checked
    const history = this.#history
    return kept && history ? { kept, values: this.values, add: (attempt) => history.add(attempt) } : undefined
  }

  async #run(job: Job, controller: AbortController): Promise<void> {
    this.#begun?.(job)
    const worker = { host: this.#jobHost, hearing: this.#hearing }
    this.#channel.answer(job, await jobLine(worker, job, controller))
  }
}
