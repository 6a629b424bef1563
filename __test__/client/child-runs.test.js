// A run that a node of another run starts as its child, and waits for: by `childRun`.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ChildRunError, childRun } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { inMemory, openSharedServers } from '../fixtures/shared-servers.js'
import { asking, childOf, decliningOnce, ENDS, failureOf, outputOf } from './support/child-runs.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const shipping = createFlow('shipping')
  .node('label', async ({ context }) => ({ output: `to ${await context.get('address')}` }))
  .node('track', async ({ context, input }) => {
    await context.set('tracking', `${input} #7`)
    return { output: 'tracked' }
  })
  .edge('label', 'track')

const ship = (options = {}) =>
  childRun('shipping', {
    context: async ({ context }) => ({ address: await context.get('address') }),
    output: ({ tracking }) => tracking,
    ...options,
  })

const order = createFlow('order')
  .node('ship', ship())
  .node('thank', async ({ input }) => ({ output: `sent ${input}` }))
  .edge('ship', 'thank')

/** A parent of a child that waits for a word. */
const patient = (id, options) => createFlow(id).node('ask', childRun('asking', options))

const failing = createFlow('failing').node('charge', async () => {
  throw new Error('declined')
})

/** A worker of flows, and a client. */
async function scene(t, flows, options) {
  await servers.workerFor(t, flows, options)
  return clientFor(t, servers, flows)
}

