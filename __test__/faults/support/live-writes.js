// Nodes that write while they run, and what of it is there in the end: of each execution that counts all of it, and nothing of
// one whose worker died.
import assert from 'node:assert/strict'

const BEGAN = 'began '
const COUNTED = 'counted '
const PASSING = 'passing '
/** Written by every node: its value is the last write that counts. */
const LATEST = 'latest'

/** What a node does, and before it, after it, and while others of its run do the same, it writes. */
export const writing = (id, work) => async (call, attempt) => {
  const { context } = call
  const name = `${id} ${attempt.nonce}`
  await context.set(BEGAN + name, true)
  await context.set(LATEST, name)
  await context.set(PASSING + name, true)
  const result = await work(call, attempt)
  await context.delete(PASSING + name)
  return result
}

/** The contexts in which a run's nodes wrote: its own, and what its subflows gave. */
const contextsOf = (context) => [context, ...Object.values(context).filter((value) => value?.[LATEST] !== undefined)]

const namesOf = (context, prefix) =>
  Object.keys(context)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .sort()

/** Asserts that a run's context has what was written by the executions that count, and nothing else. */
export function assertOnlyCountedWrites(context, run) {
  for (const each of contextsOf(context)) {
    const counted = namesOf(each, COUNTED)
    assert.deepEqual(namesOf(each, BEGAN), counted, `${run}: what the executions that count wrote`)
    assert.deepEqual(namesOf(each, PASSING), [], `${run}: what was deleted`)
    assert.ok(counted.includes(each[LATEST]), `${run}: '${each[LATEST]}' wrote last, and does not count`)
  }
}
