/** One run: how it stands, and its graph. */
import { exactText } from '../bridge/exact.js'
import type { FailedAttempt, NodeDescription, RunDescription } from '../client/description.js'
import type { RunOrigin } from '../client/rerun.js'
import { RERUN_OF } from '../client/rerun-context.js'
import { actionsOf, type DrawnBlueprint, drawnBlueprint } from './blueprints.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { type ValueView, wholeView } from './value-view.js'

/** The value that this holds, where it has numbers that a page's `JSON.parse` would round. */
interface Exact {
  exact?: ValueView
}

export type ShownNode = Omit<NodeDescription, 'waitsFor' | 'progress'> & {
  waitsFor?: NonNullable<NodeDescription['waitsFor']> & Exact
  progress?: NonNullable<NodeDescription['progress']> & Exact
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
  const exactly = (holder: object, name: string): Exact => {
    const json = exactText(holder)
    return json === undefined ? {} : { exact: wholeView(redaction.whole(json, [nodeId, name], 'node')) }
  }
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
      waitsFor: {
        ...waitsFor,
        details: redaction.value(waitsFor.details, [nodeId, 'details'], 'node'),
        ...exactly(waitsFor, 'details'),
      },
    }),
    ...(progress && {
      progress: {
        ...progress,
        value: redaction.value(progress.value, [nodeId, 'progress'], 'node'),
        ...exactly(progress, 'progress'),
      },
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
