/**
 * The attempts at a node that fail within one job. Core tries a node again without leaving it, and the `fallback` of a class may take
 * the place of its last error: the run is done, and whoever looks at it later is to see what went wrong on the way.
 */
import { causesOf, describeError, stackOf } from '../thrown.js'
import type { FailedTry, JobAnswer } from './answer.js'

/** So many are kept: the first, and the last of the others. The run keeps no more. */
const MOST = 10
/** As much of a message as the run keeps. */
const LONGEST_MESSAGE = 500

interface Noted {
  /** Which try within the job it was, from 1. */
  number: number
  error: unknown
  at: number
}

export class FailedTries {
  readonly #nodeId: string
  #count = 0
  #noted: Noted[] | undefined

  constructor(nodeId: string) {
    this.#nodeId = nodeId
  }

  note(error: unknown): void {
    this.#count += 1
    this.#noted ??= []
    this.#noted.push({ number: this.#count, error, at: performance.now() })
    if (this.#noted.length > MOST) this.#noted.splice(1, 1)
  }

  /** The answer, with what failed before it. What the job itself fails for is its answer's own. */
  told(answer: JobAnswer, thrown?: unknown): JobAnswer {
    if (!this.#noted) return answer
    const last = this.#noted.at(-1)
    const isItsOwn = thrown !== undefined && last && causesOf(thrown).includes(last.error)
    const before = isItsOwn ? this.#noted.slice(0, -1) : this.#noted
    return before.length === 0 ? answer : { ...answer, tries: before.map((noted) => this.#tried(noted)) }
  }

  #tried({ number, error, at }: Noted): FailedTry {
    const stack = stackOf(error)
    const message = describeError(error, this.#nodeId).slice(0, LONGEST_MESSAGE + 1)
    return { number, message, ...(stack !== undefined && { stack }), agoMs: Math.max(0, performance.now() - at) }
  }
}
