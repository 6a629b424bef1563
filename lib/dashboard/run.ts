/** One run: how it stands, its graph, and its context. */

import { childOf } from '../bridge/json-slices.js'
import { ContextTable } from '../bridge/native.js'
import { placeOf } from '../bridge/places.js'
import type { FailedAttempt, NodeDescription, RunDescription } from '../client/description.js'
import type { RunOrigin } from '../client/rerun.js'
import { RERUN_OF } from '../client/rerun-context.js'
import { actionsOf, type DrawnBlueprint, drawnBlueprint } from './blueprints.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { Refusal } from './refusal.js'
import { type ValueView, viewOf } from './value-view.js'

/** The largest value that is given out whole, in characters of JSON. */
const MOST = 5_000_000

export type ShownNode = NodeDescription & {
  /** The actions that decide its edges, while it waits; absent where its blueprint is not known. */
  actions?: string[]
}
export type ShownRun = Omit<RunDescription, 'nodes'> & { nodes: ShownNode[] }

export async function describeRun(board: Board, input: Input): Promise<ShownRun> {
  return shownRun(board, await board.client.run(input.required('id')).describe())
}

/** Where a run comes from that was run again from a node of another. */
export async function originOf({ client, redaction }: Board, input: Input): Promise<{ origin?: RunOrigin }> {
  const origin = await client.run(input.required('id')).origin()
  return origin ? { origin: redaction.value(origin, [RERUN_OF], 'context') } : {}
}

/** A run as it may be shown. */
export function shownRun(board: Board, { nodes, reason, ...run }: RunDescription): ShownRun {
  const { redaction } = board
  return {
    ...run,
    ...(reason !== undefined && { reason: redaction.value(reason, ['reason'], 'node') }),
    nodes: nodes.map((node) => shownNode(board, run.blueprintId, node)),
  }
}

function shownNode(board: Board, blueprintId: string | undefined, node: NodeDescription): ShownNode {
  const { nodeId, error, lastError, failedAttempts, waitsFor, progress, state } = node
  const { redaction } = board
  const actions = state === 'awaiting' ? actionsOf(board, blueprintId, nodeId) : undefined
  const shownError = (text: string) => redaction.value(text, [nodeId, 'error'], 'node')
  const shownAttempt = ({ message, stack, ...attempt }: FailedAttempt): FailedAttempt => ({
    ...attempt,
    message: shownError(message),
    ...(stack !== undefined && { stack: shownError(stack) }),
  })
  return {
    ...node,
    ...(error !== undefined && { error: shownError(error) }),
    ...(lastError && { lastError: shownAttempt(lastError) }),
    ...(failedAttempts && { failedAttempts: failedAttempts.map(shownAttempt) }),
    ...(waitsFor && {
      waitsFor: { ...waitsFor, details: redaction.value(waitsFor.details, [nodeId, 'details'], 'node') },
    }),
    ...(progress && {
      progress: { ...progress, value: redaction.value(progress.value, [nodeId, 'progress'], 'node') },
    }),
    ...(actions && { actions }),
  }
}

/** The blueprints of a run: its own, and those of its subflows. */
export async function graphOf(board: Board, input: Input): Promise<{ blueprints: DrawnBlueprint[] }> {
  const found = new Map<string, DrawnBlueprint>()
  const wanted = [input.required('blueprint')]
  for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
    const drawn = found.has(id) ? undefined : drawnBlueprint(board, id)
    if (!drawn) continue
    found.set(id, drawn)
    wanted.push(...drawn.nodes.flatMap(({ subflow }) => (subflow === undefined ? [] : [subflow])))
  }
  return { blueprints: [...found.values()] }
}

/** A value of the context, or the whole, as far as it is to be seen at once; nothing where there is none. */
export async function viewContext(board: Board, input: Input): Promise<{ value?: ValueView }> {
  const path = input.texts('path')
  const from = input.number('from', { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0
  const json = await contextValue(board, input.required('id'), path)
  return json === undefined ? {} : { value: viewOf(json, { redaction: board.redaction, path, from }) }
}

/** A value whole, as JSON text: numbers are as they are stored. */
export async function copyContext(board: Board, input: Input): Promise<{ json: string }> {
  const path = input.texts('path')
  const json = await contextValue(board, input.required('id'), path)
  if (json === undefined) throw new Refusal('NOT_FOUND', 'The context has no such value')
  if (json.length > MOST) {
    const message = `The value has ${json.length} characters, more than ${MOST}: flowcraft-rabbitmq runs show --with-context has it`
    throw new Refusal('VALUE_TOO_LARGE', message)
  }
  const { redaction } = board
  if (path.length > 0) return { json: redaction.whole(json, path, 'context') }
  // What is at the top has no path.
  const whole = redaction.whole(`{"":${json}}`, [], 'context')
  return { json: childOf(whole, '') ?? 'null' }
}

/** The text of a value, if there is one, redacted on its outside and on that of everything around it. */
export async function contextValue(
  { host, redaction }: Board,
  runId: string,
  path: readonly string[],
): Promise<string | undefined> {
  const { database, contexts } = host.beside
  const table = new ContextTable(database, contexts)
  const [key] = path
  const whole = async () => host.values.shownContext(await host.answer(table.toJSON(runId)), runId)
  const one = async (name: string) => {
    const json = await host.answer(table.get(runId, name))
    return json === null ? undefined : host.values.shown(json, placeOf(runId, name))
  }
  let value = key === undefined ? await whole() : await one(key)
  for (const [at, part] of path.entries()) {
    if (at > 0 && value !== undefined) value = childOf(value, part)
    if (value !== undefined) value = redaction.outside(value, path.slice(0, at + 1), 'context')
  }
  return value
}
