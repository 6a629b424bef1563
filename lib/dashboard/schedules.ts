/** Schedules: which there are, when they are due next, and what is done to one. */
import type { ScheduleDescription } from '../client/schedule.js'
import type { Board } from './board.js'
import type { Input } from './input.js'

/** A schedule as a list shows it. The context of its runs stays on the server. */
export type ShownSchedule = Omit<ScheduleDescription, 'context' | 'next' | 'queued' | 'recent'> & {
  /** When it is due next; while it pauses, when it would be. */
  next?: Date
  /** How many due times wait for the end of an earlier run. */
  waiting: number
  /** Its last run. */
  last?: { runId: string; startedAt: Date }
}

/** How many are shown on a page. */
const SHOWN = 100

/** A page of them, by the order of their ids. */
export async function listSchedules(
  board: Board,
  input: Input,
): Promise<{ schedules: ShownSchedule[]; cursor?: string }> {
  const [blueprintId, cursor] = [input.text('blueprint'), input.text('cursor')]
  const page = await board.client.schedules.list({
    limit: SHOWN,
    ...(blueprintId !== undefined && { blueprintId }),
    ...(cursor !== undefined && { cursor }),
  })
  return { ...page, schedules: page.schedules.map((each) => shown(board, each)) }
}

function shown({ redaction }: Board, schedule: ScheduleDescription): ShownSchedule {
  const {
    context: _,
    next: [next],
    queued,
    recent: [last],
    note,
    ...rest
  } = schedule
  return {
    ...rest,
    ...(note !== undefined && { note: redaction.value(note, [schedule.scheduleId, 'note'], 'schedule') }),
    ...(next && { next }),
    waiting: queued.length,
    ...(last && { last: { runId: last.runId, startedAt: last.startedAt } }),
  }
}

export async function pauseSchedule({ client }: Board, input: Input): Promise<object> {
  await client.schedules.pause(input.required('id'), input.text('reason'))
  return {}
}

export async function resumeSchedule({ client }: Board, input: Input): Promise<object> {
  await client.schedules.resume(input.required('id'))
  return {}
}

/** Has a run started now; answers with its id. */
export async function triggerSchedule({ client }: Board, input: Input): Promise<{ runId: string }> {
  const { runId } = await client.schedules.trigger(input.required('id'))
  return { runId }
}
