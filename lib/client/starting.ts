/** What a start is told, and how it crosses to the engine. */
import { contextKey, fromJson, jsonObject, toJson } from '../bridge/json.js'
import { placeOf } from '../bridge/places.js'
import type { Values } from '../bridge/values.js'
import { mistake } from '../errors.js'
import type { ParentNode } from '../execution/child-runs.js'
import { isObject } from '../is-object.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { ValuePlace } from '../options/codec.js'
import type { ClientHost } from './host.js'
import { newRunId } from './ids.js'
import { momentOf } from './paging.js'
import { checkedTags } from './tags.js'

/**
 * What becomes of a start whose run id there is already: `reject` refuses it, `use-existing` leaves the run as it is, and
 * `restart-if-ended` begins a run anew that has ended and leaves any other as it is.
 */
export type OnConflict = 'reject' | 'use-existing' | 'restart-if-ended'

const CONFLICTS: readonly OnConflict[] = ['reject', 'use-existing', 'restart-if-ended']

/** A `pg` client within a transaction of yours, or any object that executes SQL there as `pg` does. */
export interface TransactionLike {
  query(text: string, values: unknown[]): PromiseLike<unknown>
}

/** A run to start. */
export interface RunToStart<Context = Record<string, unknown>> {
  /** The keys of the run's context. */
  context?: Partial<Context>
  /** The run's id. Default: a new UUID, which later ones come after. */
  runId?: string
  /** When its start nodes are due: a `Date`, or milliseconds since 1970. Default: at once. */
  startAt?: Date | number
  /**
   * How long the run may take from when its start nodes are due, in milliseconds: 1 to 2^53 - 1. One that is not over by then
   * fails, whatever it does or waits for; nodes that are executed get their signal. Retried, it has all the time. Default: none.
   */
  timeoutMs?: number
  /**
   * How urgent its jobs are: 0 to 255, the greater the sooner, up to the `maxPriority` of its queue. A queue without priorities works
   * all in their order. Default: 0.
   */
  priority?: number
  /**
   * How many of its nodes are executed at a time, on all workers together: 1 to 100000. Jobs that wait for their turn hold no place.
   * It needs a `RedisCoordinationStore` on the workers. Default: any number.
   */
  concurrency?: number
  /** What the run is found by: at most 20 texts of 1 to 64 characters, without control characters. Default: none. */
  tags?: readonly string[]
}

/** How several runs are started. */
export interface StartManyOptions {
  /** What becomes of runs whose ids there are already. With `reject`, the default, none of the runs is started then. */
  onConflict?: OnConflict
  /** The version that the blueprint has to have. Default: any. */
  version?: string
}

/** How a run is started: what `RunToStart` has (`runId`, `context`, `startAt`, `timeoutMs`, `priority`, `concurrency`, `tags`), and these. */
export interface StartOptions<Context = Record<string, unknown>> extends RunToStart<Context> {
  /** What becomes of a start whose run id there is already. Default: `reject`. */
  onConflict?: OnConflict
  /** The version that the blueprint has to have. Default: any. */
  version?: string
  /**
   * Your own transaction: the run exists if you commit. This client publishes its jobs within 100 ms of the commit; if its process
   * ends before, or the transaction goes on for more than a minute, recovery does, within about 15 seconds.
   */
  transaction?: TransactionLike
}

const OF_A_RUN: Names<RunToStart> = {
  context: true,
  runId: true,
  startAt: true,
  timeoutMs: true,
  priority: true,
  concurrency: true,
  tags: true,
}
const OF_A_START: Names<StartOptions> = { ...OF_A_RUN, onConflict: true, version: true, transaction: true }
const OF_MANY: Names<StartManyOptions> = { onConflict: true, version: true }

/** @throws TypeError where an option is unknown. */
export function checkedStart<Context>(options: StartOptions<Context>): StartOptions<Context> {
  return callOptions<StartOptions<Context>>('client.start', OF_A_START, options)
}

/** @throws TypeError where an option of a run, or of all, is unknown. */
export function checkedStarts(runs: readonly RunToStart<object>[], options: StartManyOptions): StartManyOptions {
  for (const run of runs) callOptions('client.startMany', OF_A_RUN, run)
  return callOptions('client.startMany', OF_MANY, options)
}

/** A checked policy. */
export function conflictPolicy(given: unknown = 'reject'): OnConflict {
  if (CONFLICTS.includes(given as OnConflict)) return given as OnConflict
  throw mistake('INVALID_ARGUMENT', `onConflict is one of '${CONFLICTS.join("', '")}'`)
}

/** A run as it crosses: JSON. */
export function runToJson(
  blueprintId: string,
  { context = {}, runId = newRunId(), ...own }: RunToStart<object>,
  { values, version, traceparent, parent }: RunOfCall & { values: Values },
): string {
  checkedRunId(runId)
  const json = contextToJson(context, values, { of: `run '${runId}'`, place: (key) => placeOf(runId, key) })
  return startJson({ ...own, blueprintId, context: json, runId }, { version, traceparent, parent })
}

