/** Lists of runs, and actions on many of them. */
import type { RunStatus } from '../client/description.js'
import type { RunCount, RunPage, RunSummary } from '../client/listing.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { Refusal, toldOf } from './refusal.js'
import { act, RUN_ACTIONS, type RunAction } from './run-actions.js'
import { WHOLE_TABLES } from './shared.js'

const PAGE = 50
/** How many runs an action may concern: what is more is for the command line. */
const MOST = 10_000
/** How many an action is done to in one call: whoever asks shows how far it is, and may stop. */
const MOST_AT_ONCE = 100
/** How many of them are under way at a time. */
const AT_A_TIME = 16
const SHOWN = 8

export function listRuns({ client }: Board, input: Input): Promise<RunPage> {
  const cursor = input.text('cursor')
  const limit = input.number('limit', { from: 1, to: 500 }) ?? PAGE
  return client.list({ ...input.filters(), limit, ...(cursor !== undefined && { cursor }) })
}

/** Reads both tables whole: all viewers share it. */
export function countRuns({ client, shared }: Board): Promise<{ counts: RunCount[]; at: number }> {
  return shared.get('counts', 5_000, async () => ({ counts: await client.counts(), at: Date.now() }), WHOLE_TABLES)
}

/** Which runs the filters find, for an action: it is asked before anything is done. */
export async function previewAction(
  { client }: Board,
  input: Input,
): Promise<{ ids: string[]; first: RunSummary[]; isMore: boolean }> {
  const statuses: readonly RunStatus[] = actionOf(input).statuses
  const filters = input.filters()
  const wanted = [filters.status ?? statuses].flat().filter((status) => statuses.includes(status))
  const ids: string[] = []
  const first: RunSummary[] = []
  let cursor: string | undefined
  while (wanted.length > 0) {
    const page = await client.list({
      ...filters,
      status: wanted,
      limit: 1_000,
      ...(cursor !== undefined && { cursor }),
    })
    first.push(...page.runs.slice(0, SHOWN - first.length))
    ids.push(...page.runs.map(({ runId }) => runId))
    cursor = page.cursor
    if (cursor === undefined || ids.length >= MOST) break
  }
  return { ids: ids.slice(0, MOST), first, isMore: cursor !== undefined }
}

export interface Outcome {
  runId: string
  /** Why it was not done. */
  code?: string
  message?: string
}

/** Does an action to some runs. One that a server cannot do at all ends it. */
export async function actOnRuns(board: Board, input: Input): Promise<{ outcomes: Outcome[] }> {
  const ids = input.texts('ids')
  if (ids.length === 0 || ids.length > MOST_AT_ONCE) {
    throw new Refusal('INVALID_ARGUMENT', `ids are 1 to ${MOST_AT_ONCE} ids of runs`)
  }
  actionOf(input)
  const name = input.required('action') as RunAction
  // Else each of them would be refused for it.
  if (name === 'send-event') input.required('event')
  const outcomes: Outcome[] = []
  const left = ids.values()
  const line = async () => {
    for (const runId of left) outcomes.push(await one(board, name, runId, input))
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, ids.length) }, line))
  board.shared.forget()
  return { outcomes }
}

async function one(board: Board, name: RunAction, runId: string, input: Input): Promise<Outcome> {
  try {
    await act(board.client.run(runId), name, input)
    return { runId }
  } catch (error) {
    const { status, code, message } = toldOf(error)
    if (status >= 500) throw error
    return { runId, code, message }
  }
}

function actionOf(input: Input): (typeof RUN_ACTIONS)[RunAction] {
  const name = input.required('action')
  if (Object.hasOwn(RUN_ACTIONS, name)) return RUN_ACTIONS[name as RunAction]
  throw new Refusal('INVALID_ARGUMENT', `action is one of ${Object.keys(RUN_ACTIONS).join(', ')}`)
}
