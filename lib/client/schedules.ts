/** Schedules: runs that start by themselves, by a cron pattern or an interval. `docs/schedules.md` says what holds. */
import { fromJson } from '../bridge/json.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { Flows } from './flows.js'
import { RunHandle } from './handle.js'
import type { ClientHost } from './host.js'
import { cursorOf, momentOf, pageCursor } from './paging.js'
import type {
  BackfillOptions,
  ListSchedulesOptions,
  ScheduleDescription,
  ScheduleOptions,
  SchedulePage,
} from './schedule.js'
import { readSchedule } from './schedule-reading.js'
import { checkedId, scheduleRequest } from './schedule-request.js'

const OF_LIST: Names<ListSchedulesOptions> = { blueprintId: true, limit: true, cursor: true }
const OF_BACKFILL: Names<BackfillOptions> = { from: true, to: true }

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
    return readSchedule(
      fromJson(await answer(engine.createSchedule(scheduleRequest(options as ScheduleOptions, values)))),
      values,
    )
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
    return readSchedule(fromJson(await answer(engine.describeSchedule(checkedId(id)))), values)
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
    const told = fromJson(
      await answer(engine.listSchedules(JSON.stringify({ blueprintId, after, limit }))),
    ) as unknown[]
    const schedules = told.map((each) => readSchedule(each, values))
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
}
