// Nodes that kill their workers: they fail after a number of deaths, and nobody else does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { blueprints, flow, Supervised } from './support/poison.js'

const LONG = 90_000
const needsProcesses = onServers('processes of their own')

/** Begins so many runs of a flow. */
const begin = (servers, id, times = 1) =>
  Promise.all(
    Array.from({ length: times }, () => servers.begin(flow(id), {}, { starts: [blueprints[id].nodes[0].id] })),
  )

const failedBy = ({ status, result }, node) => {
  assert.equal(status, 'failed')
  assert.match(JSON.stringify(result), new RegExp(`NODE_KILLED_WORKERS.*'${node}'`))
}

describe('a node that kills its worker', needsProcesses, () => {
  it('fails after three deaths, and its twenty neighbours finish', async (t) => {
    const servers = await sharedServersFor(t)
    const [killer] = await begin(servers, 'killer')
    const healthy = await begin(servers, 'healthy', 20)
    const workers = new Supervised(t, servers)
    failedBy(await servers.settled(killer, undefined, LONG), 'kills')
    for (const run of healthy) assert.equal((await servers.settled(run, undefined, LONG)).status, 'completed')
    assert.equal(workers.deaths, 3)
  })

  it('among a hundred at a time: it alone fails, after three deaths', async (t) => {
    const servers = await sharedServersFor(t)
    const [killer] = await begin(servers, 'killer')
    const healthy = await begin(servers, 'healthy', 90)
    const workers = new Supervised(t, servers, { concurrency: 100 })
    failedBy(await servers.settled(killer, undefined, LONG), 'kills')
    for (const run of healthy) assert.equal((await servers.settled(run, undefined, LONG)).status, 'completed')
    assert.equal(workers.deaths, 3)
  })

  it('is replaced by its fallback, and the run goes on', async (t) => {
    const servers = await sharedServersFor(t)
    const [run] = await begin(servers, 'replaced')
    const workers = new Supervised(t, servers, { size: 1, maxDeaths: 2 })
    const { status, context } = await servers.settled(run, undefined, LONG)
    assert.deepEqual([status, context['_outputs.rescue'], context['_outputs.after']], ['completed', 'rescued', 'after'])
    assert.equal(workers.deaths, 2)
  })

  it('also where it ends its process in order, or its thread', async (t) => {
    for (const inThread of [false, true]) {
      const servers = await sharedServersFor(t)
      const [run] = await begin(servers, 'exits')
      const workers = new Supervised(t, servers, { size: 1, inThread })
      failedBy(await servers.settled(run, undefined, LONG), 'exits')
      assert.equal(workers.deaths, 3, `in a thread: ${inThread}`)
      await workers.stop()
    }
  })

  it('also where the queue loses its message first', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.channel.deleteQueue(servers.queue)
    const queue = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 }
    await servers.channel.assertQueue(servers.queue, { durable: true, arguments: queue })
    const [killer] = await begin(servers, 'killer')
    const healthy = await begin(servers, 'healthy', 5)
    const workers = new Supervised(t, servers, { queueType: 'quorum' })
    failedBy(await servers.settled(killer, undefined, LONG), 'kills')
    for (const run of healthy) assert.equal((await servers.settled(run, undefined, LONG)).status, 'completed')
    assert.equal(workers.deaths, 3)
  })

  it('never fails with maxDeaths 0', async (t) => {
    const servers = await sharedServersFor(t)
    const [run] = await begin(servers, 'killer')
    const workers = new Supervised(t, servers, { size: 1, maxDeaths: 0 })
    await until(() => workers.deaths > 4, { timeout: LONG, what: 'five deaths' })
    assert.equal((await servers.look(run)).status, 'running')
  })
})

describe('a node that kills nobody', needsProcesses, () => {
  it('is not blamed for a worker that is killed while its message only waits there', async (t) => {
    const servers = await sharedServersFor(t)
    const [killer] = await begin(servers, 'killer')
    const healthy = await begin(servers, 'healthy', 3)
    // One at a time: the others are delivered to nobody, or wait behind it.
    new Supervised(t, servers, { size: 1, concurrency: 1, maxDeaths: 1 })
    failedBy(await servers.settled(killer, undefined, LONG), 'kills')
    for (const run of healthy) assert.equal((await servers.settled(run, undefined, LONG)).status, 'completed')
  })
})
