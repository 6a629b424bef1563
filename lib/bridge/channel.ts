/**
 * The channel between the engine and JavaScript. It batches: one call fetches every message the engine has, and answers
 * given one after the other leave with one call. It never waits to fill a batch: a lone job is fetched when it comes, and
 * a lone answer leaves when the code that gave it has run.
 */
import type { NodeDefinition } from 'flowcraft'
import type { ErrorCode } from '../errors.js'
import { fromJson } from './json.js'

/** One node to run, as the engine hands it over. */
export interface Job {
  /** Names the job on both sides. */
  readonly number: number
  readonly runId: string
  readonly blueprintId: string
  /** The revision of the blueprint by which the engine admitted the job. */
  readonly revision: string
  readonly nodeId: string
  /** The subflow that the node stands in, as the path to it, with `/` at its end. */
  readonly inside?: string
  /** The node's own subflow failed. */
  readonly failed?: { message: string; late: boolean }
  /** From 1. */
  readonly attempt: number
  /** Which execution of the node it is; absent for the first. */
  readonly round?: number
  /** What the message says; absent when it says nothing. */
  readonly isLastAttempt?: boolean
  /** An edge decided the node's input. */
  readonly fed?: true
  /** What led to it was done by a worker of another kind. */
  readonly besideStrangers?: true
  /** What came along with its message, or with the one that started its run. */
  readonly headers?: Readonly<Record<string, string>>
  /** The context has a key of the node's own name. */
  readonly named?: true
  /** What an edge brought to the node, unless it is large. */
  readonly input?: unknown
  /** What a paused node is resumed with; without an output, with the one it had. */
  readonly resumed?: { action?: string; output?: unknown }
  /** The nodes added to the run. */
  readonly added?: NodeDefinition[]
  /** That the run goes on, which this job tells before its node starts. */
  readonly onward?: { readonly blueprintId: string; readonly milestones: readonly Milestone[] }
}

/** What there is to tell of a run as a whole. */
export type Milestone = { readonly id: string } & (
  | { readonly type: 'workflow:start' | 'workflow:resume' | 'workflow:pause' }
  | { readonly type: 'workflow:stall'; readonly remainingNodes: number }
  | { readonly type: 'workflow:finish'; readonly status: string; readonly errors: readonly NodeFailure[] }
)

/** Why a run did not complete; of no node where it was cancelled. */
export interface NodeFailure {
  readonly nodeId: string
  readonly message: string
}

/** What a line of the log is about. */
export interface About {
  run: string | null
  node: string | null
  queue: string | null
  code: ErrorCode | null
}

/**
 * An event for the event bus, a line for the logger, that the worker receives no more jobs, that it takes none before
 * somebody mends what is wrong, that it takes jobs or has lost what it needs for that, or a span of a trace.
 */
export type Notice =
  | { event: 'job:enqueued' | 'job:processed'; payload: Record<string, unknown> }
  | { level: 'debug' | 'info' | 'warn' | 'error'; message: string; about: About }
  | { deaf: string; queue: string }
  | { unfit: string; code: ErrorCode; sqlState?: string | null }
  | { readiness: 'ready' | 'reconnecting'; health: unknown }
  | EngineSpan

/** What the engine did for a job that belongs to a trace. */
export interface EngineSpan {
  span: 'publish' | 'commit'
  /** The span that led to it: a `traceparent`. */
  after: string
  runId: string
  nodeId: string
  /** When it ended, in milliseconds since 1970. */
  ended: number
  /** How long it took, in milliseconds. */
  took: number
}

type Message = { job: Job } | { abort: number } | Notice

/** The engine's side. */
export interface Engine {
  /** The messages that wait, as a JSON array. */
  fetch(): string
  /** Takes answers, a line each. */
  answer(lines: string): void
}

/** The adapter's side. */
export interface Receiver {
  /** Runs a job, and gives its answer with {@link Channel.answer}. */
  run(job: Job, signal: AbortController): void
  hear(notice: Notice): void
}

// As they are when this is loaded: a test that replaces the timers of its process does not stop the engine.
const { nextTick } = process
const microtask = globalThis.queueMicrotask

/** How long an answer may wait for others while jobs are begun, in milliseconds. */
const TOGETHER = 0.25

/** Why the signals of a killed worker's nodes are aborted. */
export class WorkerKilled extends Error {}

/** A job without an answer, and how it hears that it need not go on. */
class Running extends AbortController {
  readonly job: Job

  constructor(job: Job) {
    super()
    this.job = job
  }
}

export class Channel {
  readonly #engine: () => Engine
  readonly #receiver: Receiver
  /** The jobs without an answer. */
  readonly #running = new Map<number, Running>()
  /** Jobs to begin. */
  #waiting: Job[] = []
  #isBeginning = false
  #answers = ''
  #isLeaving = false
  #leftAt = 0

  constructor(engine: () => Engine, receiver: Receiver) {
    this.#engine = engine
    this.#receiver = receiver
  }

  /** Messages wait. */
  wake(): void {
    for (const message of fromJson(this.#engine().fetch()) as Message[]) {
      if ('job' in message) {
        this.#running.set(message.job.number, new Running(message.job))
        this.#waiting.push(message.job)
      } else if ('abort' in message) {
        this.#running.get(message.abort)?.abort()
      } else {
        this.#receiver.hear(message)
      }
    }
    if (this.#isBeginning || this.#waiting.length === 0) return
    this.#isBeginning = true
    this.#leftAt = performance.now()
    this.#begin(0)
  }

  /** A job's answer, as the engine reads it. */
  answer(job: Job, line: string): void {
    this.#running.delete(job.number)
    this.#answers += line
    if (this.#isBeginning || this.#isLeaving) return
    this.#isLeaving = true
    nextTick(() => {
      this.#isLeaving = false
      this.#leave()
    })
  }

  /** The jobs that have no answer yet. */
  get unanswered(): readonly Job[] {
    return [...this.#running.values()].map(({ job }) => job)
  }

  /** The worker is dead: what it has begun hears so by its signal, and is answered with such lines, which frees it. */
  abandon(lineOf: (job: number) => string): void {
    for (const message of fromJson(this.#engine().fetch()) as Message[]) {
      if ('job' in message) this.#running.set(message.job.number, new Running(message.job))
    }
    const running = [...this.#running]
    this.#running.clear()
    this.#waiting = []
    for (const [, controller] of running) controller.abort(new WorkerKilled('The worker was killed'))
    this.#engine().answer(running.map(([number]) => lineOf(number)).join(''))
  }

  /** Begins the jobs one by one: each runs as far as it gets without waiting before the next one begins. */
  #begin(index: number): void {
    const job = this.#waiting[index]
    const controller = job && this.#running.get(job.number)
    if (!controller) {
      this.#waiting = []
      this.#isBeginning = false
      this.#leave()
      return
    }
    if (this.#answers !== '' && performance.now() - this.#leftAt > TOGETHER) this.#leave()
    this.#receiver.run(job, controller)
    // A tick comes when there is no microtask left.
    microtask(() => nextTick(() => this.#begin(index + 1)))
  }

  #leave(): void {
    this.#leftAt = performance.now()
    if (this.#answers === '') return
    const answers = this.#answers
    this.#answers = ''
    this.#engine().answer(answers)
  }
}
