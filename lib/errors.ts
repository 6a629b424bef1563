/** What a thrown value says, in a sentence for a run's reason. */
import { isObject } from './connections/invalid.js'

/** How many causes deep a message goes. */
const DEPTH = 8

/** The message of whatever a node threw, with its causes and the node's name. */
export function describeError(thrown: unknown, nodeId: string): string {
  const messages: string[] = []
  let error: unknown = thrown
  for (let depth = 0; depth < DEPTH && error !== undefined && error !== null; depth++) {
    const message = messageOf(error)
    if (message && !messages.some((earlier) => earlier.includes(message))) messages.push(message)
    error = causeOf(error)
  }
  const text = messages.join(': ') || String(thrown)
  return text.includes(`'${nodeId}'`) ? text : `Node '${nodeId}' failed: ${text}`
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  // Core lists a run's errors as plain objects with the fields of an error.
  if (isObject(error) && typeof error.message === 'string') return error.message
  return String(error)
}

function causeOf(error: unknown): unknown {
  if (error instanceof Error) return error.cause
  return isObject(error) ? (error.cause ?? error.originalError) : undefined
}
