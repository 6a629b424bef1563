/** Dead letters: messages that could not be processed, as `listDeadLetters` shows them. */

import type { NativeDeadLetter } from '../bridge/native.js'
import { callOptions } from '../options/call-options.js'
import { kind, wholeNumber } from '../options/kinds.js'

/** More than a queue can hold. */
export const ALL = 2 ** 31

/** A message in `<queue>.dead`. */
export interface DeadLetter {
  /** The queue it was in before, and is put back into. */
  queue: string
  /** To choose it by in `replayDeadLetters`. Of letters that somebody else put there, equal ones have the same. */
  id: string
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
  const { queue, id, reason, time, worker, body, runId, blueprintId, nodeId } = letter
  return {
    queue,
    id,
    ...(reason != null && { reason }),
    ...(time != null && { time: new Date(time) }),
    ...(worker != null && { worker }),
    body,
    ...(runId != null && blueprintId != null && nodeId != null && { job: { runId, blueprintId, nodeId } }),
  }
}

const LIMIT = wholeNumber({ from: 1, to: ALL })
const IDS = kind<string[]>(
  "an array of dead letters' ids",
  (ids) => Array.isArray(ids) && ids.every((id) => typeof id === 'string'),
)

/** How many dead letters `listDeadLetters` is asked for. */
export function limitToList(options: { limit?: number }): number {
  const { limit = 100 } = callOptions('adapter.listDeadLetters', { limit: true }, options)
  return LIMIT.read(limit, 'limit')
}

/** Which dead letters `replayDeadLetters` is asked to put back, all where it names none; and how many at most. */
export function lettersToReplay(options: { ids?: string[]; limit?: number }): [string[] | undefined, number] {
  const { ids, limit = ALL } = callOptions('adapter.replayDeadLetters', { ids: true, limit: true }, options)
  return [ids === undefined ? undefined : IDS.read(ids, 'ids'), LIMIT.read(limit, 'limit')]
}
