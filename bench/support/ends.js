// Waiting for many runs to end without becoming a load of its own: one run is looked at until it has ended, and only
// then are the others.
import { setTimeout as sleep } from 'node:timers/promises'

/** How long between two looks, in milliseconds: the error of a time that is measured with it. */
const PAUSE = 4
/** Runs looked at in one question, once the first has ended. */
const PAGE = 100

/**
 * @param {string[]} runs
 * @param {(runs: string[]) => Promise<string[]>} ended which of these have ended
 * @param {() => string | undefined} failed why there is nothing left to wait for
 */
export async function untilEnded(runs, ended, failed) {
  const pending = [...runs]
  let look = 1
  while (pending.length > 0) {
    if (failed()) throw new Error(`The worker ${failed()}`)
    const page = pending.slice(-look)
    const done = new Set(await ended(page))
    if (done.size === page.length) {
      pending.length -= page.length
      look = PAGE
      continue
    }
    const open = page.filter((run) => !done.has(run))
    pending.splice(-page.length, page.length, ...open)
    look = 1
    await sleep(PAUSE)
  }
}
