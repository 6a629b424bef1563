/**
 * What a node records of its progress while it is executed. Calls come as often as the node likes; one write at a time leaves, and
 * what the node said last by then. Nothing here fails the node: its work goes on also where a client cannot see how far it is.
 */
import { clearTimeout as clearTimer, setTimeout as setTimer } from 'node:timers'
import { FlowcraftError, type ILogger } from 'flowcraft'
import { fromJson } from '../bridge/json.js'
import type { Values } from '../bridge/values.js'
import { textOf } from '../thrown.js'
import type { Alarms } from './alarms.js'
import {
  after,
  type ExecutionPlace,
  KEPT,
  type Keys,
  type Next,
  placeOfProgress,
  readProgress,
  removeProgress,
  writeProgress,
} from './progress-store.js'

/** The largest progress, in bytes of JSON. */
const LARGEST = 16 * 1024
/** How long after one write the next may leave, in milliseconds; and after one that failed. */
const PACE = 300
const PACE_AFTER_FAILURE = 2_000
/** After how long a node that goes on has what it recorded written again, in milliseconds: it is kept for some times that. */
const RENEWED = (KEPT * 1_000) / 6
/** How long the answer of an attempt waits for its last write, in milliseconds. */
const PATIENCE = 1_000

/** Of the execution's worker and job, what its progress needs. */
export interface ProgressParts {
  readonly teller: { readonly keys: Keys; readonly values: Values; readonly alarms: Alarms; readonly worker: string }
  readonly logger: ILogger
  /** That of its job. */
  readonly signal: AbortSignal
}

/** What a node said last. */
interface Noted {
  /** As JSON, before the codec. */
  readonly json: string
  readonly attempt: number
  readonly at: number
}

export class Progress {
  readonly #place: ExecutionPlace
  readonly #parts: ProgressParts
  #latest: Noted | undefined
  /** The latest is to be written. */
  #isWaiting = false
  #next: Next | undefined
  #writing: Promise<void> | undefined
  #timer: ReturnType<typeof setTimer> | undefined
  #mayLeaveAt = 0
  #writtenAt = 0
  #isOver = false
  #hasWarned = false

  constructor(place: ExecutionPlace, parts: ProgressParts) {
    this.#place = place
    this.#parts = parts
  }

  /** The node goes on, and is so far; `undefined`: as far as before. */
  note(value: unknown, attempt: number): void {
    if (this.#isOver || this.#parts.signal.aborted) return
    if (value === undefined) {
      const isOld = performance.now() - this.#writtenAt > RENEWED
      this.#isWaiting ||= this.#latest !== undefined && isOld
    } else {
      const json = this.#json(value)
      if (json === undefined) return
      this.#latest = { json, attempt, at: this.#parts.teller.alarms.moment(Date.now()) }
      this.#isWaiting = true
    }
    if (this.#isWaiting) this.#schedule()
  }

  /** What was recorded last of the execution. Never rejects. */
  async last(): Promise<unknown> {
    const { keys, values } = this.#parts.teller
    const place = placeOfProgress(this.#place)
    try {
      const stored = this.#latest
        ? fromJson(values.sealed(this.#latest.json, place))
        : (await readProgress(keys, this.#place)).latest?.stored
      return stored === undefined ? undefined : values.ofStored(stored, place)
    } catch (error) {
      this.#parts.logger.warn(`[Adapter] The progress of the last attempt cannot be read: ${textOf(error)}`)
      return undefined
    }
  }

  /** The job is over. Where the node is tried again, resolves once the next attempt finds the progress. */
  async end(isToBeTriedAgain: boolean): Promise<void> {
    this.#isOver = true
    clearTimer(this.#timer)
    // Another worker may execute the node by now, and goes on from what is written.
    if (this.#isTakenAway) return
    if (isToBeTriedAgain) await withinPatience(this.#finish())
    else void this.#remove()
  }

  /** The JSON text of a value that can be recorded. */
  #json(value: unknown): string | undefined {
    const { path } = this.#place
    try {
      const what = `The progress of node '${path}'`
      const json = this.#parts.teller.values.unsealed(value, { what, giver: `progress of ${path}` })
      const size = json === undefined ? 0 : Buffer.byteLength(json)
      if (size <= LARGEST) return json
      this.#warn(`is ${size} bytes of JSON, more than ${LARGEST}`)
    } catch (error) {
      this.#warn(textOf(error))
    }
    return undefined
  }

  #warn(why: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#parts.logger.warn(`[Adapter] A progress that the node gave to job.heartbeat is not recorded: ${why}`)
  }

  #schedule(): void {
    if (this.#isOver || this.#writing || this.#timer) return
    const wait = this.#mayLeaveAt - performance.now()
    if (wait <= 0) this.#leave()
    else this.#timer = setTimer(() => this.#leave(), wait).unref()
  }

  #leave(): void {
    this.#timer = undefined
    if (this.#parts.signal.aborted) return
    this.#writing = this.#write().then((isWritten) => {
      this.#writing = undefined
      this.#mayLeaveAt = performance.now() + (isWritten ? PACE : PACE_AFTER_FAILURE)
      if (this.#isWaiting) this.#schedule()
    })
  }

  /** Writes the latest; whether that is there then. Never rejects. */
  async #write(): Promise<boolean> {
    const noted = this.#latest
    const { keys, values, worker } = this.#parts.teller
    this.#isWaiting = false
    if (!noted) return true
    try {
      const json = values.sealed(noted.json, placeOfProgress(this.#place))
      this.#next ??= (await readProgress(keys, this.#place)).next
      await writeProgress(keys, this.#place, this.#next, { ...noted, json, worker })
      this.#next = after(this.#next)
      this.#writtenAt = performance.now()
      return true
    } catch {
      // The worker says it where a server is away.
      this.#isWaiting = true
      return false
    }
  }

  async #finish(): Promise<void> {
    await this.#writing
    if (this.#isWaiting) await this.#write()
  }

  /** The execution is over. */
  async #remove(): Promise<void> {
    await this.#writing
    try {
      await removeProgress(this.#parts.teller.keys, this.#place)
    } catch {
      // It expires.
    }
  }

  /** The worker stops or is dead, has lost the job, or its run is over: only a time limit of the node itself is none of these. */
  get #isTakenAway(): boolean {
    const { aborted, reason } = this.#parts.signal as { aborted: boolean; reason?: unknown }
    return aborted && !(reason instanceof FlowcraftError)
  }
}

/** Waits for it, and not too long. */
async function withinPatience(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimer> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimer(resolve, PATIENCE)
  })
  await Promise.race([work, patience])
  clearTimer(timer)
}
