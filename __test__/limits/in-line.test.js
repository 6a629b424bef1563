// What a node waits for in the line of its limit is told by describe().
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RetryAfter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { limited, namesUnder, workersFor } from './support.js'

const ENDS = { timeoutMs: 30_000 }

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const named = namesUnder(() => `${servers.name}-told`)

/** The wait of a node of a run, once it is told. */
async function waitOf(run, nodeId = 'work') {
  const found = await until(
    async () => (await run.describe()).nodes.find((node) => node.nodeId === nodeId)?.waitsForLimit,
  )
  assert.ok(Math.abs(found.since - Date.now()) < 30_000 && found.until >= found.since, JSON.stringify(found))
  return found
}

describe('a node that waits for its limit', () => {
  it('says for a place of which key, since when, and no more once it has its turn', async (t) => {
    const limit = named()
    const { promise: held, resolve: free } = deferred()
    t.after(free)
    const flow = limited('held', `${limit}:\${customer}`, async () => {
      await held
      return {}
    })
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 1 } } }, 1)
    const client = clientFor(t, servers, flow)
    const start = () => client.start('held', { context: { customer: 42 } })
    const first = await start()
    await until(async () => (await first.describe()).nodes[0]?.state === 'due')
    const second = await start()
    const waiting = await until(async () => {
      const both = await Promise.all([first, second].map((run) => run.describe()))
      return both.map(({ nodes }) => nodes[0].waitsForLimit).find(Boolean)
    })
    const { since, until: until_, ...wait } = waiting
    assert.deepEqual(wait, { limit, key: `${limit}:42`, why: 'concurrency' })
    // It asks again and again, and has stood there since the first time.
    const later = await until(async () => {
      const both = await Promise.all([first, second].map((run) => run.describe()))
      const now = both.map(({ nodes }) => nodes[0].waitsForLimit).find(Boolean)
      return now && now.until > until_ && now
    })
    assert.deepEqual(later.since, since)
    free()
    await Promise.all([first.result(ENDS), second.result(ENDS)])
    for (const run of [first, second]) assert.equal((await run.describe()).nodes[0].waitsForLimit, undefined)
  })

  it('says that it waits for its rate, and until when', async (t) => {
    const limit = named()
    const flow = limited('rated', limit, async () => ({}))
    await workersFor(t, servers, flow, { limits: { [limit]: { rate: { count: 1, perMs: 60_000 } } } }, 1)
    const client = clientFor(t, servers, flow)
    const first = await client.start('rated')
    await first.result(ENDS)
    const second = await client.start('rated')
    const { why, key, until: turn } = await waitOf(second)
    assert.deepEqual([why, key], ['rate', limit])
    assert.ok(turn - Date.now() > 30_000 && turn - Date.now() <= 61_000, `${turn}`)
    await second.cancel()
    assert.equal((await second.describe()).nodes[0].waitsForLimit, undefined)
  })

  it('says that its key is paused', async (t) => {
    const limit = named()
    const flow = limited('pausing', limit, async ({ context }) => {
      if (await context.get('first')) throw new RetryAfter(20_000)
      return {}
    })
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 5 } } }, 1)
    const client = clientFor(t, servers, flow)
    const first = await client.start('pausing', { context: { first: true } })
    await until(async () => (await first.describe()).nodes[0]?.dueAt)
    const second = await client.start('pausing')
    assert.equal((await waitOf(second)).why, 'paused')
    await Promise.all([first.cancel(), second.cancel()])
  })

  it("says that it waits for its run's own concurrency", async (t) => {
    const { promise: held, resolve: free } = deferred()
    t.after(free)
    const work = async () => {
      await held
      return {}
    }
    const flow = createFlow('pair').node('one', work).node('other', work)
    await workersFor(t, servers, flow, {}, 1)
    const client = clientFor(t, servers, flow)
    const run = await client.start('pair', { concurrency: 1 })
    const told = await until(async () => (await run.describe()).nodes.find(({ waitsForLimit }) => waitsForLimit))
    assert.deepEqual(Object.keys(told.waitsForLimit), ['why', 'since', 'until'])
    assert.equal(told.waitsForLimit.why, 'concurrency')
    free()
    await run.result(ENDS)
  })
})
