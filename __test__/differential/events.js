// What the listeners of a run hear, of all its workers together: for each event a line of what it says, but for who ran what when.
import { isDeepStrictEqual } from 'node:util'
import { plain } from './odd-values.js'
import { isCores } from './totals.js'

export const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** Core tells of these without the run that they are of; `job:*` and `worker:*` it does not tell in memory. */
const UNCOMPARED = /^(edge:evaluate|batch:|job:|worker:)/

/** The line of an event; nothing for one that is not compared. */
export function lineOf({ type, payload }, serializer) {
  if (UNCOMPARED.test(type) || isOfNothing(type, payload)) return undefined
  // Errors differ in their stacks, and core leaves the blueprint of a retry out.
  const { executionId: _, sourceNode: _source, error: _error, errors: _errors, ...told } = payload
  if (type === 'node:retry') delete told.blueprintId
  return `${type} ${JSON.stringify(inOrder(plain(told, serializer)))}`.replace(UUID, '*')
}

/** Of a node that returns nothing, core in memory sets no output, and of one whose output is nothing it does. */
const isOfNothing = (type, { op, value }) => type === 'context:change' && op === 'set' && value === undefined

/** With the keys of objects in order: PostgreSQL's JSONB has its own. */
function inOrder(json) {
  if (Array.isArray(json)) return json.map(inOrder)
  if (json === null || typeof json !== 'object') return json
  const entries = Object.entries(json).filter(([key]) => !isCores(key))
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, inOrder(each)]))
}

/**
 * How the two streams of a run differ: a sentence for each line. Not compared: a run that pauses, of which core tells other things,
 * and a run that executes a node more often in memory (an `any` join), since core tells each execution.
 */
export function differencesHeard({ pauses = {} }, memory, other) {
  if (Object.keys(pauses).length > 0 || !isDeepStrictEqual(memory.executed, other.executed)) return []
  const [here, there] = [countsOf(memory.heard), countsOf(other.heard)]
  const lines = [...new Set([...here.keys(), ...there.keys()])].sort()
  return lines
    .filter((line) => here.get(line) !== there.get(line))
    .map((line) => `events: ${here.get(line) ?? 0} in memory, then ${there.get(line) ?? 0}, of ${line.slice(0, 300)}`)
}

function countsOf(lines) {
  const counts = new Map()
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1)
  return counts
}
