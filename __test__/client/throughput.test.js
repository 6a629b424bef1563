// Throughput as it is stored: it stays when runs are purged.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, clientFor, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.migrate()
})
after(() => servers.close())

const DAY = { withinMs: 86_400_000, stepMs: 86_400_000 }
const ALL = ['completed', 'failed', 'cancelled', 'started', 'nodes']

async function told(client, options) {
  const sums = {}
  for (const { status, blueprintId, queue, count } of await client.throughput({ ...DAY, ...options })) {
    const name = `${queue ?? blueprintId} ${status}`
    sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

describe('stored throughput', () => {
  it('counts what workers and clients did, by blueprint and by queue, also of runs that were purged', async (t) => {
    const adapter = await servers.workerFor(t, [single, asking])
    const client = clientFor(t, servers, [single, asking])
    const done = await client.startMany('single', [{}, {}, {}])
    await Promise.all(done.map((run) => run.result({ timeoutMs: 20_000 })))
    const cancelled = await client.start('asking')
    await servers.settled(cancelled.runId, ['awaiting'])
    await cancelled.cancel()
    await client.purge({ olderThan: 0 })
    assert.deepEqual(await client.counts(), [])
    // Its last counts are stored when it stops.
    await adapter.stop()
    const nodes = { 'single nodes': 3, 'asking nodes': 2 }
    const ends = { 'single completed': 3, 'asking cancelled': 1 }
    const all = { ...ends, ...nodes, 'single started': 3, 'asking started': 1 }
    await until(async () => Object.keys(await told(client, { outcomes: ALL })).length === 6)
    assert.deepEqual(await told(client, { outcomes: ALL }), all)
    assert.deepEqual(await told(client), ends)
    const byQueue = await told(client, { by: 'queue', outcomes: ALL })
    assert.deepEqual(
      Object.entries(byQueue)
        .map(([name, count]) => [name.split(' ').at(-1), count])
        .sort(),
      [
        ['cancelled', 1],
        ['completed', 3],
        ['nodes', 5],
        ['started', 4],
      ],
    )
    assert.ok(!Object.keys(byQueue).some((name) => name.startsWith('undefined')))
  })

  it('is read from the status rows where the table is taken away, and counted again once it is there', async (t) => {
    const own = await openSharedServers()
    t.after(() => own.close())
    await own.migrate('down')
    const adapter = await own.workerFor(t, single)
    const client = clientFor(t, own, single)
    await (await client.start('single')).result({ timeoutMs: 20_000 })
    assert.deepEqual(await told(client), { 'single completed': 1 })
    assert.deepEqual(Object.keys(await told(client, { by: 'queue' })), ['undefined completed'])
    await own.migrate()
    // What was counted before there was a table is stored with what comes then.
    await (await client.start('single')).result({ timeoutMs: 20_000 })
    await adapter.stop()
    const { 'single completed': count } = await told(client)
    assert.ok(count === 1 || count === 2, `${count}`)
  })
})
