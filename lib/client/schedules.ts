/** Schedules: runs that start by themselves, by a cron pattern or an interval. `docs/schedules.md` says what holds. */
import { fromJson, toJson } from '../bridge/json.js'
import { placeOfSchedule } from '../bridge/places.js'
import type { Values } from '../bridge/values.js'
import { mistake, ValueUnreadableError } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { RunStatus } from './description.js'
import type { ContextOf, Flows } from './flows.js'
import { RunHandle } from './handle.js'
import type { ClientHost } from './host.js'
import { cursorOf, type Moment, momentOf, pageCursor } from './paging.js'
import { contextToJson } from './starting.js'
import { checkedTags } from './tags.js'

/**
 * What becomes of a due time while an earlier run of the schedule goes on: `skip` lets it pass, `queue` has it wait for the
 * end of that run, `allow` starts its run all the same.
 */
export type Overlap = 'skip' | 'queue' | 'allow'

const OVERLAPS: readonly Overlap[] = ['skip', 'queue', 'allow']
const CONFLICTS = ['reject', 'update'] as const

/** When a schedule is due: by a cron pattern, or by an interval. */
export type ScheduleTiming =
  | {
      /** Five fields (minute, hour, day of the month, month, day of the week), or six with seconds before them. */
      cron: string
      /** The time zone of the pattern, by its IANA name: `Europe/Berlin`. Default: `UTC`. */
      timeZone?: string
      everyMs?: never
    }
  | {
      /** Milliseconds from one due time to the next, at least 1,000; counted from `startAt`, or from when it was created. */
      everyMs: number
      cron?: never
      timeZone?: never
    }

/** A schedule to create. */
export type ScheduleOptions<
  F extends Flows = Flows,
  Id extends keyof F & string = keyof F & string,
> = ScheduleTiming & {
  /** Its id. The ids of its runs begin with it. */
  id: string
  /** The blueprint that its runs follow. A worker that has it starts them. */
  blueprintId: Id
  /** The keys of the runs' contexts. Default: none. */
  context?: Partial<ContextOf<F[Id]>>
  /** What its runs are found by: at most 20 texts of 1 to 64 characters. Default: none. */
  tags?: readonly string[]
  /** What becomes of a due time while an earlier run goes on. Default: `skip`. */
  overlap?: Overlap
  /** How many due times wait at most with `overlap: 'queue'`, from 1 to 100. Default: 1. */
  maxQueued?: number
  /**
   * How late a run may start, in milliseconds, at least 10,000: due times that nobody could start for so long are missed.
   * Default: an hour.
   */
  catchUpWindow?: number
  /** It is due then at the earliest: a `Date`, or milliseconds since 1970. Default: from now on. */
  startAt?: Moment
  /** It is due then at the latest. Default: for ever. */
  endAt?: Moment
  /** Whether it pauses from the start. Default: `false`. */
  paused?: boolean
  /** Why it pauses. */
  note?: string
  /**
   * What becomes of a schedule of that id: `reject` refuses the call; `update` gives it this definition, and it keeps its
   * pause and what became of it. Default: `reject`.
   */
  onConflict?: 'reject' | 'update'
}

/** Whether a schedule goes on: `ended` is one that is never due any more. */
export type ScheduleState = 'active' | 'paused' | 'ended'

/** What is known of a schedule. */
export interface ScheduleDescription {
  scheduleId: string
  state: ScheduleState
  blueprintId: string
  context: Record<string, unknown>
  /** What its runs are found by; absent where they have no tags. */
  tags?: string[]
  cron?: string
  timeZone?: string
  everyMs?: number
  overlap: Overlap
  maxQueued: number
  /** Milliseconds. */
  catchUpWindow: number
  startAt?: Date
  endAt?: Date
  createdAt: Date
  /** When its definition last changed. */
  updatedAt: Date
  /** Since when it pauses. */
  pausedAt?: Date
  /** Why it pauses. */
  note?: string
  /** Its next five due times, of one in a list the next; while it pauses, those that it would have. */
  next: Date[]
  /** Due times that wait for the end of an earlier run. */
  queued: Date[]
  counts: ScheduleCounts
  /** Its last ten runs, the latest first. */
  recent: ScheduledRun[]
}

