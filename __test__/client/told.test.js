// Whoever waits for a run hears of its end at once: the workers tell of it over Redis.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { asking, clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]

/** How long after their node returned the results of runs were there that took so long that a look comes twice a second. */
async function delays(t, options) {
  const returned = new Map()
  const long = createFlow('long').node('works', async ({ context }) => {
    const { of } = await context.toJSON()
    await sleep(2_000 + 37 * of)
    returned.set(of, performance.now())
    return { output: of }
  })
  await servers.workerFor(t, long, { concurrency: 20 })
  const starting = clientFor(t, servers, long)
  const runs = await starting.startMany(
    'long',
    Array.from({ length: 15 }, (_, of) => ({ context: { of } })),
  )
  const client = clientFor(t, servers, undefined, options)
  const wait = async ({ runId }, of) => {
    await client.run(runId).result({ timeoutMs: 20_000 })
    return performance.now() - returned.get(of)
  }
  return Promise.all(runs.map(wait))
}

describe('a result', () => {
  it('is at its waiter a moment after its commit', async (t) => {
    const middle = median(await delays(t))
    t.diagnostic(`${middle.toFixed(1)} ms from the node's return, in the middle`)
    assert.ok(middle < 100, `${middle} ms`)
  })

  it('is found also by a client that hears nothing', async (t) => {
    const middle = median(await delays(t, { coordinationStore: undefined }))
    t.diagnostic(`${middle.toFixed(1)} ms from the node's return, in the middle`)
    assert.ok(middle < 1_000, `${middle} ms`)
  })
})

it('who watches a run hears of its pause and its end', async (t) => {
  await servers.workerFor(t, asking)
  const starting = clientFor(t, servers, asking)
  const { runId } = await starting.start('asking')
  await servers.settled(runId, ['awaiting'])
  const watching = starting.run(runId).watch()
  assert.equal((await watching.next()).value.status, 'awaiting')
  const next = watching.next()
  await sleep(3_000) // by now a look comes twice a second
  const asked = performance.now()
  await starting.run(runId).cancel('over')
  assert.equal((await next).value.status, 'cancelled')
  t.diagnostic(`${(performance.now() - asked).toFixed(1)} ms`)
})
