/** One run, as an application holds it. */
import type { WorkflowResult } from 'flowcraft'
import { placeOf, placeOfEvent, RESUME_OUTPUT } from '../bridge/places.js'
import { within } from '../operating/spans.js'
import { callOptions, type Names } from '../options/call-options.js'
import { type RunDescription, readDescription } from './description.js'
import { eventToSend, type SendEventOptions } from './events.js'
import { historyOf, type RunHistory, type RunHistoryOptions } from './history.js'
import type { ClientHost } from './host.js'
import { checkedReason } from './pausing.js'
import { withProgress } from './progress.js'
import { originOf, type RerunOptions, type RunOrigin, rerunFrom } from './rerun.js'
import { type ResultOptions, resultOf } from './result.js'
import type { StartOutcome } from './starting.js'
import { statesOf, type WatchOptions } from './watch.js'

/** How paused nodes go on. */
export interface ResumeOptions {
  /** Decides their edges. Default: none, and the edges without an action are taken. */
  action?: string
  /** The node's output. Default: the one it had. */
  output?: unknown
  /** One of several paused nodes. Default: all. */
  nodeId?: string
}

const OF_RESUME: Names<ResumeOptions> = { action: true, output: true, nodeId: true }

/** A run. Holds no connection, and may be of a run that is not there. */
export class RunHandle<Context = Record<string, unknown>> {
  readonly runId: string
  /** What became of the start; absent where the handle is of `client.run`. */
  declare readonly outcome?: StartOutcome
  readonly #host: ClientHost

  constructor(host: ClientHost, runId: string, outcome?: StartOutcome) {
    this.#host = host
    this.runId = runId
    if (outcome !== undefined) this.outcome = outcome
  }

