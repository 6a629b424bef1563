/** What waits for a person: runs with a node that neither a time nor a worker lets go on. */
import type { RunSummary } from '../client/listing.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { type ShownNode, type ShownRun, shownRun } from './run.js'

/** How many runs that await are looked at in one call: those that only sleep are left out. */
const LOOKED_AT = 40
/** How many are looked at at a time. */
const AT_A_TIME = 8

export interface Approval extends RunSummary {
  nodes: ShownNode[]
}

/** A page of them, by the order of the runs. It may be empty and yet not the last. */
export async function approvals(board: Board, input: Input): Promise<{ approvals: Approval[]; cursor?: string }> {
  const cursor = input.text('cursor')
  const blueprintId = input.text('blueprint')
  const page = await board.client.list({
    status: 'awaiting',
    order: input.text('order') === 'desc' ? 'desc' : 'asc',
    limit: LOOKED_AT,
    ...(cursor !== undefined && { cursor }),
    ...(blueprintId !== undefined && { blueprintId }),
  })
  const described = new Map<string, ShownRun>()
  const left = page.runs.values()
  const line = async () => {
    for (const { runId } of left) {
      const run = await found(board, runId)
      if (run) described.set(runId, run)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, line))
  const waiting = page.runs.flatMap((run) => {
    const nodes = described.get(run.runId)?.nodes.filter(waitsForSomebody) ?? []
    return nodes.length > 0 ? [{ ...run, nodes }] : []
  })
  return { approvals: waiting, ...(page.cursor !== undefined && { cursor: page.cursor }) }
}

/** Whether a node waits for somebody, or for something from outside, and not for a time or for a run of its own. */
function waitsForSomebody({ state, dueAt, waitsFor }: ShownNode): boolean {
  return state === 'awaiting' && !dueAt && waitsFor?.childRunId === undefined
}

/** A run that may be gone by now. */
async function found(board: Board, runId: string): Promise<ShownRun | undefined> {
  try {
    return shownRun(board, await board.client.run(runId).describe())
  } catch (error) {
    if ((error as { code?: string }).code === 'RUN_NOT_FOUND') return undefined
    throw error
  }
}
