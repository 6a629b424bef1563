/** The client: what an application does with runs without working them. */
import { fromJson } from '../bridge/json.js'
import { errorOf, mistake } from '../errors.js'
import { isObject } from '../is-object.js'
import { within } from '../operating/spans.js'
import type { ContextOf, Flows } from './flows.js'
import { RunHandle } from './handle.js'
import type { ClientHost } from './host.js'
import { type LimitUse, limitsOf } from './limits.js'
import {
  type CountedOutcome,
  type CountOptions,
  countedTags,
  type EndedRuns,
  endsRequest,
  type ListOptions,
  listRequest,
  type PurgeOptions,
  purgeRequest,
  type RunCount,
  type RunPage,
  readEnds,
  readPage,
  type ThroughputOptions,
} from './listing.js'
import { type Pausable, type Paused, type PauseOptions, pause, pausedOf, unpause } from './pausing.js'
import { Schedules } from './schedules.js'
import {
  checkedStart,
  checkedStarts,
  conflictPolicy,
  type OnConflict,
  type RunToStart,
  runToJson,
  type StartManyOptions,
  type StartOptions,
  startRuns,
  type TransactionLike,
} from './starting.js'
import { type RegisteredWorker, workersOf } from './workers.js'

/** What a start within a transaction is, as the engine plans it. */
interface Planned {
  runId: string
  mark: string
  text: string
  values: (string | null)[]
}

/** What a client stands on; not exported from the package. */
export let hostOf: (client: RabbitMqClient) => ClientHost

/**
 * Starts runs, and watches, controls and lists them. Made by `createRabbitMqClient`, or an adapter's `client`.
 *
 * @typeParam F The blueprints it starts, by their ids: `typeof flows`.
 */
export class RabbitMqClient<F extends Flows = Flows> {
  readonly #host: ClientHost
  /** Runs that start by themselves: `create`, `list`, `describe`, `pause`, `resume`, `trigger`, `backfill`, `delete`. */
  readonly schedules: Schedules<F>

  static {
    hostOf = (client) => client.#host
  }

  /** @internal Use `createRabbitMqClient`, or an adapter's `client`. */
  constructor(host: ClientHost) {
    this.#host = host
    this.schedules = new Schedules<F>(host)
  }

  /**
   * Starts a run. Resolves when its rows are committed and its messages confirmed by RabbitMQ. If RabbitMQ does not answer,
   * it resolves too, and recovery publishes them: what is committed runs.
   *
   * @throws RunExistsError when there is a run of that id, with `onConflict: 'reject'`; SetupError when the blueprint is not
   * known here; ConnectionError when PostgreSQL does not answer: then the run may have been started, and the same call with
   * the same `runId` and `use-existing` finds out.
   *
   * @example
   * ```ts
   * const run = await client.start('order', { context: { orderId: 17 }, runId: 'order-17', onConflict: 'use-existing' })
   * await client.start('order', { context: { orderId: 18 }, tags: ['customer:42', 'region:eu'] })
   * ```
   */
  async start<Id extends keyof F & string>(
    blueprintId: Id,
    options: StartOptions<ContextOf<F[Id]>> = {},
  ): Promise<RunHandle<ContextOf<F[Id]>>> {
    const { values, spans } = this.#host
    const { version, transaction } = checkedStart(options)
    const onConflict = conflictPolicy(options.onConflict)
    return within(spans, { what: 'start', blueprintId, ...known(options) }, async (traceparent) => {
      const run = runToJson(blueprintId, options, { values, version, traceparent })
      if (transaction) return this.#startWithin<ContextOf<F[Id]>>(transaction, run, onConflict)
      const [handle] = await this.#start<ContextOf<F[Id]>>([run], onConflict)
      if (!handle) throw errorOf('The run was not started', { code: 'INTERNAL' })
      return handle
    })
  }

