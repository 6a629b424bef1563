/** Runs that nodes start as their children. */
import { type ChildAsked, childOf, type NodePlace, type StartedChild } from '../execution/child-runs.js'
import { RetryAfter } from '../execution/retry-after.js'
import { within } from '../operating/spans.js'
import { readDescription } from './description.js'
import type { ClientHost } from './host.js'
import { runToJson, startRuns } from './starting.js'

/** How soon a node tries again whose fleet has a worker that knows no child runs, in milliseconds. */
const LATER = 5_000

/**
 * Starts a child, unless its node has started it before.
 *
 * @throws RetryAfter while a worker of an earlier version is in the fleet: it would not tell the node of the end.
 */
export async function startChild(
  { engine, answer, values, spans }: Pick<ClientHost, 'engine' | 'answer' | 'values' | 'spans'>,
  { blueprintId, context, tags, version }: ChildAsked,
  place: NodePlace,
): Promise<StartedChild> {
  if (!(await answer(engine.startsChildren()))) {
    throw new RetryAfter(LATER, 'a worker of this queue is of a version that knows no child runs')
  }
  const { createdAt } = readDescription(await answer(engine.describe(place.runId)))
  const child = childOf(place, createdAt)
  const { runId, event } = child
  await within(spans, { what: 'start', blueprintId, runId }, async (traceparent) => {
    const parent = { ...place, event }
    const run = runToJson(blueprintId, { context, runId, tags }, { values, version, traceparent, parent })
    await startRuns({ engine, answer }, [run], 'use-existing')
  })
  return child
}
