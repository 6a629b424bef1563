/**
 * What a job tells the history of each of its attempts: what went in, what came out or why it failed, and what it logged. Texts are
 * made at once: the node's code may change its values afterwards. Nothing here fails the node.
 */
import { FlowcraftError } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { placeOf, prefixInside } from '../bridge/places.js'
import type { Values } from '../bridge/values.js'
import type { ValuePlace } from '../options/codec.js'
import type { CheckedHistory } from '../options/history.js'
import { describeError, textOf } from '../thrown.js'
import type { JobAnswer } from './answer.js'
import { placeOfError } from './failed-tries.js'
import { pathBeside } from './paths.js'

/** As much of a line, and of its fields, is kept: characters. */
const LONGEST_LINE = 2_000

/** Where attempts are told of. */
export interface HistoryKeeper {
  readonly kept: CheckedHistory
  readonly values: Values
  /** Takes an attempt, as JSON. */
  add(attempt: string): void
}

/** The levels of core's logger. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A line, as it is stored. */
export interface StoredLine {
  /** How long after its attempt began, in milliseconds. */
  ms: number
  level: LogLevel
  message: string
  /** Absent where there are none, and where they are too large. */
  fields?: unknown
}

/** The lines of an attempt, as they are stored. */
export interface StoredLog {
  lines: StoredLine[]
  /** How many came before them, which are not kept. */
  dropped?: number
}

/** Why an attempt failed, as it is stored. */
export interface StoredError {
  message: string
  stack?: string
}

/** What is kept of an attempt, each sealed for itself. */
export type HistoryPart = 'input' | 'output' | 'error' | 'log'

/** Where a part belongs, as a codec sees it. */
export function placeOfHistory(runId: string, path: string, part: HistoryPart): ValuePlace {
  return placeOf(runId, `_history.${part}.${path}`)
}

/** Where no codec is, nobody asks for the place. */
const NOWHERE = placeOf('', '')

/** How an attempt ended. */
interface End {
  readonly ended: number
  /** As it is stored with the answer. */
  readonly output?: string | undefined
  readonly error?: StoredError | undefined
}

/** The words of the history for how an attempt ended. */
const OUTCOMES = { finished: 'done', failed: 'failed', paused: 'awaiting', opened: 'awaiting' } as const

export class JobHistory {
  readonly #job: Job
  readonly #keeper: HistoryKeeper
  readonly #path: string
  #input: string | undefined
  /** The try within the job that goes on, from 1. */
  #try = 1
  #started = performance.now()
  /** What the try that goes on failed with, if its answer says nothing of that. */
  #failure: { error: unknown; at: number } | undefined
  #lines: string[] = []
  #dropped = 0
  #isOver = false

  constructor(job: Job, keeper: HistoryKeeper) {
    this.#job = job
    this.#keeper = keeper
    this.#path = pathBeside(job, job.nodeId)
  }

  /** What goes into the node. */
  input(value: unknown): void {
    this.#input = this.#keeper.values.shownJson(value)
  }

