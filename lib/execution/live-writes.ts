/**
 * What a node writes before its answer. Where others of its run may read, a write is on record once `set` has resolved; where
 * nobody does, it leaves with the answer, or after a quarter of a second for whoever looks from outside. Sets that are made
 * together leave together. It never rejects: what cannot be on record now goes along with the answer, and fails there if it
 * must.
 */
import { clearTimeout as clearTimer, setTimeout as setTimer } from 'node:timers'

/** When writes of a node that is alone leave, in milliseconds. */
const LEAVE_AFTER = 250

/** A value as JSON; undefined removes the key. */
export type Written = string | undefined

/** Where writes go. */
export interface Recorder {
  /** Whether nobody else of a job's run could read what its node writes. */
  isAlone(job: number): boolean
  /** Writes keys of a job; whether they are on record. */
  write(job: number, sets: ReadonlyMap<string, string>, deletes: readonly string[]): Promise<boolean>
}

export class LiveWrites {
  readonly #job: number
  readonly #recorder: Recorder
  readonly #onRecord: (key: string) => void
  /** What is not on record, and on its way nowhere. */
  #waiting = new Map<string, Written>()
  /** What is on its way. */
  #sent: ReadonlyMap<string, Written> | undefined
  /** What is on record. */
  readonly #recorded = new Set<string>()
  /** Leaves with what waits by then. */
  #next: Promise<void> | undefined
  #leaving: Promise<void> = Promise.resolve()
  #timer: ReturnType<typeof setTimer> | undefined
  /** The rest goes along with the answer. */
  #isOver = false

  /** `onRecord` hears of a key that is on record as it was last written, where the run's other nodes may write it too. */
  constructor(job: number, recorder: Recorder, onRecord: (key: string) => void) {
    this.#job = job
    this.#recorder = recorder
    this.#onRecord = onRecord
  }

  /** A write of a key. Resolves when the run's other nodes see it, or when it is known that it goes along with the answer. */
  async add(key: string, json: Written): Promise<void> {
    this.#recorded.delete(key)
    this.#waiting.set(key, json)
    if (this.#isOver) return
    if (!this.#recorder.isAlone(this.#job)) return this.#leave()
    this.#timer ??= setTimer(() => void this.#leave(), LEAVE_AFTER).unref()
  }

  /** A write that is taken out again, for the answer says it. */
  forget(key: string): void {
    this.#waiting.delete(key)
  }

  /** Whether a key is on record as it was last written. */
  isRecorded(key: string): boolean {
    return this.#recorded.has(key)
  }

  /** Whether a key is on record, or may be before long: an earlier write of it is on its way. */
  hasLeft(key: string): boolean {
    return this.#recorded.has(key) || this.#sent?.has(key) === true
  }

  /** The node's code is over. Resolves when nothing is on its way any more. */
  async end(): Promise<void> {
    this.#isOver = true
    clearTimer(this.#timer)
    await this.#leaving
  }

  #leave(): Promise<void> {
    clearTimer(this.#timer)
    this.#timer = undefined
    if (!this.#next) {
      this.#next = this.#leaving.then(() => this.#send())
      this.#leaving = this.#next
    }
    return this.#next
  }

  async #send(): Promise<void> {
    this.#next = undefined
    if (this.#isOver || this.#waiting.size === 0) return
    const sent = this.#waiting
    this.#waiting = new Map()
    this.#sent = sent
    const isRecorded = await this.#record(sent)
    this.#sent = undefined
    const isShared = isRecorded && !this.#recorder.isAlone(this.#job)
    for (const [key, json] of sent) {
      // Written again meanwhile: that is what counts.
      if (this.#waiting.has(key)) continue
      if (!isRecorded) this.#waiting.set(key, json)
      else this.#recorded.add(key)
      if (isShared) this.#onRecord(key)
    }
    if (!isRecorded) this.#isOver = true
  }

  async #record(sent: ReadonlyMap<string, Written>): Promise<boolean> {
    const sets = new Map<string, string>()
    const deletes: string[] = []
    for (const [key, json] of sent) {
      if (json === undefined) deletes.push(key)
      else sets.set(key, json)
    }
    try {
      return await this.#recorder.write(this.#job, sets, deletes)
    } catch {
      return false
    }
  }
}
