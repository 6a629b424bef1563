/** How limits by key stand, as the engine says it. */
import { fromJson } from '../bridge/json.js'
import type { ClientHost } from './host.js'

/** A key of a limit: how much of it is used, and who waits. */
export interface LimitUse {
  /** The name of the limit, or what it became for a value: `tenant:42`. */
  key: string
  /** How many executions go on under it. */
  inUse: number
  /** How many may; absent where the limit does not say. */
  concurrency?: number
  /** How many have started within the time of its rate, and how many may; absent where it has none. */
  rate?: { used: number; count: number; perMs: number }
  /** How many jobs wait for it. */
  waiting: number
  /** Until when nothing starts under it; absent where it is not paused. */
  pausedUntil?: Date
}

export async function limitsOf({ engine, answer }: ClientHost): Promise<LimitUse[]> {
  const told = fromJson(await answer(engine.limits())) as (LimitUse & { pausedFor: number })[]
  return told.map(({ pausedFor, ...use }) => ({
    ...use,
    ...(pausedFor > 0 && { pausedUntil: new Date(Date.now() + pausedFor) }),
  }))
}
