/** Dead letters: messages that could not be processed, as `listDeadLetters` shows them. */
import type { NativeDeadLetter } from './native.js'

/** A message in `<queue>.dead`. */
export interface DeadLetter {
  /** To choose it by in `replayDeadLetters`; absent where somebody else put it there. */
  id?: string
  /** Why it could not be processed. */
  reason?: string
  /** Since when it is there. */
  time?: Date
  /** The worker that put it there. */
  worker?: string
  /** The message as it was; bytes that are not UTF-8 are replaced. */
  body: string
  /** The job it asked for, where it is one. */
  job?: { runId: string; blueprintId: string; nodeId: string }
}

/** A dead letter as the engine knows it, for users. */
export function deadLetterOf(letter: NativeDeadLetter): DeadLetter {
  const { id, reason, time, worker, body, runId, blueprintId, nodeId } = letter
  return {
    ...(id != null && { id }),
    ...(reason != null && { reason }),
    ...(time != null && { time: new Date(time) }),
    ...(worker != null && { worker }),
    body,
    ...(runId != null && blueprintId != null && nodeId != null && { job: { runId, blueprintId, nodeId } }),
  }
}