/** What became of the due times of a schedule, and how often somebody asked for a run. */
export interface ScheduleCounts {
  /** Runs that its due times started. */
  started: number
  /** Due times that passed because an earlier run went on. */
  skipped: number
  /** Due times that nobody could start within `catchUpWindow`. */
  missed: number
  /** Runs that `trigger` started. */
  triggered: number
  /** Due times of the past that `backfill` started. */
  backfilled: number
}

/** A run of a schedule. */
export interface ScheduledRun {
  runId: string
  /** Why it started. */
  cause: 'due' | 'trigger' | 'backfill'
  dueAt: Date
  startedAt: Date
  /** Its status now. Absent in a list, and where the run was removed. */
  status?: RunStatus
}

/** Which schedules to list. */
export interface ListSchedulesOptions {
  /** Of this blueprint. Default: any. */
  blueprintId?: string
  /** How many at most, from 1 to 1,000. Default: 100. */
  limit?: number
  /** The `cursor` of the page before. Default: the first page. */
  cursor?: string
}

/** A page of schedules. */
export interface SchedulePage {
  schedules: ScheduleDescription[]
  /** Where the next page begins; absent where this is the last one. */
  cursor?: string
}

/** Due times of the past to start. */
export interface BackfillOptions {
  /** The first moment: a `Date`, or milliseconds since 1970. */
  from: Moment
  /** The last moment, which has to be past too. */
  to: Moment
}

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
const OF_LIST: Names<ListSchedulesOptions> = { blueprintId: true, limit: true, cursor: true }
const OF_BACKFILL: Names<BackfillOptions> = { from: true, to: true }

/** The longest id: what is added makes it the id of a run. */
const LONGEST_ID = 200
const HOUR = 3_600_000

/**
 * Schedules, as a client handles them. They need the table that `migrate` makes (step 6); without it every call rejects with
 * the code `TABLE_MISSING`.
 *
 * @typeParam F The blueprints, by their ids.
 */
export class Schedules<F extends Flows = Flows> {
  readonly #host: ClientHost

  /** @internal Use a client's `schedules`. */
  constructor(host: ClientHost) {
    this.#host = host
  }

