// Every state a run can have when the fleet it was begun in gives way to another. `first` begins the run, `second` ends it.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../fixtures/until.js'
import { LEASE_SECONDS } from './scene.js'

const ONE_AT_A_TIME = { concurrency: 1 }
const ALL_FIRST = { start: 'first', end: 'second' }

/** Begins a run that pauses, and hands it over. */
async function paused(scene, flow) {
  await scene.first.start()
  const run = await scene.begin(flow)
  await scene.awaiting(run)
  await scene.first.stop()
  await scene.second.start()
  return run
}

/** Begins a run whose node waits at its gate, and hands it over while that node finishes. */
async function inTheMiddle(scene, flow, { node, step = node, times = 1 }) {
  await scene.first.start(ONE_AT_A_TIME)
  const run = await scene.begin(flow, { shut: [step] })
  await scene.executing(run, node, times)
  await scene.first.stop('SIGTERM', { open: [run, step] })
  await scene.second.start()
  return run
}

async function isCancelled(scene, run, by) {
  const { status, result } = await scene.servers.look(run)
  assert.deepEqual([status, result], ['cancelled', { status: 'cancelled', reason: 'not wanted' }])
  scene.executedBy(run, by)
  await scene.isOver(run)
}

/** @type {Record<string, (scene: import('./scene.js').Scene) => Promise<void>>} */
export const STATES = {
  async 'not begun: rows and a message'(scene) {
    const run = await scene.begin('chain', { message: false })
    await scene.first.call('enqueue', { runId: run, blueprintId: 'chain', nodeId: 'a' })
    await scene.second.start()
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'second', b: 'second', c: 'second', d: 'second' } })
  },

  async 'in the middle of a chain'(scene) {
    const run = await inTheMiddle(scene, 'chain', { node: 'b' })
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'first', b: 'first', c: 'second', d: 'second' } })
  },

  async 'half of a join has arrived'(scene) {
    const run = await inTheMiddle(scene, 'fan', { node: 'two' })
    const by = { start: 'first', one: 'first', two: 'first', three: 'second', four: 'second', sum: 'second' }
    await scene.completes(run, { end: 'sum', output: 'startone+starttwo+startthree+startfour', by })
  },

  async 'a node runs while its worker is killed'(scene) {
    await scene.first.start()
    const run = await scene.begin('chain', { shut: ['b'] })
    await scene.executing(run, 'b')
    await scene.first.stop('SIGKILL')
    scene.gates.open(run, 'b')
    await scene.second.start()
    const by = { a: 'first', b: ['first', 'second'], c: 'second', d: 'second' }
    await scene.completes(run, { end: 'd', output: 'abcd', by })
  },

  async 'a job that its queue has lost'(scene) {
    await scene.first.start(ONE_AT_A_TIME)
    const run = await scene.begin('chain', { shut: ['b'] })
    await scene.executing(run, 'b')
    await scene.first.stop('SIGTERM', { open: [run, 'b'] })
    const { channel, queue, pg, statusTable } = scene.servers
    await channel.purgeQueue(queue)
    await pg.query(`UPDATE ${statusTable} SET updated_at = now() - interval '1 minute' WHERE run_id = $1`, [run])
    await scene.second.start({ repairInterval: 500 })
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'first', b: 'first', c: 'second', d: 'second' } })
  },

  async 'a retry through the queue is pending'(scene) {
    await scene.first.start()
    const run = await scene.begin('retry')
    await scene.executing(run, 'flaky')
    await scene.first.stop()
    await scene.second.start()
    const by = { start: 'first', flaky: ['first', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: 'upend', by })
  },

  async 'a retry through the queue comes while the lease of the first attempt is just given up'(scene) {
    const run = await inTheMiddle(scene, 'soon', { node: 'flaky' })
    const by = { start: 'first', flaky: ['first', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: 'upend', by })
  },

  async 'a node runs for longer than its lease, and its message comes once more'(scene) {
    await scene.first.start(ONE_AT_A_TIME)
    const run = await scene.begin('chain', { shut: ['b'] })
    await scene.executing(run, 'b')
    await scene.second.start({ repairInterval: 300 })
    await scene.servers.send({ runId: run, blueprintId: 'chain', nodeId: 'b' })
    await sleep(2 * LEASE_SECONDS * 1000)
    await scene.first.stop('SIGTERM', { open: [run, 'b'] })
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'first', b: 'first', c: 'second', d: 'second' } })
  },

  async 'it sleeps'(scene) {
    const run = await paused(scene, 'sleep')
    await scene.completes(run, { end: 'end', output: 'startend', by: ALL_FIRST })
  },

  async 'it waits to be resumed'(scene) {
    const run = await paused(scene, 'review')
    assert.deepEqual(await scene.second.call('resumeWithAction', run, 'yes', 'fine '), ['pause'])
    await scene.completes(run, { end: 'yes', output: 'fine yes', by: { start: 'first', yes: 'second' } })
  },

  async 'it waits to be resumed, inside a subflow'(scene) {
    const run = await paused(scene, 'outer')
    await scene.second.call('resumeWithAction', run, 'go', 'gone on ')
    const by = { start: 'first', before: 'first', after: 'second', end: 'second' }
    await scene.completes(run, { end: 'end', output: 'gone on afterend', by })
  },

  async 'it waits for an event'(scene) {
    const run = await paused(scene, 'event')
    assert.deepEqual(await scene.second.call('sendEvent', run, 'paid', 'all of it, '), ['pause'])
    await scene.completes(run, { end: 'end', output: 'all of it, end', by: ALL_FIRST })
  },

  async 'an event is kept for it'(scene) {
    await scene.first.start()
    const run = await scene.begin('early')
    await scene.awaiting(run)
    assert.deepEqual(await scene.first.call('sendEvent', run, 'paid', 'all of it, '), [])
    await scene.first.stop()
    await scene.second.start()
    await scene.second.call('resumeWithAction', run, 'go')
    await scene.completes(run, { end: 'end', output: 'all of it, end', by: ALL_FIRST })
  },

  async 'it waits for its webhook'(scene) {
    const run = await paused(scene, 'webhook')
    const endpoint = await scene.first.call('registerWebhookEndpoint', run, 'pause')
    assert.deepEqual(await scene.second.call('registerWebhookEndpoint', run, 'pause'), endpoint)
    assert.equal(await scene.second.call('deliver', endpoint.url, { amount: 7 }), 202)
    const { status, result } = await scene.servers.settled(run)
    assert.equal(status, 'completed', result?.reason)
    assert.deepEqual(result.payload.context['_outputs.pause'].request.body, { amount: 7 })
    scene.executedBy(run, ALL_FIRST)
    await scene.isOver(run)
  },

  async 'a webhook was delivered before its node'(scene) {
    await scene.first.start(ONE_AT_A_TIME)
    const run = await scene.begin('webhook', { shut: ['start'] })
    await scene.executing(run, 'start')
    const { url } = await scene.first.call('registerWebhookEndpoint', run, 'pause')
    assert.equal(await scene.first.call('deliver', url, { amount: 7 }), 202)
    await scene.first.stop('SIGTERM', { open: [run, 'start'] })
    await scene.second.start()
    const { status, result } = await scene.servers.settled(run)
    assert.equal(status, 'completed', result?.reason)
    assert.deepEqual(result.payload.context['_outputs.pause'].request.body, { amount: 7 })
    scene.executedBy(run, ALL_FIRST)
    await scene.isOver(run)
  },

  async 'a loop is in its second lap'(scene) {
    const run = await inTheMiddle(scene, 'loop', { node: 'lap', step: 'lap-2', times: 2 })
    const by = { start: 'first', lap: ['first', 'first', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: '3end', by })
  },

  async 'a batch is half done'(scene) {
    const run = await inTheMiddle(scene, 'batch', { node: 'item', step: 'item-2', times: 2 })
    const by = { start: 'first', item: ['first', 'first', 'second', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: [2, 4, 6, 8], by })
  },

  async 'it has failed, and is retried'(scene) {
    await scene.first.start()
    const run = await scene.begin('broken')
    const { status, result } = await scene.servers.settled(run)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'flaky'.*down/)
    await scene.first.stop()
    await scene.second.start()
    assert.deepEqual(await scene.second.call('retry', run), ['flaky'])
    await scene.servers.settled(run, ['completed'])
    const by = { start: 'first', flaky: ['first', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: 'upend', by })
  },

  async 'it has failed, and its retry is in the queue'(scene) {
    await scene.first.start()
    const run = await scene.begin('broken')
    await scene.servers.settled(run, ['failed'])
    await scene.first.stop()
    assert.deepEqual(await scene.first.call('retry', run), ['flaky'])
    await scene.second.start()
    await scene.servers.settled(run, ['completed'])
    const by = { start: 'first', flaky: ['first', 'second'], end: 'second' }
    await scene.completes(run, { end: 'end', output: 'upend', by })
  },

  async 'it is cancelled'(scene) {
    await scene.first.start()
    const run = await scene.begin('review')
    await scene.awaiting(run)
    assert.equal(await scene.first.call('cancel', run, 'not wanted'), true)
    await scene.first.stop()
    await scene.second.start()
    await assert.rejects(scene.second.call('resumeWithAction', run, 'yes'), /cancelled/)
    assert.equal(await scene.second.call('cancel', run, 'once more'), false)
    // What is left of it in the queue moves nothing.
    await scene.servers.send({ runId: run, blueprintId: 'review', nodeId: 'start' })
    const other = await scene.begin('chain')
    await scene.servers.settled(other, ['completed'])
    await isCancelled(scene, run, { start: 'first' })
  },

  async 'it is cancelled by the other version, while a node runs'(scene) {
    await scene.first.start()
    const run = await scene.begin('chain', { shut: ['b'] })
    await scene.executing(run, 'b')
    assert.equal(await scene.second.call('cancel', run, 'not wanted'), true)
    // Its gate stays shut: only the signal ends the node, or the worker would not stop in time.
    const begun = Date.now()
    await scene.first.stop()
    assert.ok(Date.now() - begun < 5000, 'the node heard of it')
    await scene.second.start()
    await isCancelled(scene, run, { a: 'first', b: 'first' })
  },

  async 'it has ended, and its result is not yet published'(scene) {
    await scene.first.start({ publishes: true, repairInterval: 0 })
    const run = await scene.begin('chain', { shut: ['receiver'] })
    await until(async () => (await scene.first.call('contextOf', run))['_outputs.d'], { what: 'the last node' })
    await scene.first.stop()
    assert.equal((await scene.servers.look(run)).status, 'running')
    assert.deepEqual(scene.published(run), [])
    scene.gates.open(run, 'receiver')
    const { pg, statusTable } = scene.servers
    await pg.query(`UPDATE ${statusTable} SET updated_at = now() - interval '1 minute' WHERE run_id = $1`, [run])
    await scene.second.start({ publishes: true, repairInterval: 500 })
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'first', b: 'first', c: 'first', d: 'first' } })
    const [{ worker, result }, ...more] = scene.published(run)
    assert.deepEqual([worker, result.status, more], ['second', 'completed', []])
  },

  async 'its job is a dead letter, and is replayed'(scene) {
    await scene.first.start({ without: ['chain'], blueprintTimeout: 300 })
    const run = await scene.begin('chain')
    const { status, result } = await scene.servers.settled(run)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'chain'/)
    await scene.first.stop()
    const [letter, ...more] = await scene.second.call('listDeadLetters')
    assert.deepEqual([letter.job.runId, more], [run, []])
    await scene.second.start()
    assert.equal(await scene.second.call('replayDeadLetters'), 1)
    await scene.servers.settled(run, ['completed'])
    await scene.completes(run, { end: 'd', output: 'abcd', by: { a: 'second', b: 'second', c: 'second', d: 'second' } })
  },
}
