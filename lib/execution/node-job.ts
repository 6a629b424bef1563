/** What a node's code may know of the job that runs it: `dependencies.job`. */
import { createHash } from 'node:crypto'
import type { ILogger } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import type { Values } from '../bridge/values.js'
import type { Alarms } from './alarms.js'
import { type ChildAsked, type NodePlace, START_CHILD, type StartedChild } from './child-runs.js'
import { Deadline } from './deadline.js'
import type { FailedTries } from './failed-tries.js'
import type { JobHistory, LogLevel } from './job-history.js'
import { pathBeside } from './paths.js'
import { Progress } from './progress.js'
import type { Keys } from './progress-store.js'

/**
 * The job that runs a node: its node function finds it as `dependencies.job`. It is absent where core runs the workflow in
 * memory.
 *
 * @example
 * ```ts
 * async function charge({ context, dependencies }) {
 *   const { job } = dependencies as { job?: NodeJob }
 *   job?.logger.info('charging the card')
 *   return { output: await payments.charge(await context.get('amount'), { idempotencyKey: job?.idempotencyKey }) }
 * }
 * ```
 */
export interface NodeJob {
  readonly runId: string
  /** The blueprint that the node is of: inside a subflow the subflow's. */
  readonly blueprintId: string
  /** The node, by its id in that blueprint. */
  readonly nodeId: string
  /** The node, by its place in the run: inside a subflow `container/node`, else its id. */
  readonly path: string
  /** Which execution of the node it is, from 1: more in a loop, or once a failed run was retried. */
  readonly execution: number
  /** Which attempt of this execution it is, from 1. */
  readonly attempt: number
  /** The worker: its host, process and a random part, as it stands in leases and dead letters. */
  readonly worker: string
  /**
   * Names this execution to others: give it to a payment provider, or make it a unique key, and what the node does outside is
   * done once, however often its code runs. It is the same for every attempt, after a death, and on every worker; another one
   * for the next execution in a loop. 43 letters, digits, `-` and `_`.
   */
  readonly idempotencyKey: string
  /**
   * The runtime's logger. Each line carries `run`, `node` (the path), `blueprint`, `attempt` and `worker` beside what it is given. With
   * the option `history` it is kept with its attempt, too.
   */
  readonly logger: ILogger
  /**
   * Says that the node goes on: an attempt at a node with a `config.heartbeatMs` fails when it is not called for that long. It
   * returns at once, never throws, and may be called as often as you like.
   *
   * @param progress How far the node is: what JSON holds, at most 16 KiB of it. `run.describe()` shows it while the node is executed,
   * and {@link lastProgress} gives it to the next attempt. It is recorded as it is at the call, in the coordination store, at most
   * once in 300 ms: the last value counts. One that is larger, or that JSON does not hold, is not recorded, and the log says so once
   * a job. Default: what was recorded before stays.
   *
   * @example
   * ```ts
   * for (const page of pages) {
   *   await load(page)
   *   job.heartbeat({ page: page.number, of: pages.length })
   * }
   * ```
   */
  heartbeat(progress?: unknown): void
  /**
   * What was recorded last of this execution's progress, by an earlier attempt or by this one. Never rejects.
   *
   * @returns `undefined` where nothing was recorded, where the coordination store has lost it or does not answer, and where it cannot
   * be read here: the node begins then at its beginning.
   *
   * @example
   * ```ts
   * const { page = 0 } = (await job.lastProgress<{ page: number }>()) ?? {}
   * ```
   */
  lastProgress<T = unknown>(): Promise<T | undefined>
}

/** What of a worker its jobs tell. */
export interface Teller {
  readonly worker: string
  readonly logger: ILogger
  readonly values: Values
  readonly alarms: Alarms
  readonly keys: Keys
  /** Starts a run that one of its nodes waits for, unless it is there. */
  startChild(child: ChildAsked, place: NodePlace): Promise<StartedChild>
}

/** What the history is told of the job, if there is one. */
export const HISTORY = Symbol('history')

/** Begins another attempt within the same job. */
export const NEXT_ATTEMPT = Symbol('next attempt')

/** Notes that an attempt within the job has failed. */
export const FAILED_TRY = Symbol('failed try')

/** Begins to watch whether the attempt that was begun last sends heartbeats. */
export const BEGIN_WATCHED = Symbol('begin watched')

