/**
 * Values that a node cannot read because they are encrypted. One whose key this worker lacks is not the node's failure: another
 * worker may have the key, as while a new one is rolled out. The node runs again later, as long as it takes. One that was changed
 * or moved fails the node at once: no attempt follows, and no fallback goes on with it.
 */
import { FlowcraftError } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { ValueUnreadableError } from '../errors.js'

/** How long a job waits first for a worker that has the key, and at most, in milliseconds. */
const FIRST = 1_000
const LONGEST = 30_000
/** Of how many executions a worker remembers that it could not read a value: more of them wait as the first time. */
const MOST = 10_000
/** How deep an error is looked for in the causes of another. */
const DEEPEST = 8

/** Reads a value; what it throws then ends the node's tries, as core has it. */
export function readInNode<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ValueUnreadableError)) throw error
    const { message, code, retryable, runId, key } = error
    const fatal = new FlowcraftError(message, { cause: error, isFatal: true })
    throw Object.assign(fatal, { code, retryable, runId, key })
  }
}

/** The error of a value whose key is missing here, if a failure is one, or comes of one. */
export function missingKeyOf(thrown: unknown): ValueUnreadableError | undefined {
  try {
    let error = thrown
    for (let depth = 0; depth < DEEPEST && error instanceof Error; depth++) {
      if (error instanceof ValueUnreadableError && error.code === 'VALUE_KEY_MISSING') return error
      error = error.cause
    }
  } catch {
    // A revoked proxy, a getter that throws.
  }
  return undefined
}

/** How long jobs wait for a worker that has the key: longer each time that this worker could not. */
export class KeyWaits {
  readonly #waits = new Map<string, number>()

  /** The next wait of a job's execution, in milliseconds. */
  next({ runId, inside = '', nodeId, round = 1 }: Job): number {
    const name = JSON.stringify([runId, inside + nodeId, round])
    const wait = Math.min(LONGEST, (this.#waits.get(name) ?? FIRST / 2) * 2)
    this.#waits.delete(name)
    this.#waits.set(name, wait)
    const [oldest] = this.#waits.keys()
    if (this.#waits.size > MOST && oldest !== undefined) this.#waits.delete(oldest)
    return wait
  }
}
