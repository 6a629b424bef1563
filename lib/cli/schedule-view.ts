/** A schedule, drawn for people. */
import type { ScheduleDescription } from '../client/schedule.js'
import type { Schedules } from '../client/schedules.js'
import { oneLine } from '../log.js'
import type { Call } from './command.js'
import { lengthOf } from './durations.js'
import type { Io, Style } from './io.js'
import { type Column, facts, shownJson, showOne } from './output.js'
import { Servers } from './servers.js'
import { formatOf, moment, styleOf, withoutCiphers } from './shown.js'

const STYLES: Record<ScheduleDescription['state'], Style | undefined> = {
  active: 'green',
  paused: 'yellow',
  ended: 'dim',
}

/** When it is due, in words. */
function timing({ cron, timeZone, everyMs }: ScheduleDescription): string {
  return cron === undefined ? `every ${lengthOf(everyMs ?? 0)}` : `${cron} (${timeZone ?? 'UTC'})`
}

export const SCHEDULE_COLUMNS: readonly Column<ScheduleDescription>[] = [
  { title: 'SCHEDULE', text: ({ scheduleId }) => scheduleId },
  { title: 'STATE', text: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'DUE', text: timing },
  { title: 'BLUEPRINT', text: ({ blueprintId }) => blueprintId },
  { title: 'NEXT', text: ({ state, next }) => (state === 'paused' ? '' : moment(next[0])) },
  { title: 'STARTED', text: ({ counts }) => String(counts.started), isNumber: true },
  { title: 'SKIPPED', text: ({ counts }) => String(counts.skipped), isNumber: true },
  {
    title: 'MISSED',
    text: ({ counts }) => String(counts.missed),
    isNumber: true,
    style: ({ counts }) => (counts.missed > 0 ? 'red' : undefined),
  },
]

/** The lines of a schedule. */
export function linesOfSchedule(io: Io, schedule: ScheduleDescription): string[] {
  const { scheduleId, state, blueprintId, context, overlap, maxQueued, catchUpWindow, next, queued, counts } = schedule
  const { started, skipped, missed, triggered, backfilled } = counts
  const head = facts(io, [
    ['schedule', scheduleId],
    ['state', state, STYLES[state]],
    ['pauses since', moment(schedule.pausedAt)],
    ['note', schedule.note],
    ['due', timing(schedule)],
    ['from', moment(schedule.startAt)],
    ['until', moment(schedule.endAt)],
    ['blueprint', blueprintId],
    ['tags', schedule.tags?.map(oneLine).join(', ')],
    ['context', Object.keys(context).length === 0 ? undefined : shownJson(withoutCiphers(context))],
    ['overlap', overlap === 'queue' ? `queue (${maxQueued} at most)` : overlap],
    ['catches up', lengthOf(catchUpWindow)],
    ['next', next.map((at) => moment(at)).join(', ')],
    ['waiting', queued.map((at) => moment(at)).join(', ')],
    [
      'so far',
      `${started} started, ${skipped} skipped, ${missed} missed, ${triggered} triggered, ${backfilled} backfilled`,
    ],
    ['last changed', moment(schedule.updatedAt)],
  ])
  const runs = schedule.recent.map(({ runId, cause, status, startedAt }) => {
    const said = io.paint(styleOf(status), (status ?? 'gone').padEnd(9))
    return `${said}  ${oneLine(runId)}  ${moment(startedAt)}${cause === 'due' ? '' : `  (${cause})`}`
  })
  return runs.length === 0 ? head : [...head, '', ...runs]
}

/** Changes a schedule, and shows it as it is then. */
export function showChanged(
  call: Call,
  change: (schedules: Schedules, id: string) => Promise<void>,
): Promise<number | undefined> {
  return Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [id = ''] = parsed.args
    const { schedules } = servers.client()
    await change(schedules, id)
    const schedule = await schedules.describe(id)
    await showOne(io, formatOf(parsed), schedule, () => linesOfSchedule(io, schedule))
    return undefined
  })
}
