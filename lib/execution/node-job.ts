/** What a node's code may know of the job that runs it: `dependencies.job`. */
import { createHash } from 'node:crypto'
import type { ILogger } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { type ChildAsked, type NodePlace, START_CHILD, type StartedChild } from './child-runs.js'
import type { FailedTries } from './failed-tries.js'
import { pathBeside } from './paths.js'

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
  /** The runtime's logger. Each line carries `run`, `node` (the path), `blueprint`, `attempt` and `worker` beside what it
   * is given. */
  readonly logger: ILogger
}

/** What of a worker its jobs tell. */
export interface Teller {
  readonly worker: string
  readonly logger: ILogger
  /** Starts a run that one of its nodes waits for, unless it is there. */
  startChild(child: ChildAsked, place: NodePlace): Promise<StartedChild>
}

/** Begins another attempt within the same job. */
export const NEXT_ATTEMPT = Symbol('next attempt')

/** Notes that an attempt within the job has failed. */
export const FAILED_TRY = Symbol('failed try')

/** The job of one execution. What costs something is made when it is asked for. */
export class TellingJob implements NodeJob {
  readonly #job: Job
  readonly #teller: Teller
  readonly #tries: FailedTries
  #further = -1
  #logger: ILogger | undefined

  constructor(job: Job, teller: Teller, tries: FailedTries) {
    this.#job = job
    this.#teller = teller
    this.#tries = tries
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

  /** Starts the child of this execution, however often it is asked to. */
  [START_CHILD](asked: ChildAsked): Promise<StartedChild> {
    return this.#teller.startChild(asked, { runId: this.runId, nodeId: this.path, round: this.execution })
  }

  [NEXT_ATTEMPT](): void {
    this.#further += 1
    this.#tries.begin()
  }

  [FAILED_TRY](error: unknown): void {
    this.#tries.note(error)
  }

  #boundLogger(): ILogger {
    const { logger } = this.#teller
    const bound = (meta: Record<string, unknown> | undefined) => {
      const { runId: run, path: node, blueprintId: blueprint, attempt } = this
      return { ...meta, run, node, blueprint, attempt }
    }
    return {
      debug: (message, meta) => logger.debug(message, bound(meta)),
      info: (message, meta) => logger.info(message, bound(meta)),
      warn: (message, meta) => logger.warn(message, bound(meta)),
      error: (message, meta) => logger.error(message, bound(meta)),
    }
  }
}
