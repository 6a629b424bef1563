// What a person has paused: a run, a queue, a blueprint. Nothing of it starts until it is to go on, and nothing is lost.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, clientFor, failing, single } from './support/clients.js'
import { byNumber, consumersOf, counting, gated, numbered } from './support/pausing.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 30_000 }
describe('a paused run', () => {
  it('ends what it executes, starts nothing more, and goes on where it was', async (t) => {
    const { flow, begun, open, executed } = gated()
    await servers.workerFor(t, flow)
    const client = clientFor(t, servers, flow)
    const run = await client.start('gated', { context: { word: 'on' } })
    await begun
    const before = Date.now()
    assert.equal(await run.pause('the customer disputes it'), true)
    assert.equal(await run.pause('again'), false)
    open()
    const isDone = async () => (await run.describe()).nodes.find(({ nodeId }) => nodeId === 'first').state === 'done'
    await until(isDone)
    await sleep(500)
    const { status, paused, nodes } = await clientFor(t, servers).run(run.runId).describe()
    assert.deepEqual([status, paused.reason], ['running', 'the customer disputes it'])
    assert.ok(Math.abs(paused.since - before) < 10_000)
    assert.equal(nodes.find(({ nodeId }) => nodeId === 'second').state, 'due')
    assert.deepEqual(executed, ['first'])
    assert.equal(await run.unpause(), true)
    assert.equal(await run.unpause().catch(({ code }) => code), false)
    assert.equal((await run.result(ENDS)).context['_outputs.second'], 'on and on')
    assert.deepEqual(executed, ['first', 'second'])
    assert.equal((await run.describe()).paused, undefined)
  })

  it('hears events and resumes meanwhile, and its timers are not lost', async (t) => {
    const sleeping = createFlow('sleeping')
      .sleep('nap', { duration: 500 })
      .node('up', async () => ({ output: 'up' }))
    sleeping.edge('nap', 'up')
    await servers.workerFor(t, [asking, sleeping])
    const client = clientFor(t, servers, [asking, sleeping])
    const [waits, sleeps] = [await client.start('asking'), await client.start('sleeping')]
    for (const run of [waits, sleeps]) await until(async () => (await run.describe()).status === 'awaiting')
    for (const run of [waits, sleeps]) await run.pause()
    await waits.resume({ action: 'yes', output: 'granted' })
    await sleep(1_000)
    const nodes = async (run) =>
      Object.fromEntries((await run.describe()).nodes.map((node) => [node.nodeId, node.state]))
    assert.deepEqual(await nodes(waits), { approval: 'due', ask: 'done' })
    assert.deepEqual(await nodes(sleeps), { nap: 'awaiting' })
    for (const run of [waits, sleeps]) await run.unpause()
    assert.equal((await waits.result(ENDS)).context['_outputs.done'], 'granted')
    assert.equal((await sleeps.result(ENDS)).context['_outputs.up'], 'up')
  })

  it('may be cancelled, and fails when its time is over', async (t) => {
    const { flow, begun, open } = gated('limited')
    await servers.workerFor(t, flow, { repairInterval: 200 })
    const client = clientFor(t, servers, flow)
    const late = await client.start('limited', { context: { word: 'x' }, timeoutMs: 1_500 })
    await begun
    assert.ok((await late.describe()).deadline instanceof Date)
    await late.pause()
    const cancelled = await client.start('limited', { context: { word: 'x' } })
    await cancelled.pause()
    assert.equal(await cancelled.cancel(), true)
    await assert.rejects(cancelled.result(ENDS), { code: 'RUN_CANCELLED' })
    await assert.rejects(cancelled.unpause(), { code: 'RUN_ENDED' })
    await assert.rejects(late.result(ENDS), { code: 'RUN_FAILED' })
    assert.equal((await late.describe()).deadline, undefined)
    assert.equal((await late.describe()).paused, undefined)
    open()
  })

  it('is not paused where it is over, and goes on once it is retried', async (t) => {
    await servers.workerFor(t, failing, { repairInterval: 0 })
    const client = clientFor(t, servers, failing)
    const run = await client.start('failing')
    await run.result(ENDS).catch(() => {})
    await assert.rejects(run.pause(), { code: 'RUN_ENDED' })
    await run.retry()
    assert.equal((await run.result(ENDS)).status, 'completed')
  })

  it('starts once it is to, if it was paused before it began', async (t) => {
    const { queue } = servers
    const adapter = await servers.workerFor(t, single)
    const client = clientFor(t, servers, single)
    const run = await client.start('single', { startAt: Date.now() + 800 })
    assert.notEqual(servers.queue, queue)
    await run.pause()
    await sleep(1_300)
    assert.equal((await run.describe()).nodes[0].state, 'due')
    await run.unpause()
    await run.result(ENDS)
    assert.deepEqual(await adapter.listDeadLetters(), [])
  })

  it('is refused where there is none, and where the reason is no text', async (t) => {
    const client = clientFor(t, servers)
    for (const call of ['pause', 'unpause'])
      await assert.rejects(client.run('nowhere')[call](), { code: 'RUN_NOT_FOUND' })
    await assert.rejects(client.run('nowhere').pause(7), { code: 'INVALID_ARGUMENT' })
  })
})

