/** When the nodes of a run were executed, in words: after its start, and for how long. Of what the record does not say, nothing. */
import type { NodeDescription, RunDescription } from '../client/description.js'
import { lengthOf } from './durations.js'

/** The moment that the times of a run are shown after: its start, or the first that is known of it. */
export function beginningOf({ createdAt, nodes }: RunDescription): number | undefined {
  const known = nodes.flatMap(({ reachedAt, startedAt }) => (reachedAt ?? startedAt)?.getTime() ?? [])
  const first = known.reduce((earliest, each) => Math.min(earliest, each), Number.POSITIVE_INFINITY)
  return createdAt?.getTime() ?? (Number.isFinite(first) ? first : undefined)
}

/** How long a run took, if it is over. */
export function lengthOfRun(run: RunDescription): string {
  const [began, ended] = [beginningOf(run), run.endedAt?.getTime()]
  return began === undefined || ended === undefined ? '' : ` (took ${lengthOf(ended - began)})`
}

/** When a run's nodes are shown: after which moment, now, and of which of them the wait is that for a subflow. */
export interface TimesAround {
  readonly began: number | undefined
  readonly now: number
  readonly containers: ReadonlySet<string>
}

export function timesAround(run: RunDescription): TimesAround {
  const paths = run.nodes.map(({ nodeId }) => nodeId.slice(0, Math.max(0, nodeId.lastIndexOf('/'))))
  return { began: beginningOf(run), now: Date.now(), containers: new Set(paths) }
}

/** `at +1 s, took 20 ms`, and how much of that it waited. */
export function timesOf(node: NodeDescription, { began, now, containers }: TimesAround): string[] {
  const { reachedAt, startedAt, awaitingSince, resumedAt, endedAt, state } = node
  const from = startedAt ?? reachedAt
  const said: string[] = []
  if (from && began !== undefined) said.push(`at +${lengthOf(from.getTime() - began)}`)
  if (from && endedAt) said.push(`took ${lengthOf(endedAt.getTime() - from.getTime())}`)
  if (awaitingSince && !containers.has(node.nodeId)) {
    const until = resumedAt?.getTime() ?? (state === 'awaiting' ? now : undefined)
    if (until !== undefined) said.push(`waited ${lengthOf(until - awaitingSince.getTime())}`)
  }
  return said.length > 0 ? [said.join(', ')] : []
}

/** The last attempt that another followed, while that is what there is to say of the node. */
export function triedOf({ lastError, state, replaced, execution }: NodeDescription): string[] {
  if (!lastError || lastError.execution !== execution || state === 'failed' || (state === 'done' && !replaced))
    return []
  const what = lastError.postponed ? 'runs again later' : `attempt ${lastError.attempt} failed`
  return [`${what}: ${lastError.message}`]
}
