/**
 * The attempts at a node that fail within one job. Core tries a node again without leaving it, and the `fallback` of a class may take
 * the place of its last error: the run is done, and whoever looks at it later is to see what went wrong on the way.
 */
import { HeartbeatTimeoutError } from '../errors.js'
import { causesOf, describeError, stackOf } from '../thrown.js'
import type { FailedTry, JobAnswer } from './answer.js'

/** So many are kept: the first, and the last of the others. The run keeps no more. */
const MOST = 10
/** As much of a message as the run keeps: characters. One more says that it was longer. */
const LONGEST_MESSAGE = 501

interface Noted {
  /** Which try within the job it was, from 1. */
  number: number
  error: unknown
  at: number
}

export class FailedTries {
  readonly #nodeId: string
  #begun = 0
  #isOver = false
  #noted: Noted[] | undefined

  constructor(nodeId: string) {
    this.#nodeId = nodeId
  }

  /** Another try begins. Where nobody says so, the job has one. */
  begin(): void {
    this.#begun += 1
  }

  /** The try that was begun last fails. */
  note(error: unknown): void {
    if (this.#isOver) return
    this.#noted ??= []
    this.#noted.push({ number: this.#last, error, at: performance.now() })
    if (this.#noted.length > MOST) this.#noted.splice(1, 1)
  }

  /** The answer of the job, with what failed before it. Nothing is noted any more. */
  told(answer: JobAnswer): JobAnswer {
    this.#isOver = true
    // One moment for all: a stack may take a while to be read.
    const now = performance.now()
    const number = this.#last
    const hasFailed = answer.outcome === 'failed' || answer.outcome === 'retry'
    // What the last try failed with is the answer's own, whatever core has made of it.
    const before = this.#noted?.filter((noted) => !(hasFailed && noted.number === number)) ?? []
    if (before.length === 0 && number === 1) return answer
    return {
      ...answer,
      ...(number > 1 && { lastTry: number }),
      ...(before.length > 0 && { tries: before.map((noted) => this.#tried(noted, now)) }),
    }
  }

  get #last(): number {
    return Math.max(1, this.#begun)
  }

  #tried({ number, error, at }: Noted, now: number): FailedTry {
    const stack = placeOfError(error)
    const message = [...describeError(error, this.#nodeId)].slice(0, LONGEST_MESSAGE).join('')
    return { number, message, ...(stack !== undefined && { stack }), agoMs: Math.max(0, now - at) }
  }
}

/** Where in the user's code an error was thrown; nowhere, where a timer of ours made it. */
export function placeOfError(thrown: unknown): string | undefined {
  return causesOf(thrown).some(isOurTimer) ? undefined : stackOf(thrown)
}

/** A revoked proxy, say, does not let itself be asked. */
function isOurTimer(error: unknown): boolean {
  try {
    return error instanceof HeartbeatTimeoutError
  } catch {
    return false
  }
}
