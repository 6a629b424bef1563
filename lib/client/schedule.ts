/** A schedule, as an application says and sees it. */
import type { RunStatus } from './description.js'
import type { ContextOf, Flows } from './flows.js'
import type { Moment } from './paging.js'

/**
 * What becomes of a due time while an earlier run of the schedule goes on: `skip` lets it pass, `queue` has it wait for the
 * end of that run, `allow` starts its run all the same.
 */
export type Overlap = 'skip' | 'queue' | 'allow'

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