/** What a run that starts has of the call that starts it. */
interface RunOfCall {
  readonly version: string | undefined
  readonly traceparent?: string | undefined
  /** The node that waits for its end. */
  readonly parent?: ParentNode | undefined
}

/** A run whose context is JSON text already. */
interface StartText extends Omit<RunToStart, 'context'> {
  readonly blueprintId: string
  readonly context: string
  /** To which nodes those led that have an output in the context, where the edges alone do not say it. */
  readonly led?: Readonly<Record<string, readonly string[]>>
}

/** A run as it crosses, by its context as JSON text. */
export function startJson(
  { blueprintId, context, runId = newRunId(), startAt, timeoutMs, priority, concurrency, tags, led = {} }: StartText,
  { version, traceparent, parent }: RunOfCall,
): string {
  const fields = [
    `"runId":${toJson(checkedRunId(runId), 'The run id')}`,
    `"blueprintId":${toJson(blueprintId, 'The id of the blueprint')}`,
    `"context":${context}`,
  ]
  if (version !== undefined) fields.push(`"version":${toJson(version, 'The version')}`)
  const due = momentOf('startAt', startAt)
  if (due !== undefined) fields.push(`"startAt":${due}`)
  if (timeoutMs !== undefined) fields.push(`"timeoutMs":${checkedTimeout(timeoutMs)}`)
  if (concurrency !== undefined) fields.push(`"concurrency":${checkedConcurrency(concurrency)}`)
  const checked = checkedTags(tags, `The tags of run '${runId}'`)
  if (checked.length > 0) fields.push(`"tags":${JSON.stringify(checked)}`)
  if (Object.keys(led).length > 0) fields.push(`"led":${JSON.stringify(led)}`)
  if (parent) fields.push(`"parent":${JSON.stringify(parent)}`)
  const carried = carriedBy(priority, traceparent)
  if (carried) fields.push(`"carried":${JSON.stringify(carried)}`)
  return `{${fields.join()}}`
}

/** What goes along with the jobs of a run; undefined where nothing does. */
function carriedBy(priority: unknown, traceparent: string | undefined): object | undefined {
  const isPriority = typeof priority === 'number' && Number.isInteger(priority) && priority >= 0 && priority <= 255
  if (priority !== undefined && !isPriority) {
    throw mistake('INVALID_ARGUMENT', 'The priority of a run is a whole number from 0 to 255')
  }
  if (priority === undefined && traceparent === undefined) return undefined
  return { ...(traceparent !== undefined && { headers: { traceparent } }), ...(priority !== undefined && { priority }) }
}

function checkedTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === 'number' && Number.isSafeInteger(timeoutMs) && timeoutMs > 0) return timeoutMs
  throw mistake('INVALID_ARGUMENT', 'timeoutMs of a run is a whole number of milliseconds from 1 to 2^53 - 1')
}

function checkedConcurrency(concurrency: unknown): number {
  const isNumber = typeof concurrency === 'number' && Number.isInteger(concurrency)
  if (isNumber && concurrency >= 1 && concurrency <= 100_000) return concurrency
  throw mistake('INVALID_ARGUMENT', 'The concurrency of a run is a whole number from 1 to 100000')
}

function checkedRunId(runId: unknown): string {
  if (typeof runId === 'string' && runId !== '') return runId
  throw mistake('INVALID_ARGUMENT', 'A run id is a text that is not empty')
}

/** What became of a start: the run is new, it was there, or it had ended and has begun anew. */
export type StartOutcome = 'new' | 'existing' | 'restarted'

/** Has the engine start runs as they cross. Answers in their order. */
export async function startRuns(
  { engine, answer }: Pick<ClientHost, 'engine' | 'answer'>,
  runs: readonly string[],
  onConflict: OnConflict,
): Promise<{ runId: string; outcome: StartOutcome }[]> {
  const started = await answer(engine.startRuns(`{"runs":[${runs.join()}],"onConflict":"${onConflict}"}`))
  return fromJson(started) as { runId: string; outcome: StartOutcome }[]
}

/** Whose the keys of a context are. */
export interface Whose {
  /** Names it. */
  readonly of: string
  /** Where a key is to stand. */
  place(key: string): ValuePlace
}

/** The keys of a context as they cross: JSON. */
export function contextToJson(context: object, values: Values, { of, place }: Whose): string {
  if (!isObject(context) || Array.isArray(context)) {
    throw mistake('INVALID_ARGUMENT', `The context of ${of} is an object`)
  }
  const where = ` of ${of}`
  const keys = Object.entries(context).flatMap(([name, value]) => {
    const key = contextKey(name, where)
    const json = values.toJson(value, { what: `The context key '${key}'${where}`, giver: 'start', place: place(key) })
    return json === undefined ? [] : [[key, json] as const]
  })
  return jsonObject(keys)
}