/** The job has its answer. */
export const END_JOB = Symbol('end job')

/** What the attempts within one job share. */
export interface Telling {
  readonly job: Job
  readonly teller: Teller
  readonly tries: FailedTries
  readonly signal: AbortSignal
  /** What the history is told of the job, if there is one. */
  readonly history?: JobHistory | undefined
  progress?: Progress
  /** Of the attempt that is watched. */
  deadline?: Deadline
  isOver?: true
}

/** The job of one execution. What costs something is made when it is asked for. */
export class TellingJob implements NodeJob {
  readonly #telling: Telling
  readonly #job: Job
  readonly #teller: Teller
  readonly #tries: FailedTries
  /** Of this attempt alone. */
  readonly #deadline: Deadline | undefined
  #further: number
  #logger: ILogger | undefined

  constructor(telling: Telling, further = -1) {
    this.#telling = telling
    this.#job = telling.job
    this.#teller = telling.teller
    this.#tries = telling.tries
    this.#deadline = telling.deadline
    this.#further = further
  }

  get runId(): string {
    return this.#job.runId
  }

  get blueprintId(): string {
    return this.#job.blueprintId
  }

  get nodeId(): string {
    return this.#job.nodeId
  }

  get path(): string {
    return pathBeside(this.#job, this.#job.nodeId)
  }

  get execution(): number {
    return this.#job.round ?? 1
  }

  get attempt(): number {
    return this.#job.attempt + Math.max(0, this.#further)
  }

  get worker(): string {
    return this.#teller.worker
  }

  get idempotencyKey(): string {
    const name = JSON.stringify([this.runId, this.path, this.execution])
    return createHash('sha256').update(name).digest('base64url')
  }

  get logger(): ILogger {
    this.#logger ??= this.#boundLogger()
    return this.#logger
  }

  heartbeat(progress?: unknown): void {
    if (this.#telling.isOver || this.#deadline?.hasPassed) return
    this.#deadline?.beat()
    this.#progress.note(progress, this.attempt)
  }

  async lastProgress<T = unknown>(): Promise<T | undefined> {
    return (await this.#progress.last()) as T | undefined
  }

  /** Starts the child of this execution, however often it is asked to. */
  [START_CHILD](asked: ChildAsked): Promise<StartedChild> {
    return this.#teller.startChild(asked, { runId: this.runId, nodeId: this.path, round: this.execution })
  }

  [NEXT_ATTEMPT](): void {
    this.#further += 1
    this.#tries.begin()
    this.#telling.history?.begins(this.#further + 1)
  }

  [FAILED_TRY](error: unknown): void {
    this.#tries.note(error)
    this.#telling.history?.fails(error)
  }

  get [HISTORY](): JobHistory | undefined {
    return this.#telling.history
  }

  /** The job as the attempt sees it that was begun last, and how long that may go on without a heartbeat. */
  [BEGIN_WATCHED](heartbeatMs: number, signal: AbortSignal | undefined): { job: TellingJob; deadline: Deadline } {
    const { runId, path } = this
    const deadline = new Deadline({ runId, path, heartbeatMs, alarms: this.#teller.alarms, signal })
    this.#telling.deadline = deadline
    return { job: new TellingJob(this.#telling, this.#further), deadline }
  }

  /** The job has its answer. Resolves once the next attempt, if one follows, finds the progress of this one. */
  [END_JOB](isToBeTriedAgain: boolean): Promise<void> | undefined {
    const { progress, deadline } = this.#telling
    this.#telling.isOver = true
    deadline?.end()
    return progress?.end(isToBeTriedAgain)
  }

  get #progress(): Progress {
    const { runId, path, execution } = this
    const { signal } = this.#telling
    this.#telling.progress ??= new Progress(
      { runId, path, execution },
      { teller: this.#teller, logger: this.logger, signal },
    )
    return this.#telling.progress
  }

  #boundLogger(): ILogger {
    const { logger } = this.#teller
    const bound = (meta: Record<string, unknown> | undefined) => {
      const { runId: run, path: node, blueprintId: blueprint, attempt } = this
      return { ...meta, run, node, blueprint, attempt }
    }
    const line = (level: LogLevel) => (message: string, meta?: Record<string, unknown>) => {
      this.#telling.history?.line(level, message, meta)
      logger[level](message, bound(meta))
    }
    return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  }
}
