// Runs that wait for events: the examples of "Durable primitives", `waitForEvent`, with `sendEvent`.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const awaiting = (runId) => servers.settled(runId, ['awaiting'])
const action = { userId: '123', action: 'approve' }

const eventDriven = (milliseconds = 0) =>
  createFlow('event-driven')
    .node('start', async () => {
      await sleep(milliseconds)
      return { output: 'Waiting for user action...' }
    })
    .wait('wait_1', { params: { eventName: 'user_action' } })
    .node('received', async ({ input }) => ({ output: `${input?.action} from user ${input?.userId}` }))
    .edge('start', 'wait_1')
    .edge('wait_1', 'received')

describe('an event', () => {
  it('lets the node that waits for it go on, with the payload as its output', async (t) => {
    const flow = eventDriven()
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    assert.deepEqual([...(await adapter.sendEvent(runId, 'user_action', action))], ['wait_1'])
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.wait_1'], action)
    assert.equal(context['_outputs.received'], 'approve from user 123')
  })

  it('comes from an adapter that was never started', async (t) => {
    const flow = eventDriven()
    await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const website = servers.adapter(flow, { started: false })
    await website.sendEvent(runId, 'user_action', action)
    assert.equal((await servers.settled(runId)).context['_outputs.received'], 'approve from user 123')
    await website.stop()
  })

  it('of another name wakes nobody', async (t) => {
    const flow = eventDriven()
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    assert.deepEqual([...(await adapter.sendEvent(runId, 'something_else', 1))], [])
    assert.deepEqual((await servers.look(runId)).context._awaitingNodeIds, ['wait_1'])
    await adapter.sendEvent(runId, 'user_action', action)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('without a payload is an event all the same', async (t) => {
    const flow = eventDriven()
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    await adapter.sendEvent(runId, 'user_action')
    assert.equal((await servers.settled(runId)).context['_outputs.received'], 'undefined from user undefined')
  })

  it('wakes every node that waits for its name', async (t) => {
    const flow = createFlow('two-waits')
      .node('start', () => ({ output: 'go' }))
      .wait('left', { params: { eventName: 'go-on' } })
      .wait('right', { params: { eventName: 'go-on' } })
      .node('both', async ({ context }) => ({ output: [await context.get('left'), await context.get('right')] }))
      .edge('start', 'left')
      .edge('start', 'right')
      .edge('left', 'both')
      .edge('right', 'both')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    assert.deepEqual([...(await adapter.sendEvent(runId, 'go-on', 7))].sort(), ['left', 'right'])
    assert.deepEqual((await servers.settled(runId)).context['_outputs.both'], [7, 7])
  })

  it('to a run that is over is an error', async (t) => {
    const flow = eventDriven()
    const adapter = await servers.workerFor(t, flow)
    const completed = await servers.begin(flow)
    await awaiting(completed)
    await adapter.sendEvent(completed, 'user_action', action)
    await servers.settled(completed)
    await assert.rejects(adapter.sendEvent(completed, 'user_action', action), /the run is over: it is completed/)

    const cancelled = await servers.begin(flow)
    await awaiting(cancelled)
    await adapter.cancel(cancelled)
    await assert.rejects(adapter.sendEvent(cancelled, 'user_action', action), /the run is over: it is cancelled/)
  })
})

describe('an event that comes first', () => {
  it('is kept for the node that will wait for it', async (t) => {
    const flow = eventDriven(400)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await until(async () => (await servers.look(runId)).context.blueprintId)
    assert.deepEqual([...(await adapter.sendEvent(runId, 'user_action', action))], [])
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.wait_1'], action)
  })

  it('is kept even before the run’s first job', async (t) => {
    const flow = eventDriven()
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow, { customer: 'Alice' }, { starts: [] })
    await adapter.sendEvent(runId, 'user_action', action)
    assert.equal((await servers.look(runId)).status, 'running', 'the event alone does not end a run that has not begun')
    await servers.send({ runId, blueprintId: 'event-driven', nodeId: 'start' })
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.received'], 'approve from user 123')
    assert.equal(context.customer, 'Alice')
  })

  it('waits through another event’s turn', async (t) => {
    const flow = createFlow('multi-event')
      .wait('wait_1', { params: { eventName: 'approval' } })
      .node('approved', async ({ input }) => ({ output: input.reviewer, action: input.approved ? 'yes' : 'no' }))
      .wait('wait_2', { params: { eventName: 'payment_processed' } })
      .node('paid', async ({ input }) => ({ output: { status: 'paid', payment: input } }))
      .node('rejected', () => ({ output: { status: 'rejected' } }))
      .edge('wait_1', 'approved')
      .edge('approved', 'wait_2', { action: 'yes' })
      .edge('approved', 'rejected', { action: 'no' })
      .edge('wait_2', 'paid')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const payment = { amount: 99, method: 'card' }
    assert.deepEqual([...(await adapter.sendEvent(runId, 'payment_processed', payment))], [])
    assert.deepEqual([...(await adapter.sendEvent(runId, 'approval', { approved: true, reviewer: 'Bob' }))], ['wait_1'])
    const { context } = await servers.settled(runId)
    assert.deepEqual(context['_outputs.paid'], { status: 'paid', payment })
  })

  it('is taken in the order it came, one a round', async (t) => {
    const flow = createFlow('inbox')
      .node('init', async ({ context }) => {
        await context.set('mails', [])
        return {}
      })
      .wait('mail', { params: { eventName: 'mail' } })
      .node('read', async ({ context, input }) => {
        await context.set('mails', [...(await context.get('mails')), input])
        return {}
      })
      .loop('inbox', { startNodeId: 'mail', endNodeId: 'read', condition: 'mails.length < 3' })
      .edge('init', 'inbox')
      .edge('mail', 'read')
    const adapter = await servers.workerFor(t, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const runId = await servers.begin(flow, {}, { starts: [] })
    for (const mail of ['first', 'second', 'third']) await adapter.sendEvent(runId, 'mail', mail)
    await servers.send({ runId, blueprintId: 'inbox', nodeId: 'init' })
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context.mails, ['first', 'second', 'third'])
  })
})
