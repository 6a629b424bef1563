/** A run's final result, between the engine and what a subclass may override. */
import type { ISerializer, WorkflowResult } from 'flowcraft'
import { fromJson, toJson } from '../bridge/json.js'
import { hasEnvelope } from '../bridge/sealing.js'
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
  { runId, status, reason, context: json }: { runId: string; status: string; reason: string; context: string },
  { values, serializer }: { values: Values; serializer: ISerializer },
): FinalResult {
  if (status !== 'completed') return { status: status as 'failed' | 'cancelled', reason }
  const context = values.ofContext(fromJson(json) as Record<string, unknown>, runId)
  return { status, payload: { context, serializedContext: serializer.serialize(context), status } }
}

/** The result as JSON, as the status table holds it. */
export function storedResult(runId: string, result: FinalResult, values: Values): string {
  const { payload } = result
  const context = payload?.context && values.ofStorable(payload.context, runId)
  const stored = context ? { ...result, payload: { ...payload, context, ...textOf(context) } } : result
  return toJson(stored, `The final result of run '${runId}'`) ?? 'null'
}

/** The text of a whole context holds its values once more: where any is in an envelope, all are as they are stored. */
function textOf(context: Record<string, unknown>): { serializedContext?: string } {
  return Object.values(context).some(hasEnvelope) ? { serializedContext: JSON.stringify(context) } : {}
}
