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
import type { Board } from './board.js'
import type { Input } from './input.js'
import { contextValue, describeRun, originOf, type ShownRun } from './run.js'
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

/**
 * The differences from a place on; `total` is how many there are, `same` how many keys have equal values, `hidden` how
 * many are encrypted in both.
 */
export async function compareContexts(
  board: Board,
  input: Input,
): Promise<{ differences: ShownDifference[]; total: number; same: number; hidden: number; next?: number }> {
  const from = input.number('from', { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0
  const ids = [input.required('one'), input.required('other')]
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
