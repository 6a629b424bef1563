/** A node that asks to be run again later: what it needs has told it when. */
import { FlowcraftError } from 'flowcraft'

/** The longest time, in milliseconds: 365 days. */
const LONGEST = 365 * 24 * 3600 * 1000
/** How deep an error is looked for in the causes of another. */
const DEEPEST = 8

/**
 * Thrown by a node, runs it again later: after a provider's `429` or `Retry-After`, or while what it needs is not there yet.
 * The attempt counts as none: neither `config.maxRetries` nor a fallback is touched, and no `node:error` is told. The job holds
 * no place while it waits, and the time outlives every worker.
 *
 * Where core runs the workflow in memory, it is an error that is not retried.
 *
 * @example
 * ```ts
 * if (response.status === 429) throw new RetryAfter(Number(response.headers.get('retry-after')) * 1000)
 * ```
 */
export class RetryAfter extends FlowcraftError {
  override readonly name = 'RetryAfter'
  /** How long the node waits, in milliseconds. */
  readonly afterMs: number

  /**
   * @param afterMs How long the node waits, in milliseconds: from 0 to 365 days.
   * @param reason Why, in a sentence for the log.
   * @throws TypeError where that is no such time.
   */
  constructor(afterMs: number, reason?: string) {
    if (!(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= LONGEST)) {
      throw new TypeError(`RetryAfter takes milliseconds from 0 to ${LONGEST}, not ${String(afterMs)}`)
    }
    super(reason ?? `The node asks to run again in ${afterMs} ms`, { isFatal: true })
    this.afterMs = afterMs
  }
}

/** What a failure asks for: itself, or what it wraps, is a {@link RetryAfter}. An error that cannot be read asks for nothing. */
export function retryAfterOf(thrown: unknown): RetryAfter | undefined {
  try {
    let error = thrown
    for (let depth = 0; depth < DEEPEST && error instanceof Error; depth++) {
      if (error instanceof RetryAfter) return error
      error = error.cause
    }
  } catch {
    // A revoked proxy, a getter that throws.
  }
  return undefined
}