  /**
   * Starts runs of one blueprint: one statement for all their rows, one batch of messages.
   *
   * @returns Their handles, in the order given.
   * @throws As {@link start}; with `onConflict: 'reject'` none is started if one is there.
   *
   * @example
   * ```ts
   * const runs = await client.startMany('order', orders.map((order) => ({ runId: order.id, context: { order } })))
   * ```
   */
  async startMany<Id extends keyof F & string>(
    blueprintId: Id,
    runs: readonly RunToStart<ContextOf<F[Id]>>[],
    options: StartManyOptions = {},
  ): Promise<RunHandle<ContextOf<F[Id]>>[]> {
    const { values, spans } = this.#host
    const { onConflict, version } = checkedStarts(runs, options)
    return within(spans, { what: 'start', blueprintId }, async (traceparent) => {
      const all = runs.map((run) => runToJson(blueprintId, run, { values, version, traceparent }))
      return this.#start<ContextOf<F[Id]>>(all, conflictPolicy(onConflict))
    })
  }

  /**
   * A run by its id. Asks nothing yet: the run may not be there.
   *
   * @example
   * ```ts
   * await client.run('order-17').cancel()
   * ```
   */
  run<Context = Record<string, unknown>>(runId: string): RunHandle<Context> {
    if (typeof runId !== 'string') throw mistake('INVALID_ARGUMENT', 'A run id is a text')
    return new RunHandle(this.#host, runId)
  }

  /**
   * A page of runs, in the order of their ids. A run that is there while all pages are read is on exactly one of them,
   * whatever is started meanwhile.
   *
   * @example
   * ```ts
   * for (let page = await client.list({ status: 'failed' }); ; page = await client.list({ status: 'failed', cursor: page.cursor })) {
   *   for (const { runId } of page.runs) await client.run(runId).retry()
   *   if (!page.cursor) break
   * }
   * ```
   */
  async list(options: ListOptions = {}): Promise<RunPage> {
    const { engine, answer } = this.#host
    return readPage(await answer(engine.list(listRequest(options))), options)
  }

  /**
   * How many runs there are of each status and blueprint. Reads both tables whole, unless it is asked for tags that `migrate`
   * has made an index of.
   *
   * @example
   * ```ts
   * for (const { status, blueprintId, count } of await client.counts()) console.log(blueprintId, status, count)
   * const ofCustomer = await client.counts({ tags: ['customer:42'] })
   * ```
   */
  async counts(options: CountOptions = {}): Promise<RunCount[]> {
    const { engine, answer } = this.#host
    return fromJson(await answer(engine.counts(countedTags(options)))) as RunCount[]
  }

  /**
   * How many runs ended when, by steps of time, status and blueprint or queue. Step 10 of `migrate` makes a table for it: counts
   * stay for 31 days, also of runs that were purged, to the minute for two days and to the hour before. Without it a run counts
   * at its `updated_at`, runs that were purged do not count, and the status table is read whole.
   *
   * @example
   * ```ts
   * for (const { from, status, count } of await client.throughput({ withinMs: 24 * 3_600_000, stepMs: 3_600_000 })) {
   *   console.log(from, status, count)
   * }
   * ```
   */
  async throughput<Outcome extends CountedOutcome = EndedRuns['status']>(
    options: ThroughputOptions<Outcome> = {},
  ): Promise<EndedRuns<Outcome>[]> {
    const { engine, answer } = this.#host
    return readEnds(await answer(engine.ends(endsRequest(options))))
  }

  /**
   * The workers of this fleet that are alive: each has sent a heartbeat lately, to Redis or to the table that `migrate` makes.
   * Workers of version 1 and 2.0.0 send none.
   *
   * @example
   * ```ts
   * for (const { id, version, queues, age } of await client.workers()) console.log(id, version, queues, `${age} ms ago`)
   * ```
   */
  async workers(): Promise<RegisteredWorker[]> {
    const { engine, answer } = this.#host
    return answer(workersOf(engine))
  }

  /**
   * Removes runs that are over and have not changed for a while: both rows, the journal, and what the coordination store
   * keeps of each, 500 runs at a time. A run that goes on stays, whatever its tags are: cancel it first.
   *
   * @returns How many were removed.
   *
   * @example
   * ```ts
   * await client.purge({ status: 'completed', olderThan: 30 * 24 * 3_600_000 })
   * await client.purge({ tags: ['customer:42'], olderThan: 0 })
   * ```
   */
  async purge(options: PurgeOptions): Promise<number> {
    const { engine, answer } = this.#host
    const [statuses, tags, olderThan] = purgeRequest(options)
    return answer(engine.purge(statuses, tags, olderThan))
  }

  /**
   * Pauses a queue, or a blueprint, for all workers, within about two seconds. Of a paused queue they take no jobs: these wait in
   * it. Of a paused blueprint they execute no node: its runs keep what is due. What is being executed ends, and counts. Needs the
   * table that `migrate` makes (step 8). Workers of 2.0.0 do not hear of it.
   *
   * @returns Whether that changed something: false where it is paused already.
   * @throws SetupError with the code `TABLE_MISSING` when there is no such table.
   *
   * @example
   * ```ts
   * await client.pause({ queue: 'mails', reason: 'the provider is down' })
   * await client.pause({ blueprintId: 'order' })
   * ```
   */
  async pause(options: PauseOptions): Promise<boolean> {
    return pause(this.#host, options)
  }

  /**
   * Lets a queue, or a blueprint, go on. Of a blueprint it publishes what is due of its runs, which takes three seconds and more;
   * after an error, call it again.
   *
   * @returns Whether it was paused.
   *
   * @example
   * ```ts
   * await client.unpause({ queue: 'mails' })
   * ```
   */
  async unpause(options: Pausable): Promise<boolean> {
    return unpause(this.#host, options)
  }

  /**
   * How the limits by key stand that nodes asked for within a day: at most 1,000 keys, in the order of their names. None without
   * the workers' `coordinationStore`; what workers before this version count is not told.
   *
   * @example
   * ```ts
   * for (const { key, inUse, concurrency, waiting } of await client.limits()) console.log(key, inUse, concurrency, waiting)
   * ```
   */
  async limits(): Promise<LimitUse[]> {
    return limitsOf(this.#host)
  }

  /**
   * The queues and blueprints that are paused. Of a run, `describe()` says it.
   *
   * @example
   * ```ts
   * for (const { queue, blueprintId, since, reason } of await client.paused()) console.log(queue ?? blueprintId, since, reason)
   * ```
   */
  async paused(): Promise<Paused[]> {
    return pausedOf(this.#host)
  }

  async #start<Context>(runs: string[], onConflict: OnConflict): Promise<RunHandle<Context>[]> {
    const started = await startRuns(this.#host, runs, onConflict)
    return started.map(({ runId, outcome }) => new RunHandle<Context>(this.#host, runId, outcome))
  }

  /** The caller's transaction decides whether there is a run; the engine looks for it. */
  async #startWithin<Context>(
    transaction: TransactionLike,
    run: string,
    onConflict: OnConflict,
  ): Promise<RunHandle<Context>> {
    if (onConflict === 'restart-if-ended') {
      const message = "A run cannot be restarted within a transaction: onConflict is 'reject' or 'use-existing' there"
      throw mistake('INVALID_ARGUMENT', message)
    }
    const { engine, answer } = this.#host
    const { runId, mark, text, values } = fromJson(await answer(engine.planStart(run))) as Planned
    const [row] = rowsOf(await transaction.query(text, values))
    if (!row) {
      if (onConflict === 'use-existing') return new RunHandle<Context>(this.#host, runId, 'existing')
      throw errorOf(`Starting the run (run '${runId}'): there is a run of this id already`, {
        code: 'RUN_EXISTS',
        runId,
      })
    }
    if (Number(row.shown) === 0) {
      const message = `Starting the run (run '${runId}'): a new row of the status table owes values that only you know: insert it before you start the run`
      throw errorOf(message, { code: 'TABLE_UNFIT', runId })
    }
    await answer(engine.publishWhenCommitted(runId, mark))
    return new RunHandle<Context>(this.#host, runId, 'new')
  }
}

/** The run's id, where the caller chose it. */
function known({ runId }: RunToStart<object>): { runId?: string } {
  return typeof runId === 'string' ? { runId } : {}
}

/** The rows of an answer, as `pg` gives them, or alone. */
function rowsOf(answer: unknown): Record<string, unknown>[] {
  const rows = isObject(answer) && Array.isArray(answer.rows) ? answer.rows : answer
  if (Array.isArray(rows)) return rows
  throw mistake(
    'INVALID_ARGUMENT',
    "transaction.query answers with rows, or with an object that has them, as pg's does",
  )
}