  /**
   * Creates a schedule. Workers that have the blueprint start its runs from then on, each due time once.
   *
   * @throws FlowcraftAdapterError with the code `SCHEDULE_EXISTS` when there is one of that id, `SCHEDULE_INVALID` when its
   * pattern or time zone cannot be read, `TABLE_MISSING` when `migrate` has not made the table.
   *
   * @example
   * ```ts
   * await client.schedules.create({
   *   id: 'nightly',
   *   cron: '30 2 * * *',
   *   timeZone: 'Europe/Berlin',
   *   blueprintId: 'report',
   *   onConflict: 'update',
   * })
   * ```
   */
  async create<Id extends keyof F & string>(options: ScheduleOptions<F, Id>): Promise<ScheduleDescription> {
    const { engine, answer, values } = this.#host
    return read(fromJson(await answer(engine.createSchedule(this.#request(options as ScheduleOptions)))), values)
  }

  /**
   * What is known of a schedule: its definition, its next due times, what became of the others, its last runs.
   *
   * @throws FlowcraftAdapterError with the code `SCHEDULE_NOT_FOUND`.
   *
   * @example
   * ```ts
   * const { next, counts, recent } = await client.schedules.describe('nightly')
   * ```
   */
  async describe(id: string): Promise<ScheduleDescription> {
    const { engine, answer, values } = this.#host
    return read(fromJson(await answer(engine.describeSchedule(checkedId(id)))), values)
  }

  /**
   * A page of schedules, in the order of their ids.
   *
   * @example
   * ```ts
   * const { schedules } = await client.schedules.list({ blueprintId: 'report' })
   * ```
   */
  async list(options: ListSchedulesOptions = {}): Promise<SchedulePage> {
    const { blueprintId, limit = 100, cursor } = callOptions('schedules.list', OF_LIST, options)
    const { engine, answer, values } = this.#host
    const after = pageCursor(cursor, limit, 'asc')
    const told = fromJson(await answer(engine.listSchedules(JSON.stringify({ blueprintId, after, limit })))) as Told[]
    const schedules = told.map((each) => read(each, values))
    const last = schedules.length === limit ? schedules.at(-1) : undefined
    return last ? { schedules, cursor: cursorOf('asc', last.scheduleId) } : { schedules }
  }

  /**
   * Has a schedule pause. What is due meanwhile passes.
   *
   * @example
   * ```ts
   * await client.schedules.pause('nightly', 'the warehouse is moving')
   * ```
   */
  async pause(id: string, note?: string): Promise<void> {
    const { engine, answer } = this.#host
    await answer(engine.pauseSchedule(checkedId(id), note))
  }

  /**
   * Has a schedule go on from now.
   *
   * @example
   * ```ts
   * await client.schedules.resume('nightly')
   * ```
   */
  async resume(id: string): Promise<void> {
    const { engine, answer } = this.#host
    await answer(engine.resumeSchedule(checkedId(id)))
  }

  /**
   * Has a run of a schedule started now, whatever its due times are and whatever goes on; also while it pauses.
   *
   * @returns The run. It is there when this resolves if this client knows the blueprint; else a worker starts it, within about
   * a second.
   *
   * @example
   * ```ts
   * const run = await client.schedules.trigger('nightly')
   * ```
   */
  async trigger(id: string): Promise<RunHandle<Record<string, unknown>>> {
    const { engine, answer } = this.#host
    return new RunHandle(this.#host, await answer(engine.triggerSchedule(checkedId(id))))
  }

  /**
   * Starts the runs of all due times from one moment of the past to another, both included, that have no run yet: after an
   * outage, or for what was due before the schedule was created. They start in their order, and do not wait for each other.
   *
   * @returns Of how many due times.
   * @throws FlowcraftAdapterError with the code `BACKFILL_TOO_LARGE` when there are more than 10,000.
   *
   * @example
   * ```ts
   * await client.schedules.backfill('nightly', { from: new Date('2026-11-01'), to: new Date('2026-11-08') })
   * ```
   */
  async backfill(id: string, options: BackfillOptions): Promise<number> {
    const { from, to } = callOptions('schedules.backfill', OF_BACKFILL, options)
    const { engine, answer } = this.#host
    const range = JSON.stringify({ from: momentOf('from', from), to: momentOf('to', to) })
    return answer(engine.backfillSchedule(checkedId(id), range))
  }

  /**
   * Removes a schedule. Its runs stay.
   *
   * @example
   * ```ts
   * await client.schedules.delete('nightly')
   * ```
   */
  async delete(id: string): Promise<void> {
    const { engine, answer } = this.#host
    await answer(engine.removeSchedule(checkedId(id)))
  }

  #request(options: ScheduleOptions): string {
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
    const keys = contextToJson(context, this.#host.values, { of: `the schedule '${id}'`, place })
    const fields = [
      `"id":${toJson(id, 'The id of the schedule')}`,
      `"definition":${definition.slice(0, -1)},"context":${keys}}`,
      `"isPaused":${paused === true}`,
      `"onConflict":"${onConflict}"`,
    ]
    if (note !== undefined) fields.push(`"note":${toJson(note, 'The note')}`)
    return `{${fields.join()}}`
  }
}

function checkedId(id: unknown): string {
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

function read(told: unknown, values: Values): ScheduleDescription {
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
