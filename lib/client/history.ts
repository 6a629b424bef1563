/** The history of a run: every attempt at its nodes, as workers with the option `history` have kept it. */
import { fromJson } from '../bridge/json.js'
import { isEncrypted } from '../bridge/sealing.js'
import type { Values } from '../bridge/values.js'
import { mistake } from '../errors.js'
import {
  type HistoryPart,
  type LogLevel,
  placeOfHistory,
  type StoredError,
  type StoredLog,
} from '../execution/job-history.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { ClientHost } from './host.js'
import { cursorOf, pageCursor } from './paging.js'

/** Which attempts of a run to read. */
export interface RunHistoryOptions {
  /** At this node alone, by its place in the run. Default: at every node. */
  nodeId?: string
  /** How many at most, from 1 to 1,000. Default: 100. */
  limit?: number
  /** The `cursor` of the page before. Default: the first page. */
  cursor?: string
}

/** Attempts at the nodes of a run, the one that ended last first. */
export interface RunHistory {
  attempts: NodeAttempt[]
  /** Where the next page begins, with earlier ones; absent where this is the last one. */
  cursor?: string
}

/** An attempt at a node that was answered. What cannot be read here is `[encrypted]`. */
export interface NodeAttempt {
  /** The node, by its place in the run: inside a subflow `container/node`. */
  nodeId: string
  /** Which execution of the node it was, from 1. */
  execution: number
  /** Which attempt of that execution it was, from 1. */
  attempt: number
  /**
   * What it came to: `retried` where it failed and another attempt followed, `postponed` where it asked to run again later, `awaiting`
   * where it paused, or began a subflow.
   */
  outcome: 'done' | 'failed' | 'retried' | 'postponed' | 'awaiting'
  /** When it began and ended, by PostgreSQL's clock. */
  startedAt: Date
  endedAt: Date
  /** The worker that made it, by the `id` that `client.workers()` has for it. */
  worker: string
  /** What went into it; absent where that was nothing, or is larger than what the worker keeps. */
  input?: unknown
  /** The size of its input, in bytes of JSON; absent where there was none. */
  inputBytes?: number
  /** What came out; absent where that was nothing, or is larger than what the worker keeps. */
  output?: unknown
  /** The size of its output, in bytes of JSON; absent where there was none. */
  outputBytes?: number
  /** Why it failed; also where the `fallback` of its class took the place of the error. */
  error?: { message: string; stack?: string }
  /** What it logged through `dependencies.job.logger`: the last lines. */
  log?: LogLine[]
  /** How many lines came before those, and were not kept. */
  droppedLines?: number
}

/** A line that a node logged. */
export interface LogLine {
  at: Date
  level: LogLevel
  message: string
  /** What the node gave beside the message; absent where that was nothing, is too large, or cannot be shown. */
  fields?: unknown
}

const OF_HISTORY: Names<RunHistoryOptions> = { nodeId: true, limit: true, cursor: true }
const ORDER = 'history'
const PLACE = /^\d{1,16},\d{1,15}$/
const HIDDEN = '[encrypted]'

type Told = Omit<NodeAttempt, 'nodeId' | 'startedAt' | 'endedAt' | 'error' | 'log' | 'droppedLines'> & {
  path: string
  startedAt: number
  endedAt: number
  place: [ended: string, number: string]
  inputSize?: number
  outputSize?: number
  error?: unknown
  log?: unknown
}

/** A page of a run's history. */
export async function historyOf(host: ClientHost, runId: string, options: RunHistoryOptions): Promise<RunHistory> {
  const { nodeId, limit = 100, cursor } = callOptions('run.history', OF_HISTORY, options)
  const after = pageCursor(cursor, limit, ORDER)
  if (after !== undefined && !PLACE.test(after)) {
    throw mistake('INVALID_ARGUMENT', 'cursor is that of a page of a history')
  }
  const before = after === undefined ? '' : `,"before":[${after}]`
  const path = nodeId === undefined ? '' : `,"path":${JSON.stringify(nodeId)}`
  const request = `{"runId":${JSON.stringify(runId)}${path}${before},"limit":${limit}}`
  const told = fromJson(await host.answer(host.engine.history(request))) as Told[]
  const attempts = told.map((each) => attemptOf(each, runId, host.values))
  const last = told.length === limit ? told.at(-1) : undefined
  return last ? { attempts, cursor: cursorOf(ORDER, last.place.join()) } : { attempts }
}

function attemptOf(told: Told, runId: string, values: Values): NodeAttempt {
  const { path, startedAt, endedAt, place: _, inputSize, outputSize, input, output, error, log, ...attempt } = told
  const read = (part: HistoryPart, stored: unknown) => readable(stored, { runId, path, part }, values)
  const began = new Date(startedAt)
  return {
    nodeId: path,
    ...attempt,
    startedAt: began,
    endedAt: new Date(endedAt),
    ...(input !== undefined && { input: read('input', input) }),
    ...(inputSize !== undefined && { inputBytes: inputSize }),
    ...(output !== undefined && { output: read('output', output) }),
    ...(outputSize !== undefined && { outputBytes: outputSize }),
    ...(error !== undefined && { error: errorOf(read('error', error)) }),
    ...(log !== undefined && linesOf(read('log', log), began)),
  }
}

function errorOf(read: unknown): StoredError {
  return read === HIDDEN ? { message: HIDDEN } : (read as StoredError)
}

function linesOf(read: unknown, began: Date): Pick<NodeAttempt, 'log' | 'droppedLines'> {
  if (read === HIDDEN) return { log: [{ at: began, level: 'info', message: HIDDEN }] }
  const { lines, dropped } = read as StoredLog
  const log = lines.map(({ ms, ...line }) => ({ at: new Date(began.getTime() + ms), ...line }))
  return { log, ...(dropped !== undefined && { droppedLines: dropped }) }
}

function readable(
  stored: unknown,
  { runId, path, part }: { runId: string; path: string; part: HistoryPart },
  values: Values,
): unknown {
  if (!values.encodes && isEncrypted(stored)) return HIDDEN
  try {
    return values.ofStored(stored, placeOfHistory(runId, path, part))
  } catch {
    return HIDDEN
  }
}
