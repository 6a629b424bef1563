/** A run's final result, between the engine and what a subclass may override. */
import type { ISerializer, WorkflowResult } from 'flowcraft'
import { fromJson, toJson } from '../bridge/json.js'
import type { Values } from '../bridge/values.js'

/** A run's final result, as it is stored in the status table. */
export interface FinalResult {
  status: 'completed' | 'failed' | 'cancelled'
  /** Of a completed run. */
  payload?: WorkflowResult
  /** Of a failed run, every error; of a cancelled one, why. */
  reason?: string
}

/** The result of a run that has ended, from what the engine tells. */
export function finalResult(
  { status, reason, context: json }: { status: string; reason: string; context: string },
  { values, serializer }: { values: Values; serializer: ISerializer },
): FinalResult {
  if (status !== 'completed') return { status: status as 'failed' | 'cancelled', reason }
  const context = values.ofContext(fromJson(json) as Record<string, unknown>)
  return { status, payload: { context, serializedContext: serializer.serialize(context), status } }
}

/** The result as JSON, as the status table holds it. */
export function storedResult(runId: string, result: FinalResult, values: Values): string {
  const what = `the final result of run '${runId}'`
  const { payload } = result
  const context = payload?.context && values.ofStorable(payload.context, what)
  const stored = context ? { ...result, payload: { ...payload, context } } : result
  return toJson(stored, `The${what.slice(3)}`) ?? 'null'
}