  /**
   * Waits for the run's end. The workers tell of it over Redis, where the client has their `coordinationStore`. It also asks
   * PostgreSQL by itself, at first every 20 ms, then less and less often, at last every 500 ms.
   *
   * @returns The result of a completed run, as `FlowRuntime.run` has it.
   * @throws RunFailedError when the run failed, was cancelled or stalled, with `reason` and `nodeErrors`; RunNotFoundError
   * when there is no such run; FlowcraftAdapterError with the code `RESULT_TIMEOUT` after `timeoutMs`.
   *
   * @example
   * ```ts
   * const { context } = await run.result({ timeoutMs: 30_000 })
   * ```
   */
  async result(options: ResultOptions = {}): Promise<WorkflowResult<Context>> {
    return (await resultOf(this.#host, this.runId, options)) as WorkflowResult<Context>
  }

  /**
   * What is known of the run now: its status and reason, its blueprint, and of every node that was reached how it stands, and how far
   * it says that it is.
   *
   * @throws RunNotFoundError when there is no such run.
   *
   * @example
   * ```ts
   * const { status, nodes } = await client.run(runId).describe()
   * const waiting = nodes.filter(({ state }) => state === 'awaiting')
   * ```
   */
  async describe(): Promise<RunDescription> {
    const { engine, answer } = this.#host
    return withProgress(this.#host, readDescription(await answer(engine.describe(this.runId))))
  }

  /**
   * Every attempt at the run's nodes that workers with the option `history` have kept, the one that ended last first: what went in, what
   * came out or why it failed, when and on which worker, and what it logged. A worker writes it a quarter of a second after the
   * attempt; it is no part of the run, and an attempt that a worker lost may be lacking, or may be there twice.
   *
   * @returns A page; none of a run that is not there.
   * @throws SetupError with the code `TABLE_MISSING` where step 9 of `migrate` was not made.
   *
   * @example
   * ```ts
   * const { attempts } = await client.run(runId).history({ nodeId: 'charge' })
   * for (const { attempt, outcome, input, output, error } of attempts) console.log(attempt, outcome, input, error ?? output)
   * ```
   */
  async history(options: RunHistoryOptions = {}): Promise<RunHistory> {
    return historyOf(this.#host, this.runId, options)
  }

  /**
   * Follows the run: yields how it stands at once, and again whenever that has changed, until it is over. States that
   * last shorter than it takes to look again (20 to 500 ms) may be missed; the last one never is. After an error, or in another
   * process, watch again: the first state is the present one.
   *
   * @throws RunNotFoundError when there is no such run, or it was deleted meanwhile.
   *
   * @example
   * ```ts
   * for await (const { status, nodes } of client.run(runId).watch()) {
   *   console.log(status, nodes.filter(({ state }) => state === 'due').length)
   * }
   * ```
   */
  watch(options: WatchOptions = {}): AsyncGenerator<RunDescription, void, undefined> {
    return statesOf(this.#host, this.runId, options)
  }

  /**
   * Ends the run as `cancelled`: nothing new of it starts, and nodes in flight get their `AbortSignal`.
   *
   * @returns Whether the run was still going on.
   * @throws RunNotFoundError when there is no such run.
   *
   * @example
   * ```ts
   * await client.run(runId).cancel('the customer changed their mind')
   * ```
   */
  async cancel(reason = 'Cancelled'): Promise<boolean> {
    const { engine, answer } = this.#host
    return answer(engine.cancel(this.runId, reason))
  }

  /**
   * Pauses the run: no further node of it is executed until {@link unpause}. What is being executed ends, and counts; events,
   * resumes and a cancellation count too, and the run's time limit goes on. Workers of 2.0.0 do not heed it.
   *
   * @param reason Why: `describe()` has it.
   * @returns Whether that changed something: false where it is paused already.
   * @throws RunNotFoundError when there is no such run; RunEndedError when it is over.
   *
   * @example
   * ```ts
   * await client.run('order-17').pause('the customer disputes it')
   * ```
   */
  async pause(reason?: string): Promise<boolean> {
    const { engine, answer } = this.#host
    return answer(engine.pauseRun(this.runId, checkedReason(reason)))
  }

  /**
   * Lets the paused run go on: what is due by now is published.
   *
   * @returns Whether it was paused.
   * @throws RunNotFoundError when there is no such run; RunEndedError when it is over.
   *
   * @example
   * ```ts
   * await client.run('order-17').unpause()
   * ```
   */
  async unpause(): Promise<boolean> {
    const { engine, answer } = this.#host
    return answer(engine.unpauseRun(this.runId))
  }

  /**
   * Starts the failed run again from the nodes that failed, keeping what is done.
   *
   * @returns The nodes that run again.
   * @throws FlowcraftAdapterError with the code `RUN_NOT_FAILED` when the run has not failed.
   *
   * @example
   * ```ts
   * await client.run(runId).retry()
   * ```
   */
  async retry(): Promise<Set<string>> {
    const { engine, answer } = this.#host
    return new Set(await this.#within('retry', (span) => answer(engine.retry(this.runId, span))))
  }

  /**
   * Starts a new run that begins at a node of this one. The outputs of what was done before the node stay; the node and all
   * that depends on it run again, with the context as the record has it, changed by `context`. The new run has `_rerunOf` in
   * its context, which {@link origin} reads. This run stays as it is, and may still go on.
   *
   * @param nodeId A node of the run's blueprint, which this client has to know. It has run, or is about to.
   * @returns The new run. There is none if this rejects, as {@link RabbitMqClient.start} says it.
   * @throws FlowcraftAdapterError with the code `NODE_UNKNOWN` when the blueprint has no such node, `NODE_NOT_RERUNNABLE` when a
   * new run could not begin there rightly: the message says why, and from where it could. RunNotFoundError when there is no
   * such run; SetupError when the blueprint is not known here, or of another version.
   *
   * @example
   * ```ts
   * const again = await client.run('order-17').rerunFrom('charge', { context: { amount: 40 }, runId: 'order-17-corrected' })
   * await again.result()
   * ```
   */
  async rerunFrom(nodeId: string, options: RerunOptions<Context> = {}): Promise<RunHandle<Context>> {
    const place = { runId: this.runId, nodeId }
    const { runId, outcome } = await this.#within('rerun', (span) => rerunFrom(this.#host, place, options, span))
    return new RunHandle<Context>(this.#host, runId, outcome)
  }

  /**
   * Where this run comes from, if {@link rerunFrom} started it; undefined for any other, and where there is no such run.
   *
   * @example
   * ```ts
   * const origin = await client.run('order-17-corrected').origin()
   * if (origin) console.log(`again from ${origin.nodeId} of ${origin.runId}`)
   * ```
   */
  async origin(): Promise<RunOrigin | undefined> {
    return originOf(this.#host, this.runId)
  }

  /**
   * Lets paused nodes go on.
   *
   * @returns The nodes that go on.
   * @throws NotAwaitingError when the run, or the node, does not wait to be resumed; RunEndedError when the run is over.
   *
   * @example
   * ```ts
   * await client.run(runId).resume({ action: 'approved', output: { by: 'ada' } })
   * ```
   */
  async resume(options: ResumeOptions = {}): Promise<Set<string>> {
    const { action, output, nodeId } = callOptions('run.resume', OF_RESUME, options)
    const { engine, answer, values } = this.#host
    const what = `The output to resume run '${this.runId}' with`
    const json = values.toJson(output, { what, giver: 'resume', place: placeOf(this.runId, RESUME_OUTPUT) })
    const resume = (span?: string) => answer(engine.resume(this.runId, nodeId, action, json, span))
    return new Set(await this.#within('resume', resume))
  }

  /**
   * Tells the run of an event. Nodes that wait for it go on with the payload as their output; while none does, the event is
   * kept for the first that will. A run counts an event once, however often it comes under one `idempotencyKey`.
   *
   * @returns The nodes that go on; none where the run knows that key.
   * @throws RunEndedError when the run is over, unless it knows that key.
   *
   * @example
   * ```ts
   * await client.run(runId).sendEvent('payment:received', { amount: 42 })
   * await client.run(runId).sendEvent('payment:received', payment, { idempotencyKey: payment.id })
   * ```
   */
  async sendEvent(name: string, payload?: unknown, options: SendEventOptions = {}): Promise<Set<string>> {
    const { engine, answer, values } = this.#host
    const what = `The payload of event '${name}' for run '${this.runId}'`
    const json = values.toJson(payload, { what, giver: 'sendEvent', place: placeOfEvent(this.runId, name) })
    const event = eventToSend(name, json, options)
    const send = (span?: string) => answer(engine.sendEvent(this.runId, event, undefined, span))
    return new Set(await this.#within('send event', send))
  }

  /**
   * Removes the run: both rows, its journal, its history, and what the coordination store keeps of it. Only a run that is over.
   *
   * @throws RunNotFoundError when there is no such run; FlowcraftAdapterError with the code `RUN_NOT_ENDED` when it goes on:
   * cancel it first.
   *
   * @example
   * ```ts
   * await client.run(runId).delete()
   * ```
   */
  async delete(): Promise<void> {
    const { engine, answer } = this.#host
    await answer(engine.remove(this.runId))
  }

  #within<T>(what: string, ask: (span?: string) => Promise<T>): Promise<T> {
    return within(this.#host.spans, { what, runId: this.runId }, ask)
  }
}
