// When the nodes of a run became due, started, waited and ended, and on which worker, as the record says it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { clientFor, scene } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The nodes of a run by their ids, and the run itself. */
async function described(client, runId) {
  const run = await client.run(runId).describe()
  return { run, ...Object.fromEntries(run.nodes.map((node) => [node.nodeId, node])) }
}

/** That moments are there, one after the other. */
function inOrder(...moments) {
  for (const moment of moments) assert.ok(moment instanceof Date, `${moments}`)
  for (const [at, moment] of moments.slice(1).entries()) assert.ok(moments[at] <= moment, `${moments.map(Number)}`)
}

describe('the times of nodes', () => {
  it('are those of their executions, one after the other, with the worker', async (t) => {
    const slow = async () => {
      await sleep(60)
      return { output: 1 }
    }
    const flow = createFlow('timed').node('one', slow).node('two', slow).edge('one', 'two')
    const { starting, client } = await scene(t, servers, flow)
    const { runId } = await starting.start('timed')
    await client.run(runId).result(ENDS)
    const { run, one, two } = await described(client, runId)
    inOrder(run.createdAt, one.startedAt, one.endedAt, two.startedAt, two.endedAt, run.endedAt)
    inOrder(one.reachedAt, one.startedAt)
    assert.deepEqual(two.reachedAt, one.endedAt)
    assert.deepEqual(run.endedAt, two.endedAt)
    for (const { startedAt, endedAt } of [one, two]) assert.ok(endedAt - startedAt >= 50, `${endedAt - startedAt}`)
    assert.equal(one.worker, two.worker)
    assert.match(one.worker, /^.+:\d+:[0-9a-f]{8}$/)
    assert.equal('awaitingSince' in one || 'lastError' in one, false)
  })

  it('of a node that waits say since when, and when it was resumed', async (t) => {
    const flow = createFlow('waiting')
      .node('before', async () => ({ output: 1 }))
      .wait('approval')
      .edge('before', 'approval')
    const { starting, client } = await scene(t, servers, flow)
    const { runId } = await starting.start('waiting')
    await servers.settled(runId, ['awaiting'])
    const { approval: waits, run: open } = await described(client, runId)
    inOrder(waits.reachedAt, waits.startedAt, waits.awaitingSince)
    assert.deepEqual([waits.resumedAt, waits.endedAt, open.endedAt], [undefined, undefined, undefined])
    await sleep(60)
    await client.run(runId).resume({ output: 'yes' })
    await client.run(runId).result(ENDS)
    const { approval } = await described(client, runId)
    inOrder(approval.startedAt, approval.awaitingSince, approval.resumedAt, approval.endedAt)
    assert.deepEqual(
      [approval.startedAt, approval.awaitingSince, approval.execution],
      [waits.startedAt, waits.awaitingSince, 2],
    )
    assert.ok(approval.resumedAt - approval.awaitingSince >= 50)
  })

  it('say of a retry through the queue what the last attempt died of', async (t) => {
    let attempts = 0
    const flow = createFlow('retried').node(
      'charge',
      async () => {
        attempts += 1
        if (attempts < 3) throw new Error(`declined ${attempts}`)
        return { output: 'charged' }
      },
      { config: { maxRetries: 3, retryDelay: 30 } },
    )
    await servers.workerFor(t, flow, { retryMode: 'queue' })
    const client = clientFor(t, servers, flow)
    const { runId } = await client.start('retried')
    await client.run(runId).result(ENDS)
    const { charge } = await described(client, runId)
    const { message, attempt, endedAt, worker } = charge.lastError
    assert.match(message, /declined 2/)
    assert.deepEqual([attempt, charge.attempt, worker], [2, 3, charge.worker])
    inOrder(charge.reachedAt, endedAt, charge.startedAt, charge.endedAt)
  })

  it('keep the error that a fallback, or a retry of the run, took away', async (t) => {
    let isFixed = false
    const paid = createFlow('paid')
      .node('card', async () => Promise.reject(new Error('no card')), { config: { fallback: 'cash' } })
      .node('cash', async () => ({ output: 'paid' }))
    const sent = createFlow('sent').node('ship', async () => {
      if (!isFixed) throw new Error('no lorry')
      return { output: 'sent' }
    })
    await servers.workerFor(t, [paid, sent])
    const client = clientFor(t, servers, [paid, sent])
    const byCash = await client.start('paid')
    await byCash.result(ENDS)
    const { card, cash } = await described(client, byCash.runId)
    assert.match(card.lastError.message, /no card/)
    assert.deepEqual([card.lastError.endedAt, card.lastError.worker], [card.endedAt, card.worker])
    inOrder(card.startedAt, card.endedAt, cash.startedAt, cash.endedAt)
    const { runId } = await client.start('sent')
    await assert.rejects(client.run(runId).result(ENDS), { code: 'RUN_FAILED' })
    const failed = await described(client, runId)
    inOrder(failed.ship.startedAt, failed.ship.endedAt, failed.run.endedAt)
    assert.equal(failed.ship.lastError, undefined)
    isFixed = true
    await client.run(runId).retry()
    await client.run(runId).result(ENDS)
    const mended = await described(client, runId)
    assert.match(mended.ship.lastError.message, /no lorry/)
    assert.deepEqual(mended.ship.lastError.endedAt, failed.ship.endedAt)
    inOrder(failed.run.endedAt, mended.ship.reachedAt, mended.ship.startedAt, mended.run.endedAt)
  })

  it('are there inside subflows, and stay when those are over', async (t) => {
    const inner = createFlow('inner').node('work', async () => ({ output: 1 }))
    const outer = createFlow('outer').node('after', async () => ({ output: 2 }))
    const blueprint = outer.toBlueprint()
    blueprint.nodes.unshift({ id: 'sub', uses: 'subflow', params: { blueprintId: 'inner' } })
    blueprint.edges.push({ source: 'sub', target: 'after' })
    const flow = { toBlueprint: () => blueprint, getFunctionRegistry: () => outer.getFunctionRegistry() }
    await servers.workerFor(t, [flow, inner], { subflows: 'jobs' })
    const client = clientFor(t, servers, [flow, inner])
    const { runId } = await client.start('outer')
    await client.run(runId).result(ENDS)
    const { sub, 'sub/work': work, after: last } = await described(client, runId)
    inOrder(sub.reachedAt, sub.startedAt, sub.endedAt, last.startedAt)
    inOrder(sub.awaitingSince, work.reachedAt, work.startedAt, work.endedAt, sub.resumedAt, sub.endedAt)
    assert.deepEqual([work.state, work.worker], ['done', sub.worker])
  })

  it('of a run again from a node are those of what ran again', async (t) => {
    const flow = createFlow('again')
      .node('first', async () => ({ output: 1 }))
      .node('second', async () => ({ output: 2 }))
      .edge('first', 'second')
    const { starting, client } = await scene(t, servers, flow)
    const { runId } = await starting.start('again')
    await client.run(runId).result(ENDS)
    const again = await starting.run(runId).rerunFrom('second')
    await again.result(ENDS)
    const { run, first, second } = await described(client, again.runId)
    assert.deepEqual([first.state, first.startedAt, first.endedAt], ['done', undefined, undefined])
    inOrder(run.createdAt, second.startedAt, second.endedAt, run.endedAt)
  })

  it('of a run whose times an older worker dropped are missing, and begin with what comes then', async (t) => {
    const flow = createFlow('dropped')
      .node('before', async () => ({ output: 1 }))
      .wait('approval')
      .node('done', async () => ({ output: 2 }))
      .edge('before', 'approval')
      .edge('approval', 'done')
    const { starting, client } = await scene(t, servers, flow)
    const { runId } = await starting.start('dropped')
    await servers.settled(runId, ['awaiting'])
    const { context } = await servers.look(runId)
    const { ledger } = context._flowcraft
    delete ledger.times
    for (const node of Object.values(ledger.nodes)) delete node.t
    await servers.replaceContext(runId, context)
    const dropped = await described(client, runId)
    assert.deepEqual(
      [dropped.before.state, dropped.before.reachedAt, dropped.approval.worker],
      ['done', undefined, undefined],
    )
    await client.run(runId).resume()
    await client.run(runId).result(ENDS)
    const { run, before, approval, done } = await described(client, runId)
    assert.deepEqual([before.endedAt, approval.awaitingSince], [undefined, undefined])
    inOrder(approval.resumedAt, approval.endedAt, done.startedAt, done.endedAt, run.endedAt)
  })
})
