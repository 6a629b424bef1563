/** The timers of the process, as they are when this is loaded: a test may replace the global ones. */
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers'

const monotonic = performance.now.bind(performance)

/** How many turns of the event loop are waited for before a wait sleeps. */
const TURNS = 50

/** Milliseconds by a clock that only goes on. */
export function now(): number {
  return monotonic()
}

/** Waits for the next turn of the event loop, and after many of them for a millisecond. */
export function turn(count: number): Promise<void> {
  return new Promise((resolve) => {
    if (count < TURNS) setImmediate(resolve)
    else setTimeout(resolve, 1)
  })
}

/** Waits. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
