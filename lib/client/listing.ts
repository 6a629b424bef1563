/** Pages of runs. */
import { fromJson } from '../bridge/json.js'
import { mistake } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import { dates, type RunStatus } from './description.js'
import { checkedLimit, cursorOf, lastOf, momentOf } from './paging.js'
import { checkedTags } from './tags.js'

/** Which runs to list; all that meet every condition. */
export interface ListOptions {
  /** Of this status, or one of these. Default: any. */
  status?: RunStatus | readonly RunStatus[]
  /** Of this blueprint. Default: any. */
  blueprintId?: string
  /** That have all of these tags. Default: any. */
  tags?: readonly string[]
  /** In which this node of the blueprint itself waits: for a person, an event, a webhook, a moment or a child run. Default: any. */
  waitingAt?: string
  /** That ended for a reason of which this text is a part, or with this code: `RUN_FAILED`, `RUN_CANCELLED`. Default: any. */
  error?: string
  /** That a person has paused and that are not over (`true`), or all others (`false`). Default: any. */
  paused?: boolean
  /** Whose ids begin so. Default: any. */
  idPrefix?: string
  /** Started by a client before: a `Date`, or milliseconds since 1970. Runs that were started otherwise are left out. */
  createdBefore?: Date | number
  /** Last changed before: a `Date`, or milliseconds since 1970. */
  updatedBefore?: Date | number
  /** By their ids; ids that the client made are in the order in which the runs were started. Default: `asc`. */
  order?: 'asc' | 'desc'
  /** How many at most, from 1 to 1,000. Default: 100. */
  limit?: number
  /** The `cursor` of the page before. Default: the first page. */
  cursor?: string
}

/** A page of runs. */
export interface RunPage {
  runs: RunSummary[]
  /** Where the next page begins; absent where this is the last one. */
  cursor?: string
}

/** A run in a list. */
export interface RunSummary {
  runId: string
  /** Absent where the row says none. */
  status?: RunStatus
  /** The blueprint it follows, as far as its rows say. */
  blueprintId?: string
  /** When a client started it; absent for runs that were started otherwise. */
  createdAt?: Date
  /** When it last changed; absent where the status table has no `updated_at`. */
  updatedAt?: Date
  /** What it is found by; absent where it has no tags. */
  tags?: string[]
}

/** Which runs to count. */
export interface CountOptions {
  /** That have all of these tags. Default: any. */
  tags?: readonly string[]
}

/** How many runs of a blueprint are of a status. */
export interface RunCount {
  status?: RunStatus
  blueprintId?: string
  count: number
}

/** What `client.throughput` counts: ends of runs, runs that were started, nodes that were executed. */
export type CountedOutcome = 'completed' | 'failed' | 'cancelled' | 'started' | 'nodes'

/** What to count that happened, and by which steps of time. */
export interface ThroughputOptions<Outcome extends CountedOutcome = RunEnd> {
  /** Those of the time until now that is so long, in milliseconds. Default: an hour. */
  withinMs?: number
  /** The length of a step, in milliseconds: at most 1,000 of them are asked for. Default: a minute. */
  stepMs?: number
  /** By what they are told apart. Default: `blueprint`. */
  by?: 'blueprint' | 'queue'
  /** What to count; `started` and `nodes` only where `migrate` has made the table. Default: the three ends of runs. */
  outcomes?: readonly Outcome[]
}

type RunEnd = 'completed' | 'failed' | 'cancelled'

/**
 * How often one outcome was counted for a blueprint, or queue, within a step of time. A step in which nothing was counted is
 * left out.
 */
export interface EndedRuns<Outcome extends CountedOutcome = RunEnd> {
  /** When the step begins. */
  from: Date
  status: Outcome
  /** Absent where it is not known, and where they are told apart by queue. */
  blueprintId?: string
  /** Where they are told apart by queue; absent where `migrate` has not made the table. */
  queue?: string
  count: number
}

/** Which runs to remove; only those that are over. */
export interface PurgeOptions {
  /** Of this status, or one of these. Default: completed, failed and cancelled ones. */
  status?: 'completed' | 'failed' | 'cancelled' | readonly ('completed' | 'failed' | 'cancelled')[]
  /** How long ago they last changed, at least, in milliseconds. */
  olderThan: number
  /** That have all of these tags; one at least. Default: any. */
  tags?: readonly string[]
}

const OF_LIST: Names<ListOptions> = {
  status: true,
  blueprintId: true,
  tags: true,
  waitingAt: true,
  error: true,
  paused: true,
  idPrefix: true,
  createdBefore: true,
  updatedBefore: true,
  order: true,
  limit: true,
  cursor: true,
}
const OF_COUNTS: Names<CountOptions> = { tags: true }
const OF_THROUGHPUT: Names<ThroughputOptions> = { withinMs: true, stepMs: true, by: true, outcomes: true }
const OUTCOMES: readonly CountedOutcome[] = ['completed', 'failed', 'cancelled', 'started', 'nodes']
/** So many steps are counted at once. */
const MOST_STEPS = 1_000
const OF_PURGE: Names<PurgeOptions> = { status: true, olderThan: true, tags: true }

