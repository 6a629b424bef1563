/** A schedule as the engine says it, read for an application. */
import { placeOfSchedule } from '../bridge/places.js'
import type { Values } from '../bridge/values.js'
import { ValueUnreadableError } from '../errors.js'
import type { Overlap, ScheduleCounts, ScheduleDescription, ScheduledRun, ScheduleState } from './schedule.js'

/** A schedule as the engine says it. */
interface Told {
  scheduleId: string
  state: ScheduleState
  definition: {
    timing: { cron?: string; timeZone?: string; everyMs?: number }
    blueprintId: string
    context: Record<string, unknown>
    tags?: string[]
    overlap: Overlap
    maxQueued: number
    catchUpWindow: number
    startAt?: number
    endAt?: number
  }
  createdAt: number
  updatedAt: number
  pause?: { at: number; note?: string }
  next: number[]
  queued: number[]
  counts: ScheduleCounts
  recent: (Omit<ScheduledRun, 'dueAt' | 'startedAt'> & { dueAt: number; startedAt: number })[]
}

/** The context of a schedule. A list shows the other schedules, too, where the values of one cannot be read. */
function readable(context: Record<string, unknown>, scheduleId: string, values: Values): Record<string, unknown> {
  try {
    return values.seenContext(context, (key) => placeOfSchedule(scheduleId, key))
  } catch (error) {
    if (error instanceof ValueUnreadableError) return context
    throw error
  }
}

/** A schedule, read from what the engine says. */
export function readSchedule(told: unknown, values: Values): ScheduleDescription {
  const { scheduleId, state, definition, createdAt, updatedAt, pause, next, queued, counts, recent } = told as Told
  const { timing, startAt, endAt, context, ...rest } = definition
  const dates = (moments: number[]) => moments.map((moment) => new Date(moment))
  return {
    scheduleId,
    state,
    ...timing,
    ...rest,
    context: readable(context, scheduleId, values),
    ...(startAt !== undefined && { startAt: new Date(startAt) }),
    ...(endAt !== undefined && { endAt: new Date(endAt) }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    ...(pause && { pausedAt: new Date(pause.at) }),
    ...(pause?.note !== undefined && { note: pause.note }),
    next: dates(next),
    queued: dates(queued),
    counts,
    recent: recent.map((run) => ({ ...run, dueAt: new Date(run.dueAt), startedAt: new Date(run.startedAt) })),
  }
}
