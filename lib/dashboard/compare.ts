/** Two runs side by side: how they stand, their nodes, and the keys in which their contexts differ. */
import {
  type ComparedNode,
  type ComparedRun,
  comparedNodes,
  comparedRun,
  isSameJson,
  keyDifferences,
} from '../client/differences.js'
import { cursorOf } from '../client/paging.js'
import { isEngines } from '../client/rerun-context.js'
import type { Board } from './board.js'
import { contextValue, quietly } from './context.js'
import { printsOf, revisionOf, shallowViews } from './glance.js'
import type { Input } from './input.js'
import { describeRun, originOf, type ShownRun } from './run.js'
import { shallowView, type ValueView } from './value-view.js'

/** So many keys are answered at once. */
const MOST_KEYS = 100
/** Up to this size, in characters of JSON, what `redact` hides inside a value is left out of the comparison. */
const LOOKED_INTO = 1_000_000

/** Two runs and their nodes. */
export interface Comparison {
  one: ComparedRun<ShownRun>
  other: ComparedRun<ShownRun>
  nodes: ComparedNode[]
}

export async function compareRuns(board: Board, input: Input): Promise<Comparison> {
  const [one, other] = await Promise.all([
    describeRun(board, input.with({ id: input.required('one') })),
    describeRun(board, input.with({ id: input.required('other') })),
  ])
  return { one: comparedRun(one), other: comparedRun(other), nodes: comparedNodes(one, other) }
}

/** A key in which two contexts differ, with its values as far as they are to be seen at once. */
export interface ShownDifference {
  key: string
  change: 'added' | 'removed' | 'changed'
  one?: ValueView
  other?: ValueView
}

/** A page of differences. */
export interface Differences {
  differences: ShownDifference[]
  total: number
  same: number
  hidden: number
  next?: number
}

/**
 * The differences from a place on; `total` is how many there are, `same` how many keys have equal values, `hidden` how
 * many are encrypted in both.
 */
export async function compareContexts(board: Board, input: Input): Promise<Differences> {
  const from = input.number('from', { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0
  const ids: [string, string] = [input.required('one'), input.required('other')]
  const told = await sharedDifferences(board, ids, from)
  if (told) return told
  const [one = '{}', other = '{}'] = await Promise.all(ids.map((id) => contextValue(board, id, [])))
  const { redaction } = board
  // Whether two hidden values are equal is hidden too.
  const shown = (json: string, key: string) =>
    json.length > LOOKED_INTO ? redaction.outside(json, [key], 'context') : redaction.whole(json, [key], 'context')
  const { differences, same, hidden } = keyDifferences(
    one,
    other,
    (a, b, key) => isSameJson(a, b) || isSameJson(shown(a, key), shown(b, key)),
  )
  const view = (json: string, key: string) =>
    shallowView(redaction.outside(json, [key], 'context'), { redaction, path: [key] })
  const page = differences.slice(from, from + MOST_KEYS).map(({ key, change, one: before, other: after }) => ({
    key,
    change,
    ...(before !== undefined && { one: view(before, key) }),
    ...(after !== undefined && { other: view(after, key) }),
  }))
  const next = from + MOST_KEYS
  const counts = { total: differences.length, same, hidden: hidden.length }
  return { differences: page, ...counts, ...(next < differences.length && { next }) }
}

/** The same, as PostgreSQL tells it: no value crosses that is not shown. Told once for each state of the two runs. */
async function sharedDifferences(board: Board, ids: [string, string], from: number): Promise<Differences | undefined> {
  const [one, other] = await Promise.all(ids.map((id) => quietly(() => revisionOf(board, id))))
  if (one === undefined || other === undefined) return undefined
  return board.readings.get(JSON.stringify(['differences', ids, from]), `${one} ${other}`, async () => {
    const answer = await quietly(() => toldDifferences(board, ids, from))
    return { answer, weight: JSON.stringify(answer ?? '').length }
  })
}

async function toldDifferences(board: Board, ids: [string, string], from: number): Promise<Differences | undefined> {
  const [ones, others] = await Promise.all([sharedPrints(board, ids[0]), sharedPrints(board, ids[1])])
  if (!ones || !others) return undefined
  const keys = [...new Set([...ones.keys(), ...others.keys()])].filter((key) => !isEngines(key)).sort()
  const different = keys.filter((key) => ones.get(key) !== others.get(key))
  const next = from + MOST_KEYS
  const page = different.slice(from, next)
  const [before, after] = await Promise.all(ids.map((id) => shallowViews(board, id, page)))
  const differences = page.map((key): ShownDifference => {
    const [one, other] = [before?.get(key), after?.get(key)]
    const change = !ones.has(key) ? 'added' : !others.has(key) ? 'removed' : 'changed'
    return { key, change, ...(one && { one }), ...(other && { other }) }
  })
  const counts = { total: different.length, same: keys.length - different.length, hidden: 0 }
  return { differences, ...counts, ...(next < different.length && { next }) }
}

async function sharedPrints(board: Board, runId: string): Promise<Map<string, string> | undefined> {
  const revision = await quietly(() => revisionOf(board, runId))
  if (revision === undefined) return undefined
  return board.readings.get(JSON.stringify(['prints', runId]), revision, async () => {
    const answer = await quietly(() => printsOf(board, runId))
    return { answer, weight: 100 * (answer?.size ?? 0) }
  })
}

/** What a run is compared with where no other is named: the run it was run again from, else the one before it of its blueprint. */
export async function comparable(board: Board, input: Input): Promise<{ runId?: string }> {
  const { origin } = await originOf(board, input)
  if (origin && typeof origin.runId === 'string') return { runId: origin.runId }
  const id = input.required('id')
  const { blueprintId } = await board.client.run(id).describe()
  if (blueprintId === undefined) return {}
  const { runs } = await board.client.list({ blueprintId, order: 'desc', limit: 1, cursor: cursorOf('desc', id) })
  const [before] = runs
  return before ? { runId: before.runId } : {}
}
