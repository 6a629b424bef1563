/** How often PostgreSQL is asked about a run: again and again, less and less often while nothing changes. */
import { setTimeout as sleep } from 'node:timers/promises'

/** The first wait between two looks, the longest, and by how much it grows; in milliseconds. */
const SHORTEST = 20
const LONGEST = 500
const GROWTH = 1.3

/** The waits between the looks of one caller. */
export class Pace {
  readonly #signal: AbortSignal | undefined
  #wait = SHORTEST

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /** Something changed: more may follow soon. */
  quicken(): void {
    this.#wait = SHORTEST
  }

  /** Waits until the next look, for `atMost` milliseconds. Rejects with the signal's own reason. */
  async next(atMost = Number.POSITIVE_INFINITY): Promise<void> {
    const signal = this.#signal
    const wait = Math.min(this.#wait, atMost)
    this.#wait = Math.min(this.#wait * GROWTH, LONGEST)
    try {
      await sleep(wait, undefined, signal ? { signal } : {})
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  }
}