  /** A try within the job begins; each but the first follows one that failed. */
  begins(number: number): void {
    if (this.#isOver || number <= this.#try) return
    const { error, at = performance.now() } = this.#failure ?? {}
    this.#tell('retried', { ended: at, error: errorOf(error, this.#job.nodeId) })
    this.#try = number
    this.#started = performance.now()
    this.#failure = undefined
    this.#lines = []
    this.#dropped = 0
  }

  /** The try that goes on fails. */
  fails(error: unknown): void {
    this.#failure = { error, at: performance.now() }
  }

  /** The node logs a line. */
  line(level: LogLevel, message: string, fields: Record<string, unknown> | undefined): void {
    const most = this.#keeper.kept.logLines
    if (this.#isOver || most === 0) return
    this.#lines.push(lineText(level, message, { fields, ms: performance.now() - this.#started }))
    if (this.#lines.length < 2 * most) return
    this.#dropped += this.#lines.length - most
    this.#lines.splice(0, this.#lines.length - most)
  }

  /** The job has its answer, which counts for nothing where the job was taken away from the worker. */
  ends(answer: JobAnswer, { aborted, reason }: AbortSignal): void {
    if (aborted && !(reason instanceof FlowcraftError)) return
    const { outcome, message, stack, output } = answer
    const failure = this.#failure && errorOf(this.#failure.error, this.#job.nodeId)
    const error = message === undefined ? failure : { message, ...(stack !== undefined && { stack }) }
    const fails = outcome === 'failed' || outcome === 'retry'
    const word = outcome === 'retry' ? (answer.postponed ? 'postponed' : 'retried') : OUTCOMES[outcome]
    this.#tell(word, { ended: performance.now(), output, error: fails ? error : failure })
    this.#isOver = true
  }

  /** The JSON of the output that is stored with the answer. */
  #opened(output: string): string | undefined {
    const { inside, nodeId, runId } = this.#job
    const { values } = this.#keeper
    return values.encodes ? values.opened(output, placeOf(runId, `${prefixInside(inside)}_outputs.${nodeId}`)) : output
  }

  #tell(outcome: string, end: End): void {
    try {
      this.#keeper.add(this.#text(outcome, end))
    } catch {
      // A codec that throws, say: the node is done all the same.
    }
  }

  #text(outcome: string, { ended, output, error }: End): string {
    const { runId, round = 1, attempt } = this.#job
    let text = `{"runId":${quoted(runId)},"path":${quoted(this.#path)},"execution":${round},"attempt":${attempt + this.#try - 1}`
    text += `,"outcome":"${outcome}","started":${Math.round(this.#started)},"ended":${Math.round(ended)}`
    text += this.#value('input', this.#input)
    text += this.#value('output', output === undefined ? undefined : this.#opened(output))
    if (error) text += `,"error":${this.#sealed('error', JSON.stringify(error))}`
    if (this.#lines.length > 0) text += `,"log":${this.#sealed('log', this.#log())}`
    return `${text}}`
  }

  #value(part: 'input' | 'output', json: string | undefined): string {
    if (json === undefined) return ''
    const size = Buffer.byteLength(json)
    const value = size <= this.#keeper.kept.maxValueBytes ? `,"${part}":${this.#sealed(part, json)}` : ''
    return `${value},"${part}Size":${size}`
  }

  #log(): string {
    const lines = this.#lines.slice(-this.#keeper.kept.logLines)
    const dropped = this.#dropped + this.#lines.length - lines.length
    return `{"lines":[${lines.join()}]${dropped > 0 ? `,"dropped":${dropped}` : ''}}`
  }

  #sealed(part: HistoryPart, json: string): string {
    const { values } = this.#keeper
    return values.sealed(json, values.encodes ? placeOfHistory(this.#job.runId, this.#path, part) : NOWHERE)
  }
}

function errorOf(error: unknown, nodeId: string): StoredError | undefined {
  if (error === undefined) return undefined
  const stack = placeOfError(error)
  return { message: describeError(error, nodeId), ...(stack !== undefined && { stack }) }
}

function lineText(level: LogLevel, message: string, { fields, ms }: { fields: unknown; ms: number }): string {
  const text = textOf(message)
  const short = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)} …` : text
  const known = fieldsText(fields)
  const more = known === undefined ? '' : `,"fields":${known}`
  return `{"ms":${Math.round(ms)},"level":"${level}","message":${JSON.stringify(short)}${more}}`
}

/** The fields of a line as JSON; none where there are none, or JSON does not hold them, or they are too large. */
function fieldsText(fields: unknown): string | undefined {
  try {
    const text = fields === undefined ? undefined : JSON.stringify(fields, shown)
    return text !== undefined && text !== '{}' && text.length <= LONGEST_LINE ? text : undefined
  } catch {
    return undefined
  }
}

/** What JSON would hide of a field, or refuse. */
function shown(_: string, value: unknown): unknown {
  if (value instanceof Error) return textOf(value)
  return typeof value === 'bigint' ? String(value) : value
}

function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed())
}
