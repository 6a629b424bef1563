/** How long an attempt at a node may go on without a heartbeat. */
import { WorkerKilled } from '../bridge/channel.js'
import { HeartbeatTimeoutError } from '../errors.js'
import type { Alarms } from './alarms.js'

/** Which attempt it is, and of what it depends. */
export interface DeadlineOf {
  readonly runId: string
  /** The node, by its path. */
  readonly path: string
  /** How long it may go on without a heartbeat, in milliseconds. */
  readonly heartbeatMs: number
  readonly alarms: Alarms
  /** That of its job. */
  readonly signal: AbortSignal | undefined
}

/** The deadline of one attempt: each heartbeat puts it off. */
export class Deadline {
  readonly #of: DeadlineOf
  readonly #controller = new AbortController()
  readonly #abort = () => this.#forward()
  #beatAt: number
  #stop = () => {}
  #hasPassed = false
  /** Rejects with a {@link HeartbeatTimeoutError} when it passes. */
  readonly passed: Promise<never>
  #reject: (error: Error) => void = () => {}

  constructor(of: DeadlineOf) {
    this.#of = of
    this.#beatAt = of.alarms.now()
    this.passed = new Promise<never>((_, reject) => {
      this.#reject = reject
    })
    // It fails nothing where the attempt does not wait for it any more.
    this.passed.catch(() => {})
    of.signal?.addEventListener('abort', this.#abort, { once: true })
    if (of.signal?.aborted) this.#forward()
    else this.#set(of.heartbeatMs)
  }

  /** The attempt's own signal: aborts with that of its job, or when the deadline passes. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get hasPassed(): boolean {
    return this.#hasPassed
  }

  /** The node goes on. A call costs no timer. */
  beat(): void {
    this.#beatAt = this.#of.alarms.now()
  }

  /** The attempt is over. */
  end(): void {
    this.#stop()
    this.#of.signal?.removeEventListener('abort', this.#abort)
  }

  #set(wait: number): void {
    this.#stop = this.#of.alarms.set(Math.ceil(wait), () => this.#look(), this.#of.signal)
  }

  #look(): void {
    const { alarms, heartbeatMs } = this.#of
    const left = this.#beatAt + heartbeatMs - alarms.now()
    if (left > 0) this.#set(left)
    else this.#pass()
  }

  #pass(): void {
    const { runId, path, heartbeatMs } = this.#of
    const error = new HeartbeatTimeoutError(`Node '${path}' sent no heartbeat for ${heartbeatMs} ms`, {
      code: 'HEARTBEAT_TIMEOUT',
      retryable: true,
      runId,
      nodeId: path,
    })
    this.#hasPassed = true
    this.end()
    // First the attempt fails with it: what the node's code makes of its signal counts no more.
    this.#reject(error)
    this.#controller.abort(error)
  }

  /** The job is to end: the node hears it. A killed worker has no timers any more. */
  #forward(): void {
    const reason: unknown = this.#of.signal?.reason
    if (reason instanceof WorkerKilled) this.end()
    this.#controller.abort(reason)
  }
}
