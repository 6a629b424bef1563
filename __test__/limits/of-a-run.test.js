// A run that was started with a concurrency: so many of its nodes are executed at a time, on all workers together.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import Redis from 'ioredis'
import { clientFor } from '../client/support/clients.js'
import { ownStore } from '../client/support/progress.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { mostAtATime, timing, workersFor } from './support.js'

const ENDS = { timeoutMs: 30_000 }

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A node that leads to `width` others, which take their time, and when each was executed, by its run. */
function fan(width, ms) {
  const { work, spans } = timing(ms, ({ dependencies: { job } }) => ({ runId: job.runId }))
  let flow = createFlow('fan').node('begin', async () => ({}))
  for (let n = 0; n < width; n += 1) flow = flow.node(`n${n}`, work).edge('begin', `n${n}`)
  return { flow, spans }
}

/** Three workers on a fresh queue, and a client. */
async function fleet(t, flow, options = {}) {
  await workersFor(t, servers, flow, options)
  return clientFor(t, servers, flow)
}

describe('a run with a concurrency', () => {
  it('has so many of its nodes executed at a time on three workers, and others as many as ever', async (t) => {
    const { flow, spans } = fan(12, 100)
    const client = await fleet(t, flow)
    const [limited, free] = await Promise.all([client.start('fan', { concurrency: 3 }), client.start('fan')])
    assert.equal((await limited.describe()).concurrency, 3)
    assert.equal('concurrency' in (await free.describe()), false)
    await Promise.all([limited.result(ENDS), free.result(ENDS)])
    const of = ({ runId }) => spans.filter((span) => span.runId === runId)
    assert.deepEqual([of(limited).length, of(free).length], [12, 12])
    assert.equal(mostAtATime(of(limited)), 3)
    assert.ok(mostAtATime(of(free)) > 3)
  })

  it('goes on by the same number where it is retried, and each of many has its own', async (t) => {
    const { flow, spans } = fan(6, 50)
    let fails = true
    const mended = flow.node('end', async () => {
      if (fails) throw new Error('not yet')
      return {}
    })
    for (let n = 0; n < 6; n += 1) mended.edge(`n${n}`, 'end')
    const client = await fleet(t, mended)
    const runs = await client.startMany('fan', [{ concurrency: 2 }, { concurrency: 1 }])
    await Promise.all(runs.map((run) => assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })))
    fails = false
    await Promise.all(runs.map((run) => run.retry()))
    await Promise.all(runs.map((run) => run.result(ENDS)))
    const most = runs.map(({ runId }) => mostAtATime(spans.filter((span) => span.runId === runId)))
    assert.deepEqual(most, [2, 1])
  })

  it('executes a chain without a break: the next node finds the place of the one before it', async (t) => {
    let flow = createFlow('chain').node('n0', async () => ({}))
    for (let n = 1; n < 20; n += 1) flow = flow.node(`n${n}`, async () => ({})).edge(`n${n - 1}`, `n${n}`)
    const client = await fleet(t, flow)
    const took = async (options) => {
      const begun = performance.now()
      await (await client.start('chain', options)).result(ENDS)
      return performance.now() - begun
    }
    await took({})
    const [free, limited] = [await took({}), await took({ concurrency: 1 })]
    t.diagnostic(`20 nodes in a chain: ${Math.round(free)} ms, one at a time: ${Math.round(limited)} ms`)
    // Each wait for a place would take 100 ms at least.
    assert.ok(limited - free < 1_000, `${limited} ms`)
  })

  it('goes on with its other nodes while one waits for a limit of its own', async (t) => {
    const limit = `${servers.name}-slow`
    const { promise, resolve } = deferred()
    const holder = createFlow('holder').node('holds', () => promise, { config: { limit } })
    const waiter = createFlow('waiter')
      .node('begin', async () => ({}))
      .node('waits', async () => ({}), { config: { limit } })
      .node('free', async () => ({ output: 'free' }))
      .edge('begin', 'waits')
      .edge('begin', 'free')
    const client = await fleet(t, [holder, waiter], { limits: { [limit]: { concurrency: 1 } } })
    const first = await client.start('holder')
    const state = async (run, nodeId) => (await run.describe()).nodes.find((node) => node.nodeId === nodeId)
    await until(async () => (await state(first, 'holds'))?.state === 'due')
    await sleep(200)
    const second = await client.start('waiter', { concurrency: 1 })
    await until(async () => (await state(second, 'free'))?.state === 'done')
    assert.equal((await state(second, 'waits')).state, 'due')
    resolve({})
    await Promise.all([first.result(ENDS), second.result(ENDS)])
  })

  it('leaves nothing in Redis once it is removed', onServers('keys of Redis'), async (t) => {
    const { flow } = fan(4, 20)
    const client = await fleet(t, flow)
    const run = await client.start('fan', { concurrency: 1 })
    await run.result(ENDS)
    const redis = new Redis(urls.redis)
    t.after(() => redis.disconnect())
    const kept = () => redis.keys(`flowcraft:limit:{@run:${run.runId}}:*`)
    assert.notDeepEqual(await kept(), [])
    await run.delete()
    assert.deepEqual(await kept(), [])
  })

  it('has none on a worker whose store keeps no limits, and its log says so once', async (t) => {
    const { flow, spans } = fan(4, 300)
    const warnings = []
    const logger = { debug() {}, info() {}, warn: (words) => warnings.push(words), error() {} }
    await workersFor(t, servers, flow, { coordinationStore: ownStore(), runtime: { logger } }, 1)
    const client = clientFor(t, servers, flow)
    const run = await client.start('fan', { concurrency: 1 })
    await run.result(ENDS)
    assert.ok(mostAtATime(spans) > 1)
    const said = warnings.filter((words) => words.includes('its coordination store keeps no limits'))
    assert.equal(said.length, 1)
  })

  it('takes a whole number from 1 to 100000', async (t) => {
    const { flow } = fan(1, 0)
    const client = clientFor(t, servers, flow)
    for (const concurrency of [0, -1, 1.5, 100_001, '2', null]) {
      await assert.rejects(client.start('fan', { concurrency }), { code: 'INVALID_ARGUMENT' })
    }
  })
})
