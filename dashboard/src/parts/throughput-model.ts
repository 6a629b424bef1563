/** The bars of the throughput: a step of time each. Pure. */
import type { Json, Throughput } from '../api.js'

export const ENDS = ['completed', 'failed', 'cancelled'] as const
export type End = (typeof ENDS)[number]

export interface Bar {
  /** When its step begins, in milliseconds since 1970. */
  from: number
  counts: Record<End, number>
  /** All of them. */
  sum: number
}

/** Every step of the span, the oldest first, also those in which no run ended; of one blueprint or queue, or of all. */
export function barsOf({ withinMs, stepMs, at, ended }: Json<Throughput>, name?: string): Bar[] {
  const first = Math.floor((at - withinMs) / stepMs) * stepMs
  // The record's clock may be ahead of this one.
  const last = Math.max(Math.floor(at / stepMs) * stepMs, ...ended.map(({ from }) => Date.parse(from)))
  const bars = new Map<number, Bar>()
  for (let from = first; from <= last; from += stepMs) {
    bars.set(from, { from, counts: { completed: 0, failed: 0, cancelled: 0 }, sum: 0 })
  }
  for (const { from, status, blueprintId, queue, count } of ended) {
    const bar = bars.get(Date.parse(from))
    if (!bar || (name !== undefined && (queue ?? blueprintId) !== name)) continue
    bar.counts[status] += count
    bar.sum += count
  }
  return [...bars.values()]
}

/** How many ended in all of them. */
export function totalOf(bars: readonly Bar[], end: End): number {
  return bars.reduce((sum, { counts }) => sum + counts[end], 0)
}

/** The blueprints, or queues, that runs ended of. */
export function namesOf({ ended }: Json<Throughput>): string[] {
  return [...new Set(ended.flatMap(({ blueprintId, queue }) => queue ?? blueprintId ?? []))].sort()
}
