/** Calls to servers that the engine makes within a node: one that is out of reach is no failure of the node. */
import { ConnectionError, FlowcraftAdapterError } from '../errors.js'
import { RetryAfter } from './retry-after.js'

/** How soon the node runs again, in milliseconds. */
const SOON = 1_000

/**
 * What a call answers with.
 *
 * @param what What cannot be done without the server, for the log.
 * @throws RetryAfter while the server is out of reach: the node runs again, and no attempt of it is spent.
 */
export async function whenReachable<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!isOutOfReach(error)) throw error
    throw new RetryAfter(SOON, `${what}. ${error.message}`)
  }
}

/** A key that is missing is retryable, too: that has waits of its own. */
function isOutOfReach(error: unknown): error is FlowcraftAdapterError {
  if (error instanceof ConnectionError) return error.retryable
  return error instanceof FlowcraftAdapterError && error.code === 'RUN_BUSY'
}
