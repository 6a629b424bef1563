/** A run, drawn for people: what is known of it, and its nodes as a tree. */
import type { LimitWait, NodeDescription, NodeProgress, RunDescription } from '../client/description.js'
import type { Flow, Flows } from '../client/flows.js'
import type { RunOrigin } from '../client/rerun.js'
import { isObject } from '../is-object.js'
import { oneLine } from '../log.js'
import { clock, lengthOf } from './durations.js'
import type { Io, Style } from './io.js'
import { facts, shownExactly } from './output.js'
import { lengthOfRun, type TimesAround, timesAround, timesOf, triedOf } from './run-times.js'
import { moment, styleOf } from './shown.js'
import { type Graph, layOut, type TreeRow } from './tree.js'

const MARKS: Record<NodeDescription['state'], readonly [string, Style | undefined]> = {
  done: ['✔', 'green'],
  failed: ['✖', 'red'],
  awaiting: ['⏸', 'cyan'],
  due: ['▶', 'yellow'],
  idle: ['·', 'dim'],
}

/** As much of a node's progress is shown in its line: characters of JSON. */
const LONGEST_PROGRESS = 120

/** The lines of a run. */
export function linesOfRun(io: Io, run: RunDescription, flows: Flows, origin?: RunOrigin): string[] {
  const { blueprintId, version, reason } = run
  const blueprint = version ? `${blueprintId} (version ${version})` : blueprintId
  const head = facts(io, [
    ['run', run.runId],
    ['status', run.status, styleOf(run.status)],
    ['reason', reason, 'red'],
    ['paused', pausedSince(run), 'yellow'],
    ['blueprint', blueprint],
    ['tags', run.tags?.map(oneLine).join(', ')],
    ['child of', run.parent && `node '${oneLine(run.parent.nodeId)}' of run '${oneLine(run.parent.runId)}'`],
    ['run again', origin && `from node '${oneLine(origin.nodeId)}' of run '${oneLine(origin.runId)}'`],
    ['started', moment(run.createdAt)],
    ['time limit', moment(run.deadline)],
    ['concurrency', run.concurrency === undefined ? undefined : `${run.concurrency} at a time`],
    ['last changed', moment(run.updatedAt)],
    ['ended', run.endedAt && `${moment(run.endedAt)}${lengthOfRun(run)}`],
  ])
  return [...head, '', ...linesOfNodes(io, run, graphOf(flows, blueprintId))]
}

function pausedSince({ paused }: RunDescription): string | undefined {
  if (!paused) return undefined
  const why = paused.reason === undefined ? '' : ` (${oneLine(paused.reason)})`
  return `since ${moment(paused.since)}${why}; runs unpause lets it go on`
}

/** The graph of a blueprint, if it was given. */
function graphOf(flows: Flows, blueprintId: string | undefined): Graph | undefined {
  const flow: Flow | undefined = blueprintId === undefined ? undefined : flows[blueprintId]
  return flow && 'toBlueprint' in flow ? flow.toBlueprint() : flow
}

function linesOfNodes(io: Io, run: RunDescription, graph: Graph | undefined): string[] {
  const { nodes } = run
  const known = new Map(nodes.map((node) => [node.nodeId, node]))
  const drawn: TreeRow[] = graph ? layOut(graph) : []
  const ids = new Set(drawn.map(({ id }) => id))
  // Nodes that were added while it ran, or of another version.
  const rows = [
    ...drawn,
    ...nodes.filter(({ nodeId }) => !ids.has(nodeId)).map(({ nodeId }) => ({ id: nodeId, branch: '' })),
  ]
  if (rows.length === 0) return [io.paint('dim', 'No node was reached yet.')]
  const width = Math.max(...rows.map(({ branch, id }) => branch.length + oneLine(id).length))
  const times = timesAround(run)
  return rows.map((row) => lineOf(io, row, { node: known.get(row.id), width, known, times }))
}

interface Around {
  node: NodeDescription | undefined
  width: number
  known: ReadonlyMap<string, NodeDescription>
  times: TimesAround
}

function lineOf(io: Io, { id, branch, joins }: TreeRow, { node, width, known, times }: Around): string {
  const name = oneLine(id)
  const [mark, style] = node ? MARKS[node.state] : ['–', 'dim' as const]
  const blank = ' '.repeat(width - branch.length - name.length)
  const label = `${io.paint('dim', branch)}${io.paint(style, mark)} ${name}${blank}`
  if (!node) return `${label}  ${io.paint('dim', 'not reached')}`
  const before = joins?.filter((each) => known.get(each)?.state === 'done').map(oneLine)
  const notes = [
    ...timesOf(node, times),
    ...notesOf(node),
    ...(before && before.length > 0 ? [`after ${before.join(', ')}`] : []),
  ]
  return `${label}  ${io.paint(style, node.state.padEnd(8))}  ${notes.join('; ')}`.trimEnd()
}

function notesOf(node: NodeDescription): string[] {
  const { execution, attempt, dueAt, action, waitsFor, waitsForLimit, progress, error, replaced, state } = node
  const left = dueAt ? dueAt.getTime() - Date.now() : 0
  return [
    ...(execution > 1 ? [`execution ${execution}`] : []),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(dueAt && left > 0 ? [`due at ${clock(dueAt)}, in ${lengthOf(left)}`] : []),
    ...(action !== undefined ? [`action '${oneLine(action)}'`] : []),
    ...waitOf(waitsFor),
    ...(waitsForLimit ? [limitIn(waitsForLimit)] : []),
    ...(progress ? [progressIn(progress)] : []),
    ...(state === 'awaiting' && waitsFor?.event === undefined && !dueAt ? ['waits to be resumed'] : []),
    ...(replaced ? ['its fallback took its place'] : []),
    ...triedOf(node).map(oneLine),
    ...(error !== undefined ? [oneLine(error)] : []),
  ]
}

/** How far the node says that it is, and when it said so. */
function progressIn(progress: NodeProgress): string {
  const { value, at } = progress
  const json = shownExactly(progress, value)
  const short = json.length > LONGEST_PROGRESS ? `${json.slice(0, LONGEST_PROGRESS)}…` : json
  return `progress ${oneLine(short)}, ${lengthOf(Date.now() - at.getTime())} ago`
}

const WAITS_FOR: Readonly<Record<LimitWait['why'], string>> = {
  concurrency: 'a free place of',
  rate: 'the rate of',
  paused: 'the end of a pause of',
}

/** Which limit it waits for, and since when. */
function limitIn({ key, why, since }: LimitWait): string {
  const whose = key === undefined ? "the run's own concurrency" : `limit '${oneLine(key)}'`
  return `waits for ${WAITS_FOR[why]} ${whose} since ${lengthOf(Math.max(0, Date.now() - since.getTime()))}`
}

function waitOf(waitsFor: NodeDescription['waitsFor']): string[] {
  if (!waitsFor) return []
  if (waitsFor.childRunId !== undefined) return [`waits for the end of its child run '${oneLine(waitsFor.childRunId)}'`]
  return [
    ...(waitsFor.event !== undefined ? [`waits for event '${oneLine(waitsFor.event)}'`] : []),
    ...(says(waitsFor.details) ? [shownExactly(waitsFor, waitsFor.details)] : []),
  ]
}

/** Whether the details say more than that it waits. */
function says(details: unknown): boolean {
  if (!isObject(details)) return details !== undefined
  return Object.entries(details).some(([key, value]) => key !== 'reason' || value !== 'external_event')
}
