// An event bus or a logger of the user's that throws, or never answers, holds up no job and no stop.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { sharedServersFor } from '../fixtures/shared-servers.js'

const steps = createFlow('steps')
  .node('a', async () => ({ output: 1 }), { config: { maxRetries: 2, retryDelay: 1 } })
  .node('b', async () => ({ output: 2 }))
  .edge('a', 'b')
const failing = createFlow('failing').node('a', async () => {
  throw new Error('no')
})

const fail = () => {
  throw new Error('out of order')
}
const BUSES = {
  'that never answers': { emit: () => new Promise(() => {}) },
  'that throws': { emit: fail },
  'that rejects': { emit: async () => fail() },
}
const LOGGERS = {
  'that throws': { debug: fail, info: fail, warn: fail, error: fail },
  'whose methods are async and reject': Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [level, async () => fail()]),
  ),
}

/** Ten runs end as they should, and the worker stops at once. */
async function worksWith(t, options) {
  const servers = await sharedServersFor(t)
  const unhandled = []
  const note = (error) => unhandled.push(error)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const worker = servers.adapter([steps, failing], options)
  const runs = await Promise.all(Array.from({ length: 10 }, () => servers.begin(steps)))
  for (const run of runs) assert.equal((await servers.settled(run, undefined, 10_000)).status, 'completed')
  assert.equal((await servers.run(failing)).status, 'failed')
  const before = Date.now()
  await worker.stop()
  assert.ok(Date.now() - before < 3_000, `stop took ${Date.now() - before} ms`)
  assert.deepEqual(unhandled, [])
}

describe('an event bus', () => {
  for (const [what, eventBus] of Object.entries(BUSES)) {
    it(`${what} holds up nothing`, (t) => worksWith(t, { eventBus }))
    it(`of the runtime ${what} holds up nothing`, (t) => worksWith(t, { runtime: { eventBus } }))
  }
})

describe('a logger', () => {
  for (const [what, logger] of Object.entries(LOGGERS))
    it(`${what} holds up nothing`, (t) => worksWith(t, { runtime: { logger } }))
})
