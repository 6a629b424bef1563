/** Runs that nodes start as their children. */
import { createHash } from 'node:crypto'
import type { ChildAsked, NodePlace, StartedChild } from '../execution/child-runs.js'
import { RetryAfter } from '../execution/retry-after.js'
import { whenReachable } from '../execution/when-reachable.js'
import { within } from '../operating/spans.js'
import { readDescription } from './description.js'
import type { ClientHost } from './host.js'
import { uuidOf } from './ids.js'
import { runToJson, startRuns } from './starting.js'

type Host = Pick<ClientHost, 'engine' | 'answer' | 'values' | 'spans'>

/** How the event is named that a child's end is. */
const CHILD_EVENT = 'flowcraft.child:'

/** How soon a node tries again whose fleet has a worker that knows no child runs, in milliseconds. */
const LATER = 5_000

/**
 * Starts a child, unless its node has started it before.
 *
 * @throws RetryAfter while a worker of an earlier version is in the fleet, which would not tell the node of the end, and while
 * PostgreSQL or RabbitMQ is out of reach.
 */
export async function startChild(host: Host, asked: ChildAsked, place: NodePlace): Promise<StartedChild> {
  const what = `A child run of '${asked.blueprintId}' cannot be started`
  return await whenReachable(what, () => start(host, asked, place))
}

async function start(
  { engine, answer, values, spans }: Host,
  { blueprintId, context, tags, version }: ChildAsked,
  place: NodePlace,
): Promise<StartedChild> {
  if (!(await answer(engine.startsChildren()))) {
    throw new RetryAfter(LATER, 'not every worker of this queue has said that it knows child runs')
  }
  const { createdAt, tags: inherited = [] } = readDescription(await answer(engine.describe(place.runId)))
  const child = childOf(place, createdAt)
  // Who erases what a tag names wants nothing of it left.
  const all = [...inherited, ...tags]
  const { runId, event } = child
  await within(spans, { what: 'start', blueprintId, runId }, async (traceparent) => {
    const parent = { ...place, event }
    const run = runToJson(blueprintId, { context, runId, tags: all }, { values, version, traceparent, parent })
    await startRuns({ engine, answer }, [run], 'use-existing')
  })
  return child
}

/**
 * A child of one execution of a node: the same however often that is tried, and another one where a run of that id was removed and
 * started again. A UUID, for tables whose ids are UUIDs.
 */
function childOf({ runId, nodeId, round }: NodePlace, parentCreatedAt: Date | undefined): StartedChild {
  const name = JSON.stringify([runId, parentCreatedAt?.getTime() ?? null, nodeId, round, 'child'])
  const hash = createHash('sha256').update(name).digest().subarray(0, 16)
  hash[6] = 0x80 | ((hash[6] ?? 0) & 0x0f)
  hash[8] = 0x80 | ((hash[8] ?? 0) & 0x3f)
  const id = uuidOf(hash)
  return { runId: id, event: CHILD_EVENT + id }
}
