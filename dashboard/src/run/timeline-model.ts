/**
 * A run over time: each node a row, with a bar for what it did from when to when. What stands inside subflows, and the executions of
 * batches, are folded into one row each, until somebody unfolds them. Pure.
 */
import type { Run, RunNode } from '../api.js'
import { exactLengthOf } from '../format.js'
import { batchOf, MADE_UP } from '../graph/model.js'

/** `due`: in the queue or being executed, which nobody knows before the answer. `inside`: its subflow runs. */
export type SpanKind = 'queued' | 'due' | 'executed' | 'awaited' | 'inside'

export interface Span {
  kind: SpanKind
  /** Milliseconds since 1970. */
  from: number
  to: number
}

export interface Row {
  id: string
  title: string
  /** How many rows it stands inside of. */
  depth: number
  state: RunNode['state']
  node?: RunNode
  spans: Span[]
  /** When attempts failed that others followed. */
  failed: number[]
  group?: { count: number; isFolded: boolean }
}

export interface Timeline {
  rows: Row[]
  from: number
  to: number
  /** Nodes of which no time is known. */
  unknown: number
}

const time = (moment: string | undefined) => (moment === undefined ? undefined : Date.parse(moment))

/** The timeline of a run; `turned` are the rows that somebody has unfolded. */
export function timelineOf(run: Run, turned: ReadonlySet<string>, now: number): Timeline {
  const isOver = run.status !== 'running' && run.status !== 'awaiting'
  const end = time(run.endedAt) ?? (isOver ? time(run.updatedAt) : undefined) ?? now
  const children = familiesOf(run.nodes)
  const containers = new Set(children.keys())
  const made = new Map(run.nodes.map((node) => [node.nodeId, rowOf(node, end, containers.has(node.nodeId))]))
  const rows: Row[] = []
  const add = (ids: readonly string[], depth: number) => {
    const members = ids.flatMap((id) => made.get(id) ?? batchRow(id, children, made) ?? []).sort(byTime)
    for (const row of members) {
      const inside = children.get(row.id)
      const isFolded = !turned.has(row.id)
      rows.push({ ...row, depth, ...(inside && { group: { count: inside.length, isFolded } }) })
      if (inside && !isFolded) add(inside, depth + 1)
    }
  }
  add(children.get('') ?? [], 0)
  const spans = [...made.values()].flatMap((row) => row.spans)
  const from = spans.reduce((first, span) => Math.min(first, span.from), time(run.createdAt) ?? end)
  const to = spans.reduce((last, span) => Math.max(last, span.to), end)
  return { rows, from, to: Math.max(to, from + 1), unknown: [...made.values()].filter(isUnknown).length }
}

/** By node, what stands inside it; under the empty name, what stands in nothing. A batch stands there as one. */
function familiesOf(nodes: readonly RunNode[]): Map<string, string[]> {
  const known = new Set(nodes.map(({ nodeId }) => nodeId))
  const families = new Map<string, string[]>()
  const put = (id: string, into: string) => {
    const family = families.get(into)
    if (family) family.push(id)
    else families.set(into, [id])
  }
  for (const { nodeId } of nodes) {
    const parent = parentOf(nodeId, known)
    const batch = batchOf(nodeId)
    if (batch === undefined) {
      put(nodeId, parent)
      continue
    }
    const group = `batch:${batch}`
    if (!families.has(group)) put(group, parent)
    put(nodeId, group)
  }
  return families
}

function parentOf(id: string, known: ReadonlySet<string>): string {
  for (let at = id.lastIndexOf('/'); at > 0; at = id.lastIndexOf('/', at - 1)) {
    if (known.has(id.slice(0, at))) return id.slice(0, at)
  }
  return ''
}