describe('without the table of what is paused', () => {
  before(() => servers.migrate('down'))

  it('nothing can be paused for all, and the error says what to do', async (t) => {
    const client = clientFor(t, servers)
    assert.deepEqual(await client.paused(), [])
    for (const what of [{ queue: 'mails' }, { blueprintId: 'order' }]) {
      await assert.rejects(client.pause(what), { code: 'TABLE_MISSING', message: /step 8.*migrate up/ })
      await assert.rejects(client.unpause(what), { code: 'TABLE_MISSING' })
    }
  })
})

describe('a paused queue or blueprint', () => {
  before(() => servers.migrate())

  it('is listed once, since when and why', async (t) => {
    const client = clientFor(t, servers)
    assert.equal(await client.pause({ queue: 'mails', reason: 'the provider is down' }), true)
    assert.equal(await client.pause({ queue: 'mails', reason: 'again' }), false)
    assert.equal(await client.pause({ blueprintId: 'mails' }), true)
    const [blueprint, queue] = await client.paused()
    assert.deepEqual([blueprint.blueprintId, blueprint.reason], ['mails', undefined])
    assert.deepEqual([queue.queue, queue.reason], ['mails', 'the provider is down'])
    assert.ok(Math.abs(queue.since - Date.now()) < 10_000)
    assert.equal(await client.unpause({ queue: 'mails' }), true)
    assert.equal(await client.unpause({ queue: 'mails' }), false)
    assert.equal(await client.unpause({ blueprintId: 'mails' }), true)
    assert.deepEqual(await client.paused(), [])
    for (const what of [{}, { queue: '' }, { queue: 'a', blueprintId: 'b' }, { blueprintId: 7 }]) {
      await assert.rejects(client.pause(what), { code: 'INVALID_ARGUMENT' }, JSON.stringify(what))
    }
    await assert.rejects(client.pause({ queueName: 'a' }), { code: 'INVALID_ARGUMENT', message: /queue/ })
  })

  it('a queue keeps its jobs, and works them once it goes on; other queues go on all along', async (t) => {
    const executed = []
    const [held, other] = [counting('held', executed), counting('other', executed)]
    const otherQueue = `${servers.name}_other`
    const adapter = await servers.workerFor(t, [held, other], { queues: { other: otherQueue } })
    await adapter.ready()
    t.after(() => servers.deleteQueue(otherQueue))
    const client = clientFor(t, servers, [held, other], { queues: { other: otherQueue } })
    const { queue } = servers
    await client.pause({ queue })
    await until(async () => (await consumersOf(client, queue)) === 0, { what: 'no consumer' })
    const runs = await client.startMany('held', numbered(20))
    const [free] = await client.startMany('other', [{ context: { n: 100 } }])
    await free.result(ENDS)
    await sleep(500)
    assert.deepEqual(executed, [100])
    assert.equal(await client.unpause({ queue }), true)
    for (const run of runs) await run.result(ENDS)
    assert.deepEqual(executed.sort(byNumber), [...numbered(20).map(({ context }) => context.n), 100])
  })

  it('a worker stops while its queue is paused and a node takes long, and hands nothing on twice', async (t) => {
    const { flow, begun, open, executed } = gated('stopped')
    const adapter = await servers.workerFor(t, flow)
    const client = clientFor(t, servers, flow)
    const { queue } = servers
    const run = await client.start('stopped', { context: { word: 'on' } })
    await begun
    await client.pause({ queue })
    await until(async () => (await consumersOf(client, queue)) === 0, { what: 'no consumer' })
    const stopped = adapter.stop()
    open()
    await stopped
    await client.unpause({ queue })
    const another = servers.adapter(flow)
    t.after(() => another.stop())
    await run.result(ENDS)
    assert.deepEqual(executed, ['first', 'second'])
  })
})
