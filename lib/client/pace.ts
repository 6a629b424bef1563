/**
 * How often PostgreSQL is asked about a run: again and again, less and less often while nothing changes; and at once when a
 * worker tells, over Redis, that the run has paused or ended.
 */
import type { Following } from '../bridge/native.js'
import type { ClientHost } from './host.js'

/** The first wait between two looks, the longest, and by how much it grows; in milliseconds. */
const SHORTEST = 20
const LONGEST = 500
const GROWTH = 1.3

/** The looks of one caller at one run. To be closed when the caller waits no longer. */
export class Pace {
  readonly #host: ClientHost
  readonly #following: Following
  readonly #signal: AbortSignal | undefined
  #wait = SHORTEST

  constructor(host: ClientHost, runId: string, signal: AbortSignal | undefined) {
    this.#host = host
    this.#following = host.engine.follow(runId)
    this.#signal = signal
  }

  /** Something changed: more may follow soon. */
  quicken(): void {
    this.#wait = SHORTEST
  }

  /** Waits until the next look, for `atMost` milliseconds. Rejects with the signal's own reason. */
  async next(atMost = Number.POSITIVE_INFINITY): Promise<void> {
    const wait = Math.min(this.#wait, atMost)
    this.#wait = Math.min(this.#wait * GROWTH, LONGEST)
    await unlessAborted(this.#host.answer(this.#following.change(wait)), this.#signal)
  }

  close(): void {
    this.#following.close()
  }
}

/** A wait that the signal ends, with its own reason. */
function unlessAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return wait
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    wait.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  })
}
