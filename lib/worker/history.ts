/**
 * The history of what a worker executes, on its way to PostgreSQL: attempts are collected, and written many at a time, beside the
 * results and never in their way. It tells people, and decides nothing: what cannot be written in time is dropped, and said.
 */
import { clearTimeout as clearTimer, setTimeout as setTimer } from 'node:timers'
import type { FlowcraftAdapterError } from '../errors.js'
import { textOf } from '../thrown.js'

/** How long an attempt waits for company, in milliseconds. */
const PACE = 250
/** So many are written by one statement, of so many characters. */
const MOST_AT_A_TIME = 500
const LARGEST_AT_A_TIME = 4 * 1024 * 1024
/** So many wait, of so many characters. Of more the oldest are dropped. */
const MOST_WAITING = 20_000
const LARGEST_WAITING = 32 * 1024 * 1024
/** When it is tried again: where a server was away, and where somebody has to mend something. */
const AFTER_FAILURE = 2_000
const AFTER_REFUSAL = 30_000
/** How often a loss is said, in milliseconds. */
const SAID = 60_000
/** How long a worker that stops waits for the last of them. */
const PATIENCE = 2_000

const NO_TABLE =
  'The option history keeps nothing yet: its table is not there. migrate makes it (step 9; npx flowcraft-rabbitmq migrate up)'

/** Where it goes. */
export interface HistoryWay {
  readonly worker: string
  /** Writes it; whether there is a table for it. */
  write(history: string): Promise<boolean>
  warn(message: string): void
}

export class History {
  readonly #way: HistoryWay
  #waiting: string[] = []
  #size = 0
  #timer: ReturnType<typeof setTimer> | undefined
  #writing: Promise<void> | undefined
  /** Nothing can be written before. */
  #restsUntil = 0
  #lost = 0
  #saidAt = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(way: HistoryWay) {
    this.#way = way
  }

  /** Takes an attempt, as JSON. */
  add(attempt: string): void {
    this.#waiting.push(attempt)
    this.#size += attempt.length
    if (this.#waiting.length > MOST_WAITING || this.#size > LARGEST_WAITING) this.#drop()
    if (this.#waiting.length >= MOST_AT_A_TIME && this.#mayWrite) this.#leave()
    else this.#schedule(PACE)
  }

  /** Writes what waits, within patience. Never rejects. */
  async flush(): Promise<void> {
    const end = performance.now() + PATIENCE
    while ((this.#waiting.length > 0 || this.#writing) && performance.now() < end) {
      if (!this.#writing && !this.#mayWrite) return
      if (!this.#writing) this.#leave()
      await within(end - performance.now(), this.#writing)
    }
  }

  /** The worker is dead: what waits is lost, and nothing more is written. */
  abandon(): void {
    this.#restsUntil = Number.POSITIVE_INFINITY
    this.#waiting = []
    this.#size = 0
  }

  get #mayWrite(): boolean {
    return !this.#writing && performance.now() >= this.#restsUntil
  }

  #schedule(wait: number): void {
    if (this.#timer || this.#writing || this.#restsUntil === Number.POSITIVE_INFINITY) return
    const rest = Math.max(wait, this.#restsUntil - performance.now())
    this.#timer = setTimer(() => this.#leave(), rest).unref()
  }

  #leave(): void {
    clearTimer(this.#timer)
    this.#timer = undefined
    if (this.#writing || this.#waiting.length === 0) return
    this.#writing = this.#write(this.#taken()).then(() => {
      this.#writing = undefined
      if (this.#waiting.length > 0) this.#schedule(this.#waiting.length >= MOST_AT_A_TIME ? 0 : PACE)
    })
  }

  /** The oldest, as many as one statement takes. */
  #taken(): string[] {
    let size = 0
    const end = this.#waiting.findIndex((attempt, at) => {
      size += attempt.length
      return at === MOST_AT_A_TIME || (at > 0 && size > LARGEST_AT_A_TIME)
    })
    const taken = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
    for (const { length } of taken) this.#size -= length
    return taken
  }

  /** Never rejects. */
  async #write(attempts: string[]): Promise<void> {
    const { worker } = this.#way
    try {
      const told = `{"now":${performance.now()},"worker":${JSON.stringify(worker)},"attempts":[${attempts.join()}]}`
      if (await this.#way.write(told)) {
        this.#hasWarned = false
        return
      }
      this.#refused(NO_TABLE, attempts)
    } catch (error) {
      if ((error as FlowcraftAdapterError).retryable) this.#putBack(attempts)
      else this.#refused(`The option history keeps nothing until this is fixed. ${textOf(error)}`, attempts)
    }
  }

  #putBack(attempts: string[]): void {
    this.#waiting = attempts.concat(this.#waiting)
    for (const { length } of attempts) this.#size += length
    this.#restsUntil = performance.now() + AFTER_FAILURE
  }

  /** Somebody has to mend something. What is told meanwhile is not kept for that. */
  #refused(why: string, attempts: string[]): void {
    this.#restsUntil = performance.now() + AFTER_REFUSAL
    this.#lost += attempts.length
    if (!this.#hasWarned) this.#way.warn(why)
    this.#hasWarned = true
  }

  /** Makes room: the oldest tenth goes. */
  #drop(): void {
    const dropped = this.#waiting.splice(0, Math.ceil(this.#waiting.length / 10))
    for (const { length } of dropped) this.#size -= length
    this.#lost += dropped.length
    if (this.#hasWarned || performance.now() - this.#saidAt < SAID) return
    this.#saidAt = performance.now()
    this.#way.warn(
      `The history lacks ${this.#lost} attempts of this worker so far: PostgreSQL does not take them as fast as they end`,
    )
  }
}

/** Waits for it, and not longer than that, in milliseconds. */
async function within(wait: number, work: Promise<void> | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimer> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimer(resolve, Math.max(0, wait))
  })
  await Promise.race([work, patience])
  clearTimer(timer)
}
