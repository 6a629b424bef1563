/** The context of a run: seen piece by piece, or a value of it whole. */
import { childOf } from '../bridge/json-slices.js'
import { ContextTable } from '../bridge/native.js'
import { placeOf } from '../bridge/places.js'
import type { Board } from './board.js'
import { glance, type Place, revisionOf } from './glance.js'
import type { Input } from './input.js'
import { Refusal } from './refusal.js'
import { type ValueView, viewOf } from './value-view.js'

/** The largest value that is given out whole, in characters of JSON. */
const MOST = 5_000_000
/** PostgreSQL says the size of a large value about: what it says has more than this is not read for its size. */
const FAR_TOO_MUCH = 2 * MOST

/** A value of the context, or the whole, as far as it is to be seen at once; nothing where there is none. */
export async function viewContext(board: Board, input: Input): Promise<{ value?: ValueView }> {
  const path = input.texts('path')
  const from = input.number('from', { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0
  const value = await viewAt(board, { runId: input.required('id'), path, from })
  return value ? { value } : {}
}

/** Seen by all who look, once for each state of the run. */
async function viewAt(board: Board, place: Place): Promise<ValueView | null> {
  const { runId, path, from } = place
  const revision = await quietly(() => revisionOf(board, runId))
  return board.readings.get(JSON.stringify([runId, path, from]), revision, async () => {
    const seen = await quietly(() => glance(board, place))
    const answer = seen === undefined ? await readView(board, place) : seen
    return { answer, weight: JSON.stringify(answer).length }
  })
}

async function readView(board: Board, { runId, path, from }: Place): Promise<ValueView | null> {
  const json = await contextValue(board, runId, path)
  return json === undefined ? null : viewOf(json, { redaction: board.redaction, path, from })
}

/** A value whole, as JSON text: numbers are as they are stored. */
export async function copyContext(board: Board, input: Input): Promise<{ json: string }> {
  const [runId, path] = [input.required('id'), input.texts('path')]
  const seen = await viewAt(board, { runId, path, from: 0 })
  if (seen === null) throw new Refusal('NOT_FOUND', 'The context has no such value')
  if (seen.size > FAR_TOO_MUCH) throw tooLarge(seen.size)
  const json = await contextValue(board, runId, path)
  if (json === undefined) throw new Refusal('NOT_FOUND', 'The context has no such value')
  if (json.length > MOST) throw tooLarge(json.length)
  const { redaction } = board
  if (path.length > 0) return { json: redaction.whole(json, path, 'context') }
  // What is at the top has no path.
  const whole = redaction.whole(`{"":${json}}`, [], 'context')
  return { json: childOf(whole, '') ?? 'null' }
}

function tooLarge(size: number): Refusal {
  const message = `The value has ${size} characters, more than ${MOST}: flowcraft-rabbitmq runs show --with-context has it`
  return new Refusal('VALUE_TOO_LARGE', message)
}

/** The text of a value, if there is one, redacted on its outside and on that of everything around it. */
export async function contextValue(board: Board, runId: string, path: readonly string[]): Promise<string | undefined> {
  const { redaction } = board
  let value = await topValue(board, runId, path[0])
  for (const [at, part] of path.entries()) {
    if (at > 0 && value !== undefined) value = childOf(value, part)
    if (value !== undefined) value = redaction.outside(value, path.slice(0, at + 1), 'context')
  }
  return value
}

/** The text of a context, or of the value of a key of it. Those who ask at a time share it. */
async function topValue(board: Board, runId: string, key: string | undefined): Promise<string | undefined> {
  const { host, readings } = board
  const table = new ContextTable(host.beside.database, host.beside.contexts)
  const read = async () => {
    if (key === undefined) return host.values.shownContext(await host.answer(table.toJSON(runId)), runId)
    const json = await host.answer(table.get(runId, key))
    return json === null ? undefined : host.values.shown(json, placeOf(runId, key))
  }
  const revision = await quietly(() => revisionOf(board, runId))
  return readings.get(JSON.stringify(['text', runId, key]), revision, async () => {
    const answer = await read()
    return { answer, weight: answer?.length ?? 0 }
  })
}

/** What it answers; nothing where PostgreSQL refuses: then the engine is asked, which says why. */
export async function quietly<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch {
    return undefined
  }
}
