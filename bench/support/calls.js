// What an application calls, timed: a start of many runs, and a wait for the result of one.
import { summary } from './statistics.js'

const CONTEXT = { amount: 42, currency: 'EUR' }

/** Starts many at a time, again and again; how many a second. */
async function startMany(caller, { name, runs, repeat }) {
  const rates = []
  for (let turn = 0; turn <= repeat; turn += 1) {
    const ids = Array.from({ length: runs }, (_, n) => `${name}-${turn}-${n}`)
    const begin = performance.now()
    await caller.startMany(ids, CONTEXT)
    // The first one opens connections and finds its way.
    if (turn > 0) rates.push((runs * 1000) / (performance.now() - begin))
  }
  const there = await caller.count()
  if (there !== runs * (repeat + 1)) throw new Error(`${there} runs are there`)
  return { startsPerSecond: summary(rates).median }
}

/** Waits for runs, one after the other; how long after its commit a result comes. */
async function wait(caller, { name, runs }) {
  const times = []
  for (let n = 0; n < runs; n += 1) times.push(await caller.wait(`${name}-${n}`))
  return { waitMs: summary(times.slice(Math.ceil(runs / 10))).median }
}

/** The calls, by the `call` of a shape. */
export const CALLS = { 'start-many': startMany, wait }
