// What is paused is taken for lost by nothing that looks for lost jobs, and is found where it was left.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'
import { byNumber, consumersOf, counting, gated, HEARD, numbered } from './support/pausing.js'

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.migrate()
})
after(() => servers.close())

const ENDS = { timeoutMs: 30_000 }

describe('beside recovery', () => {
  it('a run is left alone by recovery, also once its worker is gone', async (t) => {
    const { flow, begun, open, executed } = gated('left')
    const adapter = await servers.workerFor(t, flow, { repairInterval: 200, leaseSeconds: 1 })
    const client = clientFor(t, servers, flow)
    const run = await client.start('left', { context: { word: 'on' } })
    await begun
    await run.pause()
    open()
    await until(async () => (await run.describe()).nodes.length === 2)
    await adapter.stop()
    const another = servers.adapter(flow, { repairInterval: 200, leaseSeconds: 1 })
    t.after(() => another.stop())
    // A run counts as stale after five seconds, and is looked at twice.
    await sleep(7_000)
    assert.deepEqual(executed, ['first'])
    await run.unpause()
    await run.result(ENDS)
    assert.deepEqual(executed, ['first', 'second'])
  })

  it('a queue is paused for workers that start later, and while a node takes long', async (t) => {
    const { flow, begun, open, executed } = gated('long')
    const adapter = await servers.workerFor(t, flow)
    const client = clientFor(t, servers, flow)
    const { queue } = servers
    const run = await client.start('long', { context: { word: 'on' } })
    await begun
    await client.pause({ queue })
    await until(async () => (await consumersOf(client, queue)) === 0, { what: 'no consumer' })
    const later = servers.adapter(flow)
    t.after(() => later.stop())
    await sleep(HEARD)
    assert.equal(await consumersOf(client, queue), 0)
    open()
    await until(async () => (await run.describe()).nodes.length === 2)
    await sleep(500)
    assert.deepEqual(executed, ['first'], 'the worker does not go on with what waits in the queue')
    await client.unpause({ queue })
    await run.result(ENDS)
    assert.deepEqual(executed, ['first', 'second'])
    await adapter.stop()
  })

  it('a blueprint executes nothing, whatever starts, and goes on where each run was', async (t) => {
    const executed = []
    const [held, other] = [counting('stilled', executed), counting('lively', executed)]
    await servers.workerFor(t, [held, other], { repairInterval: 200, leaseSeconds: 1 })
    const client = clientFor(t, servers, [held, other])
    await client.pause({ blueprintId: 'stilled' })
    await sleep(HEARD)
    const runs = await client.startMany('stilled', numbered(20))
    const [paused] = runs
    await paused.pause()
    const [free] = await client.startMany('lively', [{ context: { n: 100 } }])
    await free.result(ENDS)
    // Recovery takes none of them for lost.
    await sleep(7_000)
    assert.deepEqual(executed, [100])
    assert.equal(await client.unpause({ blueprintId: 'stilled' }), true)
    for (const run of runs.slice(1)) await run.result(ENDS)
    assert.equal(executed.length, 20, 'a run that is paused itself stays so')
    await paused.unpause()
    await paused.result(ENDS)
    assert.deepEqual(executed.sort(byNumber), [...numbered(20).map(({ context }) => context.n), 100])
  })

  it('a blueprint that went on while nothing published its jobs is found by recovery', async (t) => {
    const executed = []
    const flow = counting('forgotten', executed)
    await servers.workerFor(t, flow, { repairInterval: 200, leaseSeconds: 1 })
    const client = clientFor(t, servers, flow)
    await client.pause({ blueprintId: 'forgotten' })
    await sleep(HEARD)
    const run = await client.start('forgotten', { context: { n: 1 } })
    await sleep(1_000)
    const dying = client.unpause({ blueprintId: 'forgotten' })
    await until(async () => (await client.paused()).length === 0)
    await client.close()
    await dying.catch(() => {})
    await clientFor(t, servers).run(run.runId).result(ENDS)
    assert.deepEqual(executed, [1])
  })
})

describe('over a live connection', onServers('amqplib connects to RabbitMQ'), () => {
  it('a queue is paused again and again while a node takes long, and no channel is left', async (t) => {
    const connection = await amqplib.connect(urls.amqp)
    const channels = watchChannels(connection)
    t.after(() => connection.close())
    const { flow, begun, open, executed } = gated('lively')
    const short = counting('short', executed)
    await servers.freshQueue()
    const adapter = servers.adapter([flow, short], { amqpConnection: connection, concurrency: 3 })
    t.after(() => adapter.stop())
    await adapter.ready()
    const [client, { queue }] = [clientFor(t, servers, [flow, short]), servers]
    const long = await client.start('lively', { context: { word: 'on' } })
    await begun
    for (let round = 1; round <= 2; round++) {
      await client.pause({ queue })
      await until(async () => (await consumersOf(client, queue)) === 0, { what: 'no consumer' })
      const { warnings, ready } = adapter.health()
      assert.deepEqual([ready, warnings.map(({ code }) => code)], [true, ['PAUSED']])
      const run = await client.start('short', { context: { n: round } })
      await client.unpause({ queue })
      await run.result(ENDS)
      assert.equal(await consumersOf(client, queue), 1)
    }
    const before = channels.open()
    open()
    await long.result(ENDS)
    assert.deepEqual(executed, ['first', 1, 2, 'second'])
    await until(() => channels.open() < before, { what: 'the channel of the first consumer is closed' })
    assert.equal(await consumersOf(client, queue), 1, 'the consumer that came last is not lost with it')
  })
})

/** How many channels of a connection are open. */
function watchChannels(connection) {
  let open = 0
  const create = connection.createChannel.bind(connection)
  connection.createChannel = async () => {
    const channel = await create()
    open += 1
    channel.once('close', () => {
      open -= 1
    })
    return channel
  }
  return { open: () => open }
}

describe('a worker that starts while its queue is paused', () => {
  it('is ready, with a warning, and takes jobs once the queue goes on', async (t) => {
    const executed = []
    const flow = counting('late', executed)
    await servers.freshQueue()
    const client = clientFor(t, servers, flow)
    const { queue } = servers
    await client.pause({ queue })
    const adapter = servers.adapter(flow)
    t.after(() => adapter.stop())
    await adapter.ready({ timeoutMs: 10_000 })
    const [warning] = adapter.health().warnings
    assert.deepEqual([warning.code, warning.queue], ['PAUSED', queue])
    const run = await client.start('late', { context: { n: 1 } })
    await client.unpause({ queue })
    await run.result(ENDS)
    await until(() => adapter.health().warnings.length === 0)
  })
})
