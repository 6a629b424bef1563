/** Waiting for a run's end. Those who ask PostgreSQL at a time share a query. */
import type { WorkflowResult } from 'flowcraft'
import { fromJson } from '../bridge/json.js'
import { placeOf } from '../bridge/places.js'
import { hasEnvelope } from '../bridge/sealing.js'
import { errorOf, mistake, type NodeFailure, RunFailedError } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import { goesOn } from './description.js'
import type { ClientHost } from './host.js'
import { Pace } from './pace.js'

/** How a result is waited for. */
export interface ResultOptions {
  /** How long to wait, in milliseconds. Default: for as long as it takes. */
  timeoutMs?: number
  /** Gives up the wait, with the signal's own reason; the run goes on. */
  signal?: AbortSignal
}

const OF_RESULT: Names<ResultOptions> = { timeoutMs: true, signal: true }

/** How a run stands, as the engine says it. */
interface Outcome {
  status: string
  payload?: WorkflowResult
  reason?: string
  errors?: NodeFailure[]
}

const CODES = { failed: 'RUN_FAILED', cancelled: 'RUN_CANCELLED' } as const

/** The result of a run, once it is over. */
export async function resultOf(host: ClientHost, runId: string, options: ResultOptions): Promise<WorkflowResult> {
  const { timeoutMs = Number.POSITIVE_INFINITY, signal } = callOptions('run.result', OF_RESULT, options)
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw mistake('INVALID_ARGUMENT', 'timeoutMs is a number of milliseconds, 0 or more')
  }
  const deadline = performance.now() + timeoutMs
  const pace = new Pace(host, runId, signal)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const outcome = fromJson(await host.answer(host.engine.outcome(runId))) as Outcome
      if (!goesOn(outcome.status)) return ended(outcome, runId, host.values)
      const left = deadline - performance.now()
      if (left <= 0) {
        const message = `Waiting for the result (run '${runId}'): the run is ${outcome.status} after ${timeoutMs} ms`
        throw errorOf(message, { code: 'RESULT_TIMEOUT', retryable: true, runId })
      }
      await pace.next(left)
    }
  } finally {
    pace.close()
  }
}

function ended(
  { status, payload, reason = '', errors = [] }: Outcome,
  runId: string,
  values: ClientHost['values'],
): WorkflowResult {
  if (status === 'completed' && payload) {
    return completed(payload, runId, values)
  }
  const code = CODES[status as keyof typeof CODES] ?? 'RUN_STALLED'
  const why = reason === '' ? '' : `: ${reason}`
  throw new RunFailedError(`Run '${runId}' is ${status}${why}`, { code, runId, reason, nodeErrors: errors })
}

/** The result of a completed run. The text of its whole context is made anew where that holds envelopes. */
function completed(payload: WorkflowResult, runId: string, values: ClientHost['values']): WorkflowResult {
  const stored = payload.context as Record<string, unknown>
  const context = values.seenContext(stored, (key) => placeOf(runId, key))
  if (!Object.values(stored).some(hasEnvelope)) return { ...payload, context }
  return { ...payload, context, serializedContext: values.serialized(context) }
}