function batchRow(
  id: string,
  children: ReadonlyMap<string, readonly string[]>,
  made: ReadonlyMap<string, Row>,
): Row | undefined {
  const items = children.get(id)?.flatMap((each) => made.get(each) ?? [])
  if (!items) return undefined
  const spans = items.flatMap((item) => item.spans)
  const from = spans.reduce((first, span) => Math.min(first, span.from), Number.POSITIVE_INFINITY)
  const to = spans.reduce((last, span) => Math.max(last, span.to), 0)
  const states = new Set(items.map(({ state }) => state))
  const state = (['failed', 'awaiting', 'due', 'idle'] as const).find((each) => states.has(each)) ?? 'done'
  const whole: Span[] = spans.length > 0 ? [{ kind: 'inside', from, to }] : []
  const worker = id.slice('batch:'.length)
  const title = MADE_UP.test(worker) ? 'each item' : `${worker}: each item`
  return { id, title, depth: 0, state, spans: whole, failed: [] }
}

function rowOf(node: RunNode, end: number, isContainer: boolean): Row {
  const { nodeId, state, failedAttempts = [] } = node
  const [reached, started, awaited] = [time(node.reachedAt), time(node.startedAt), time(node.awaitingSince)]
  const [resumed, ended] = [time(node.resumedAt), time(node.endedAt)]
  const spans: Span[] = []
  const span = (kind: SpanKind, from: number | undefined, to: number | undefined) => {
    if (from !== undefined && to !== undefined && to >= from) spans.push({ kind, from, to })
  }
  const last = ended ?? (state === 'due' || state === 'awaiting' ? end : undefined)
  const isOpen = started === undefined && awaited === undefined
  span(isOpen && ended === undefined ? 'due' : 'queued', reached, started ?? awaited ?? last)
  span('executed', started, awaited ?? last)
  span(isContainer ? 'inside' : 'awaited', awaited, resumed ?? last)
  span(ended === undefined ? 'due' : 'queued', resumed, last)
  const failed = failedAttempts.flatMap(({ endedAt, postponed }) => (postponed ? [] : (time(endedAt) ?? [])))
  const own = nodeId
    .slice(nodeId.lastIndexOf('/') + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
  return { id: nodeId, title: own, depth: 0, state, node, spans, failed }
}

const isUnknown = ({ spans, node }: Row) => spans.length === 0 && (node?.execution ?? 0) > 0

function byTime(one: Row, other: Row): number {
  const [a, b] = [one.spans[0]?.from, other.spans[0]?.from]
  if (a !== b) return (a ?? Number.POSITIVE_INFINITY) - (b ?? Number.POSITIVE_INFINITY)
  return one.id < other.id ? -1 : 1
}

/** What a row says, for those who do not see its bar: `after 2 s; executed 30 ms; awaited 2h`. */
export function wordsOf({ spans, failed }: Row, from: number): string {
  const [first] = spans
  if (!first) return 'no times are known'
  const words: Record<SpanKind, string> = {
    queued: 'waited in the queue for',
    due: 'due for',
    executed: 'executed for',
    awaited: 'awaited for',
    inside: 'ran inside for',
  }
  const parts = spans.filter(({ kind, from: begun, to }) => kind !== 'queued' || to > begun)
  return [
    `${exactLengthOf(first.from - from)} after the start`,
    ...parts.map(({ kind, from: begun, to }) => `${words[kind]} ${exactLengthOf(to - begun)}`),
    ...failed.map((moment) => `an attempt failed ${exactLengthOf(moment - from)} after the start`),
  ].join('; ')
}

/** How long a row took, from when it became due. */
export function tookOf({ spans }: Row): number | undefined {
  const [first, last] = [spans[0], spans.at(-1)]
  return first && last ? last.to - first.from : undefined
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500]
const LONG = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400]

/** Nearer to the end than this part of the whole, a mark would have no room for its words. */
const LAST = 0.92

/** The marks below a length of time: few, and at round places. */
export function ticksOf(length: number, most: number): number[] {
  const days = Math.ceil(length / 86_400_000 / most) * 86_400_000
  const step = [...STEPS, ...LONG.map((seconds) => seconds * 1_000)].find((each) => length / each <= most) ?? days
  return Array.from({ length: Math.floor((length * LAST) / step) + 1 }, (_, at) => at * step)
}
