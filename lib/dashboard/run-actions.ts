/** What can be done to a run. */
import type { RunStatus } from '../client/description.js'
import type { RunHandle } from '../client/handle.js'
import { errorOf } from '../errors.js'
import type { Input } from './input.js'
import type { DashboardRole } from './options.js'

interface RunActionRule {
  readonly role: DashboardRole
  /** Runs of which statuses it is for. */
  readonly statuses: readonly RunStatus[]
}

/** Those that are done to many runs at a time too, by their names. */
export const RUN_ACTIONS = {
  cancel: { role: 'operate', statuses: ['running', 'awaiting'] },
  pause: { role: 'operate', statuses: ['running', 'awaiting'] },
  unpause: { role: 'operate', statuses: ['running', 'awaiting'] },
  retry: { role: 'operate', statuses: ['failed'] },
  resume: { role: 'operate', statuses: ['awaiting'] },
  'send-event': { role: 'operate', statuses: ['running', 'awaiting'] },
  delete: { role: 'administer', statuses: ['completed', 'failed', 'cancelled'] },
} as const satisfies Record<string, RunActionRule>

export type RunAction = keyof typeof RUN_ACTIONS

/** Does it; answers with the nodes that go on. */
export async function act(run: RunHandle, action: RunAction, input: Input): Promise<{ nodes?: string[] }> {
  if (action === 'retry') return { nodes: [...(await run.retry())] }
  if (action === 'resume') return resume(run, input)
  if (action === 'send-event') return sendEvent(run, input)
  const reason = input.text('reason')
  if (action === 'delete') await run.delete()
  else if (action === 'pause') await run.pause(reason)
  else if (action === 'unpause') await run.unpause()
  else if (!(await run.cancel(reason))) throw isOver(run.runId)
  return {}
}

/** It ended before it could be cancelled: to say that it is cancelled would be wrong. */
function isOver(runId: string): Error {
  const message = `To cancel run '${runId}' comes too late: it is over, and stays as it is`
  return errorOf(message, { code: 'RUN_ENDED', retryable: false, runId })
}

/** Lets paused nodes go on. */
async function resume(run: RunHandle, input: Input): Promise<{ nodes: string[] }> {
  const [action, nodeId] = [input.text('decision'), input.text('nodeId')]
  const output = input.get('output')
  const nodes = await run.resume({
    ...(action !== undefined && { action }),
    ...(nodeId !== undefined && { nodeId }),
    ...(output !== undefined && { output }),
  })
  return { nodes: [...nodes] }
}

async function sendEvent(run: RunHandle, input: Input): Promise<{ nodes: string[] }> {
  return { nodes: [...(await run.sendEvent(input.required('event'), input.get('payload')))] }
}

/** Starts a new run at a node of another; answers with its id. */
export async function rerun(run: RunHandle, input: Input): Promise<{ runId: string }> {
  const [context, given, id] = [input.object('context'), input.get('input'), input.text('runId')]
  const { runId } = await run.rerunFrom(input.required('nodeId'), {
    ...(context && { context }),
    ...(given !== undefined && { input: given }),
    ...(id !== undefined && { runId: id }),
  })
  return { runId }
}