/** Codes of runs that say no more than their status. */
const STATUS_OF_CODE: ReadonlyMap<string, RunStatus> = new Map([
  ['RUN_FAILED', 'failed'],
  ['RUN_CANCELLED', 'cancelled'],
])

/** The request for a page as it crosses: JSON. */
export function listRequest(options: ListOptions): string {
  const checked = callOptions('client.list', OF_LIST, options)
  const { blueprintId, idPrefix, createdBefore, updatedBefore, tags, waitingAt, error, paused } = checked
  const { order = 'asc', limit = 100, cursor } = options
  checkedLimit(limit)
  if (order !== 'asc' && order !== 'desc') throw mistake('INVALID_ARGUMENT', "order is 'asc' or 'desc'")
  for (const [name, text] of Object.entries({ waitingAt, error })) {
    if (text !== undefined && (typeof text !== 'string' || text === '')) {
      throw mistake('INVALID_ARGUMENT', `${name} is a text that is not empty`)
    }
  }
  if (paused !== undefined && typeof paused !== 'boolean') throw mistake('INVALID_ARGUMENT', 'paused is true or false')
  const ended = error === undefined ? undefined : STATUS_OF_CODE.get(error)
  return JSON.stringify({
    statuses: statusesOf(checked.status, ended),
    waitingAt,
    error: ended ? undefined : error,
    paused,
    blueprintId,
    tags: checkedTags(tags),
    idPrefix,
    createdBefore: momentOf('createdBefore', createdBefore),
    updatedBefore: momentOf('updatedBefore', updatedBefore),
    after: cursor === undefined ? undefined : lastOf(cursor, order),
    isDescending: order === 'desc',
    limit,
  })
}

/** The statuses of a search, of which one is meant by a code. No run has the empty one. */
function statusesOf(status: ListOptions['status'], ended: RunStatus | undefined): string[] {
  const given = status === undefined ? [] : [status].flat()
  if (ended === undefined) return given
  return [given.length === 0 || given.includes(ended) ? ended : '']
}

/** The tags of the runs to count. */
export function countedTags(options: CountOptions): string[] {
  return checkedTags(callOptions('client.counts', OF_COUNTS, options).tags)
}

/** The request for the ends of runs as it crosses: JSON. */
export function endsRequest(options: ThroughputOptions<CountedOutcome>): string {
  const told = callOptions('client.throughput', OF_THROUGHPUT, options as ThroughputOptions)
  const { withinMs = 3_600_000, stepMs = 60_000, by = 'blueprint' } = told
  const outcomes = options.outcomes ?? OUTCOMES.slice(0, 3)
  if (by !== 'blueprint' && by !== 'queue') throw mistake('INVALID_ARGUMENT', "by is 'blueprint' or 'queue'")
  if (!Array.isArray(outcomes) || !outcomes.every((each) => OUTCOMES.includes(each))) {
    throw mistake('INVALID_ARGUMENT', `outcomes has any of ${OUTCOMES.join(', ')}`)
  }
  for (const [name, value] of Object.entries({ withinMs, stepMs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw mistake('INVALID_ARGUMENT', `${name} is a whole number of milliseconds, 1 or more`)
    }
  }
  if (withinMs / stepMs > MOST_STEPS) {
    throw mistake('INVALID_ARGUMENT', `withinMs is at most ${MOST_STEPS} times stepMs: choose longer steps`)
  }
  return JSON.stringify({ withinMs, stepMs, byQueue: by === 'queue', outcomes })
}

/** The ends of runs as the engine says them. */
export function readEnds<Outcome extends CountedOutcome>(json: string): EndedRuns<Outcome>[] {
  type Told = Omit<EndedRuns<Outcome>, 'from'> & { from: number }
  return (fromJson(json) as Told[]).map(({ from, ...told }) => ({ from: new Date(from), ...told }))
}

/** A page as the engine says it. */
export function readPage(json: string, { order = 'asc', limit = 100 }: ListOptions): RunPage {
  type Told = Omit<RunSummary, 'createdAt' | 'updatedAt'> & { createdAt?: number; updatedAt?: number }
  const runs = (fromJson(json) as Told[]).map(({ createdAt, updatedAt, ...told }) => ({
    ...told,
    ...dates({ createdAt, updatedAt }),
  }))
  const last = runs.length === limit ? runs.at(-1) : undefined
  return last ? { runs, cursor: cursorOf(order, last.runId) } : { runs }
}

/** The statuses to purge, the tags, and the age in milliseconds. */
export function purgeRequest(options: PurgeOptions): [string[], string[], number] {
  const { status, olderThan, tags } = callOptions('client.purge', OF_PURGE, options)
  if (typeof olderThan !== 'number' || !(olderThan >= 0)) {
    throw mistake('INVALID_ARGUMENT', 'olderThan is a number of milliseconds, 0 or more')
  }
  const wanted = checkedTags(tags)
  // Whoever names no tag means those of nothing, and would remove everything.
  if (tags !== undefined && wanted.length === 0) {
    throw mistake('INVALID_ARGUMENT', 'tags names a tag at least; without tags leave it out')
  }
  return [status === undefined ? ['completed', 'failed', 'cancelled'] : [status].flat(), wanted, olderThan]
}
