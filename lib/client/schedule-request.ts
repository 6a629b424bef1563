/** What the engine is asked to create: the options of a schedule, checked, as JSON. */
import { toJson } from '../bridge/json.js'
import { placeOfSchedule } from '../bridge/places.js'
import type { Values } from '../bridge/values.js'
import { mistake } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import { momentOf } from './paging.js'
import type { Overlap, ScheduleOptions } from './schedule.js'
import { contextToJson } from './starting.js'
import { checkedTags } from './tags.js'

const OVERLAPS: readonly Overlap[] = ['skip', 'queue', 'allow']
const CONFLICTS = ['reject', 'update'] as const

const OF_CREATE: Names<Record<keyof ScheduleOptions, unknown>> = {
  id: true,
  blueprintId: true,
  context: true,
  tags: true,
  cron: true,
  timeZone: true,
  everyMs: true,
  overlap: true,
  maxQueued: true,
  catchUpWindow: true,
  startAt: true,
  endAt: true,
  paused: true,
  note: true,
  onConflict: true,
}
/** The longest id: what is added makes it the id of a run. */
const LONGEST_ID = 200
const HOUR = 3_600_000

/** What the engine is asked to create. */
export function scheduleRequest(options: ScheduleOptions, values: Values): string {
  callOptions<ScheduleOptions>('schedules.create', OF_CREATE, options)
  const { id, blueprintId, context = {}, cron, timeZone, everyMs, startAt, endAt, note, tags } = options
  const { overlap = 'skip', maxQueued = 1, catchUpWindow = HOUR, paused = false, onConflict = 'reject' } = options
  checkedId(id)
  if (typeof blueprintId !== 'string') throw mistake('INVALID_ARGUMENT', 'blueprintId is the id of a blueprint')
  if (!OVERLAPS.includes(overlap)) throw mistake('INVALID_ARGUMENT', `overlap is one of '${OVERLAPS.join("', '")}'`)
  if (!CONFLICTS.includes(onConflict)) {
    throw mistake('INVALID_ARGUMENT', `onConflict is one of '${CONFLICTS.join("', '")}'`)
  }
  for (const [name, text] of Object.entries({ cron, timeZone, note })) {
    if (text !== undefined && typeof text !== 'string') throw mistake('INVALID_ARGUMENT', `${name} is a text`)
  }
  const definition = JSON.stringify({
    timing: { cron, timeZone, everyMs: wholeOf('everyMs', everyMs) },
    blueprintId,
    tags: checkedTags(tags),
    overlap,
    maxQueued: wholeOf('maxQueued', maxQueued),
    catchUpWindow: wholeOf('catchUpWindow', catchUpWindow),
    startAt: momentOf('startAt', startAt),
    endAt: momentOf('endAt', endAt),
  })
  const place = (key: string) => placeOfSchedule(id, key)
  const keys = contextToJson(context, values, { of: `the schedule '${id}'`, place })
  const fields = [
    `"id":${toJson(id, 'The id of the schedule')}`,
    `"definition":${definition.slice(0, -1)},"context":${keys}}`,
    `"isPaused":${paused === true}`,
    `"onConflict":"${onConflict}"`,
  ]
  if (note !== undefined) fields.push(`"note":${toJson(note, 'The note')}`)
  return `{${fields.join()}}`
}

/** The id of a schedule, if it can be one. */
export function checkedId(id: unknown): string {
  const isOne =
    typeof id === 'string' && id !== '' && id.length <= LONGEST_ID && id.isWellFormed() && !/\p{Cc}/u.test(id)
  if (isOne) return id
  throw mistake(
    'INVALID_ARGUMENT',
    `The id of a schedule is a text of 1 to ${LONGEST_ID} characters without line breaks and other control characters`,
  )
}

function wholeOf(name: string, given: unknown): number | undefined {
  if (given === undefined || (Number.isSafeInteger(given) && (given as number) >= 0)) return given as number | undefined
  throw mistake('INVALID_ARGUMENT', `${name} is a whole number, 0 or more`)
}