describe('a child run', () => {
  it('has a row of its own, and its end is the output of the node that waits for it', async (t) => {
    const client = await scene(t, [order, shipping])
    const run = await client.start('order', { context: { address: 'Rome' } })
    const { context } = await run.result(ENDS)
    assert.deepEqual([context['_outputs.ship'], context['_outputs.thank']], ['to Rome #7', 'sent to Rome #7'])
    const { runs } = await client.list({ blueprintId: 'shipping' })
    assert.equal(runs.length, 1)
    const child = client.run(runs[0].runId)
    // Its parent hears of its end first, and may be over before its own row says it.
    assert.equal((await child.result(ENDS)).context.tracking, 'to Rome #7')
    const { status, parent } = await child.describe()
    assert.deepEqual([status, parent], ['completed', { runId: run.runId, nodeId: 'ship' }])
  })

  it('is what core makes of it in memory', async () => {
    const { context } = await inMemory(
      order,
      { address: 'Rome' },
      {
        blueprints: { shipping: shipping.toBlueprint() },
        registry: Object.fromEntries(shipping.getFunctionRegistry()),
      },
    )
    assert.equal(context['_outputs.thank'], 'sent to Rome #7')
  })

  it('is given the input of its node, and gives its whole context, where nothing else is said', async (t) => {
    const echo = createFlow('echo').node('say', async ({ context }) => ({ output: await context.get('input') }))
    const plain = createFlow('plain')
      .node('first', async () => ({ output: { a: 1 } }))
      .node('child', childRun('echo', { tags: ['of:plain'] }))
      .edge('first', 'child')
    const client = await scene(t, [plain, echo])
    const run = await client.start('plain')
    const { context } = await run.result(ENDS)
    const child = context['_outputs.child']
    assert.deepEqual([child.input, child.say], [{ a: 1 }, { a: 1 }])
    assert.equal((await client.list({ tags: ['of:plain'] })).runs.length, 1)
  })

  it('is waited for without a worker, and shown by its parent', async (t) => {
    const parent = patient('patient')
    const client = await scene(t, [parent, asking], { concurrency: 1 })
    const run = await client.start('patient')
    const child = await childOf(client, run)
    assert.equal((await run.describe()).status, 'awaiting')
    assert.equal((await child.describe()).parent.runId, run.runId)
    await child.sendEvent('word', 'hello')
    assert.equal((await outputOf(run, 'ask')).word, 'hello')
  })

  it('that fails fails its node at once, whatever its retries, with its reason', async (t) => {
    const parent = createFlow('unlucky').node('pay', childRun('failing'), { config: { maxRetries: 3, retryDelay: 10 } })
    for (const retryMode of ['in-process', 'queue']) {
      const heard = []
      const bus = { emit: (event) => event.type === 'job:failed' && heard.push(event.payload.error) }
      const own = await openSharedServers()
      t.after(() => own.close())
      await own.workerFor(t, [parent, failing], { retryMode, eventBus: bus })
      const client = clientFor(t, own, [parent, failing])
      const run = await client.start('unlucky')
      const error = await failureOf(run)
      assert.equal(error.code, 'RUN_FAILED')
      assert.match(error.message, /The child run '[0-9a-f-]{36}' is failed: .*declined/)
      assert.equal((await client.list({ blueprintId: 'failing' })).runs.length, 1, retryMode)
      const told = heard.find(({ nodeId }) => nodeId === 'pay') ?? heard.at(-1)
      assert.ok(
        [told, told.cause].some((each) => each instanceof ChildRunError),
        String(told),
      )
    }
  })

  it('that fails leaves it to the fallback', async (t) => {
    const parent = createFlow('careful')
      .node('pay', childRun('failing'), { config: { fallback: 'later' } })
      .node('later', async () => ({ output: 'an invoice' }))
    const client = await scene(t, [parent, failing])
    const run = await client.start('careful')
    assert.equal(await outputOf(run, 'later'), 'an invoice')
  })

  it('is another one where the failed parent is tried again', async (t) => {
    const once = decliningOnce()
    const parent = createFlow('again').node('pay', childRun('once'))
    const client = await scene(t, [parent, once])
    const run = await client.start('again')
    await failureOf(run)
    await run.retry()
    assert.equal((await outputOf(run, 'pay')).charge, 'charged')
    const ends = (await client.list({ blueprintId: 'once' })).runs.map(({ status }) => status).sort()
    assert.deepEqual(ends, ['completed', 'failed'])
  })

  it('that ended while its parent had failed is found where the parent is tried again', async (t) => {
    const parent = patient('hurried')
    const client = await scene(t, [parent, asking])
    const run = await client.start('hurried', { timeoutMs: 300 })
    const child = await childOf(client, run)
    assert.equal((await failureOf(run)).code, 'RUN_FAILED')
    await child.sendEvent('word', 'late')
    await child.result(ENDS)
    await run.retry()
    assert.equal((await outputOf(run, 'ask')).word, 'late')
    assert.equal((await client.list({ blueprintId: 'asking', tags: [], idPrefix: child.runId })).runs.length, 1)
  })

  it('of a run that was removed is none of one that is started under its id', async (t) => {
    const client = await scene(t, [order, shipping])
    const runId = servers.runId()
    const first = await client.start('order', { runId, context: { address: 'Rome' } })
    await first.result(ENDS)
    await first.delete()
    const second = await client.start('order', { runId, context: { address: 'Oslo' } })
    assert.equal(await outputOf(second, 'thank'), 'sent to Oslo #7')
  })

  it('that is cancelled fails its node', async (t) => {
    const client = await scene(t, [patient('left'), asking])
    const run = await client.start('left')
    await (await childOf(client, run)).cancel('not today')
    assert.match((await failureOf(run)).message, /is cancelled: not today/)
  })

  it('is cancelled with its parent, and so is its own child; unless it is to be left', async (t) => {
    const middle = createFlow('middle').node('ask', childRun('asking'))
    const outer = createFlow('outer').node('ask', childRun('middle'))
    const leaving = patient('leaving', { onCancel: 'leave' })
    const client = await scene(t, [outer, middle, asking, leaving])
    const run = await client.start('outer')
    const child = await childOf(client, run)
    const grandchild = await childOf(client, child)
    await run.cancel('enough')
    for (const each of [run, child, grandchild]) assert.equal((await each.describe()).status, 'cancelled')
    const other = await client.start('leaving')
    const left = await childOf(client, other)
    await other.cancel()
    assert.equal((await left.describe()).status, 'awaiting')
    await left.sendEvent('word', 'late')
    assert.equal(await outputOf(left, 'word'), 'late')
  })

  it('may be many: one for each item of a batch, and inside a subflow', async (t) => {
    const each = createFlow('each').node('square', async ({ context }) => ({
      output: (await context.get('input')) ** 2,
    }))
    const numbers = createFlow('numbers')
      .node('list', async () => ({ output: [1, 2, 3, 4, 5] }))
      .batch('all', childRun('each', { output: ({ square }) => square }), { inputKey: 'list', outputKey: 'squares' })
      .edge('list', 'all_scatter')
    const nesting = {
      toBlueprint: () => ({
        id: 'nesting',
        nodes: [{ id: 'inside', uses: 'subflow', params: { blueprintId: 'order', inputs: { address: 'address' } } }],
        edges: [],
      }),
      getFunctionRegistry: () => new Map(),
    }
    const client = await scene(t, [numbers, each, order, shipping, nesting])
    const squares = (await (await client.start('numbers')).result(ENDS)).context.squares
    assert.deepEqual(squares, [1, 4, 9, 16, 25])
    assert.equal((await client.list({ blueprintId: 'each' })).runs.length, 5)
    const run = await client.start('nesting', { context: { address: 'Bern' } })
    assert.equal(await outputOf(run, 'inside'), 'sent to Bern #7')
  })

  it('is told to its parent also where the adapter publishes results itself', async (t) => {
    const serializer = { serialize: JSON.stringify, deserialize: JSON.parse }
    await servers.workerFor(t, [order, shipping], { serializer })
    const client = clientFor(t, servers, [order, shipping])
    const run = await client.start('order', { context: { address: 'Oslo' } })
    assert.equal(await outputOf(run, 'thank'), 'sent to Oslo #7')
  })
})

describe('childRun', () => {
  it('refuses what cannot work', () => {
    assert.throws(() => childRun(''), /childRun takes the id of a blueprint/)
    assert.throws(() => childRun('a', { onCancel: 'ask' }), /onCancel of childRun is 'cancel' or 'leave'/)
    assert.throws(() => childRun('a', { onCancle: 'leave' }), /onCancel/)
  })
})
