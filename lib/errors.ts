/** What a thrown value says, in a sentence for a run's reason. */

/** How many causes deep a message goes. */
const DEPTH = 5

/** The message of whatever a node threw, with its causes and the node's name. */
export function describeError(thrown: unknown, nodeId: string): string {
  const messages: string[] = []
  let error: unknown = thrown
  for (let depth = 0; depth < DEPTH && error !== undefined && error !== null; depth++) {
    const message = error instanceof Error ? error.message : String(error)
    if (message && !messages.some((earlier) => earlier.includes(message))) messages.push(message)
    error = error instanceof Error ? error.cause : undefined
  }
  const text = messages.join(': ') || String(thrown)
  return text.includes(`'${nodeId}'`) ? text : `Node '${nodeId}' failed: ${text}`
}
