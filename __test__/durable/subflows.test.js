// Blueprints inside blueprints: the examples of "Subflows", and pauses inside them.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** A flow of one node that runs another flow, between `before` and `after`. */
function around(id, params, config) {
  return declared(
    {
      id,
      nodes: [
        { id: 'before', uses: `${id}.before` },
        { id: 'inside', uses: 'subflow', params, ...(config && { config }) },
        { id: 'after', uses: `${id}.after` },
      ],
      edges: [
        { source: 'before', target: 'inside' },
        { source: 'inside', target: 'after' },
      ],
    },
    {
      [`${id}.before`]: async ({ input }) => ({ output: input ?? 'begun' }),
      [`${id}.after`]: async ({ input }) => ({ output: input }),
    },
  )
}

const mathSubflow = () =>
  createFlow('math-subflow').node('add', async ({ context }) => ({
    output: (await context.get('a')) + (await context.get('b')),
  }))

const parent = () =>
  declared(
    {
      id: 'parent-workflow',
      nodes: [
        { id: 'prepare-data', uses: 'prepare-data' },
        {
          id: 'run-math',
          uses: 'subflow',
          params: {
            blueprintId: 'math-subflow',
            inputs: { a: 'val1', b: 'val2' },
            outputs: { addition_result: 'add' },
          },
        },
        { id: 'report', uses: 'report', inputs: 'addition_result' },
      ],
      edges: [
        { source: 'prepare-data', target: 'run-math' },
        { source: 'run-math', target: 'report' },
      ],
    },
    {
      'prepare-data': async ({ context }) => {
        await context.set('val1', 10)
        await context.set('val2', 20)
        return { output: 'Data ready' }
      },
      report: async ({ input }) => ({ output: `the sum is ${input}` }),
    },
  )

/** A review inside: it waits, and its answer's action decides the way inside. */
const reviewing = (seen = []) =>
  createFlow('reviewing')
    .node('ask', () => ({ output: 'please' }))
    .wait('review')
    .node('approve', async ({ input }) => {
      seen.push('approve')
      return { output: `approved by ${input}` }
    })
    .node('reject', async ({ input }) => {
      seen.push('reject')
      return { output: `rejected by ${input}` }
    })
    .edge('ask', 'review')
    .edge('review', 'approve', { action: 'approve' })
    .edge('review', 'reject', { action: 'reject' })

describe('a subflow', () => {
  it('gets its inputs, and gives its outputs', async (t) => {
    const flow = parent()
    await servers.workerFor(t, [flow, mathSubflow()])
    const { status, context } = await servers.run(flow)
    assert.equal(status, 'completed')
    assert.equal(context.addition_result, 30)
    assert.equal(context['_outputs.report'], 'the sum is 30')
    assert.deepEqual([context['_outputs.run-math'].a, context['_outputs.run-math'].b], [10, 20])

    const registry = Object.fromEntries([...flow.getFunctionRegistry(), ...mathSubflow().getFunctionRegistry()])
    const sub = mathSubflow()
    const memory = await inMemory(
      { toBlueprint: () => flow.toBlueprint(), getFunctionRegistry: () => new Map(Object.entries(registry)) },
      {},
      { blueprints: { 'math-subflow': sub.toBlueprint() }, registry: Object.fromEntries(sub.getFunctionRegistry()) },
    )
    assert.equal(memory.context.addition_result, context.addition_result)
  })

  it('hands its node’s input on, and its last node’s output back', async (t) => {
    const inner = createFlow('double').node('twice', async ({ input }) => ({ output: input * 2 }))
    const outer = around('hands', { blueprintId: 'double' })
    outer.toBlueprint().nodes[0].inputs = 'amount'
    await servers.workerFor(t, [outer, inner])
    const { context } = await servers.run(outer, { amount: 21 })
    assert.equal(context['_outputs.after'], 42)
  })

  it('may have subflows of its own', async (t) => {
    const inner = createFlow('innermost').node('shout', async ({ input }) => ({ output: `${input}!` }))
    const middle = around('middle', { blueprintId: 'innermost' })
    const outer = around('outer', { blueprintId: 'middle' })
    await servers.workerFor(t, [outer, middle, inner])
    const { status, context } = await servers.run(outer)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.after'], 'begun!')
  })

  it('that fails fails its node, with what happened inside', async (t) => {
    const inner = createFlow('failing').node('charge', async () => {
      throw new Error('card declined')
    })
    const middle = around('failing-middle', { blueprintId: 'failing' })
    const outer = around('failing-outer', { blueprintId: 'failing-middle' })
    await servers.workerFor(t, [outer, middle, inner])
    const { status, result, context } = await servers.run(outer)
    assert.equal(status, 'failed')
    assert.match(result.reason, /card declined/)
    assert.match(result.reason, /'inside'/)
    assert.equal('_outputs.after' in context, false)
  })

  it('that fails may have a fallback', async (t) => {
    const inner = createFlow('failing').node('charge', async () => {
      throw new Error('card declined')
    })
    const outer = around('guarded', { blueprintId: 'failing' }, { fallback: 'instead' })
    outer.toBlueprint().nodes.push({ id: 'instead', uses: 'guarded.before' })
    await servers.workerFor(t, [outer, inner])
    const { status, context } = await servers.run(outer, {}, { starts: ['before'] })
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.instead'], context['_outputs.after'])
  })

  it('that nobody knows fails the run, and says so', async (t) => {
    const outer = around('lonely', { blueprintId: 'nowhere' })
    await servers.workerFor(t, outer)
    const { status, result } = await servers.run(outer)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'nowhere'/)
  })
})

describe('a pause inside a subflow', () => {
  for (const action of ['approve', 'reject']) {
    it(`makes the run await, and the action '${action}' decides inside`, async (t) => {
      const seen = []
      const outer = around('with-review', { blueprintId: 'reviewing', outputs: { verdict: action } })
      const adapter = await servers.workerFor(t, [outer, reviewing(seen)])
      const runId = await servers.begin(outer)
      const { context } = await awaiting(runId)
      assert.deepEqual(context._awaitingNodeIds, ['inside'])
      assert.deepEqual(context._awaitingDetails, { inside: { reason: 'external_event' } })
      assert.deepEqual([...(await adapter.resumeWithAction(runId, action, 'Bob'))], ['inside'])
      const end = await servers.settled(runId)
      assert.equal(end.status, 'completed')
      assert.deepEqual(seen, [action])
      assert.match(end.context.verdict, /^(approv|reject)ed by Bob$/)
      assert.equal('_subflowState.inside' in end.context, false)
      assert.equal(end.context['_outputs.after'][`_outputs.${action}`], end.context.verdict)
    })
  }

  for (const subflows of ['jobs', 'whole']) {
    it(`tells its run's id in every event (${subflows})`, async (t) => {
      const heard = []
      const emit = async ({ type, payload }) =>
        void heard.push([type, payload.nodeId ?? payload.key, payload.executionId])
      const outer = around('heard', { blueprintId: 'reviewing' })
      const adapter = await servers.workerFor(t, [outer, reviewing()], { subflows, runtime: { eventBus: { emit } } })
      const runId = await servers.begin(outer)
      await awaiting(runId)
      await adapter.resumeWithAction(runId, 'approve', 'Bob')
      assert.equal((await servers.settled(runId)).status, 'completed')
      const ofTheRun = heard.filter(([, , executionId]) => executionId === runId)
      const has = (type, about) => ofTheRun.some(([one, other]) => one === type && other === about)
      assert.ok(
        has('node:start', 'approve') && has('node:finish', 'approve') && has('context:change', '_inputs.approve'),
      )
      assert.deepEqual(
        heard.filter(([, , executionId]) => executionId !== undefined && executionId !== runId),
        [],
      )
    })
  }

  it('may be followed by another', async (t) => {
    const inner = createFlow('twice')
      .wait('first')
      .wait('second')
      .node('both', async ({ context }) => ({ output: [await context.get('first'), await context.get('second')] }))
      .edge('first', 'second')
      .edge('second', 'both')
    const outer = around('with-two', { blueprintId: 'twice' })
    const adapter = await servers.workerFor(t, [outer, inner])
    const runId = await servers.begin(outer)
    const before = JSON.stringify((await awaiting(runId)).context)
    await adapter.resumeWithAction(runId, 'on', 1)
    await until(async () => {
      const { status, context } = await servers.look(runId)
      return status === 'awaiting' && JSON.stringify(context) !== before
    })
    await adapter.resumeWithAction(runId, 'on', 2)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.after'], [1, 2])
  })

  it('may be two subflows deep', async (t) => {
    const seen = []
    const middle = around('review-middle', { blueprintId: 'reviewing' })
    const outer = around('review-outer', { blueprintId: 'review-middle' })
    const adapter = await servers.workerFor(t, [outer, middle, reviewing(seen)])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    await adapter.resumeWithAction(runId, 'reject', 'Bob')
    const { status } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(seen, ['reject'])
  })

  it('may be several at a time: the subflow goes on when each has been answered', async (t) => {
    const inner = createFlow('parallel')
      .node('start', () => ({ output: 'go' }))
      .wait('technical')
      .wait('legal')
      .node('both', async ({ context }) => ({ output: [await context.get('technical'), await context.get('legal')] }))
      .edge('start', 'technical')
      .edge('start', 'legal')
      .edge('technical', 'both')
      .edge('legal', 'both')
    const outer = around('with-parallel', { blueprintId: 'parallel' })
    const adapter = await servers.workerFor(t, [outer, inner])
    const runId = await servers.begin(outer)
    const before = JSON.stringify((await awaiting(runId)).context)
    await adapter.resumeWithAction(runId, 'on', 'fine')
    await until(async () => {
      const { status, context } = await servers.look(runId)
      return status !== 'running' && JSON.stringify(context) !== before
    })
    assert.equal((await servers.look(runId)).status, 'awaiting', 'the other one still waits')
    await adapter.resumeWithAction(runId, 'on', 'legal too')
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    // Whoever began to wait first was answered first; both began at one time.
    assert.deepEqual([...context['_outputs.after']].sort(), ['fine', 'legal too'])
  })

  it('ends by itself when it is a sleep', async (t) => {
    const inner = createFlow('napping')
      .node('start', () => ({ output: Date.now() }))
      .sleep('nap', { duration: 500 })
      .node('awake', async ({ input }) => ({ output: Date.now() - input }))
      .edge('start', 'nap')
      .edge('nap', 'awake')
    const outer = around('with-nap', { blueprintId: 'napping' })
    await servers.workerFor(t, [outer, inner])
    const runId = await servers.begin(outer)
    const { context } = await awaiting(runId)
    assert.equal(context._awaitingDetails.inside.reason, 'timer')
    const { status, context: end } = await servers.settled(runId)
    assert.equal(status, 'completed')
    const slept = end['_outputs.after']
    assert.ok(slept >= 500 && slept < 1500, `${slept} ms`)
  })

  it('goes on by the event it waits for', async (t) => {
    const inner = createFlow('listening')
      .wait('payment', { params: { eventName: 'payment_processed' } })
      .node('paid', async ({ input }) => ({ output: input }))
      .edge('payment', 'paid')
    const outer = around('with-event', { blueprintId: 'listening' })
    const adapter = await servers.workerFor(t, [outer, inner])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    await adapter.sendEvent(runId, 'payment_processed', { amount: 99 })
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.after'], { amount: 99 })
  })

  it('may fail afterwards, and says what happened inside', async (t) => {
    const inner = createFlow('then-fails')
      .wait('gate')
      .node('charge', async () => {
        throw new Error('card declined')
      })
      .edge('gate', 'charge')
    const outer = around('with-failure', { blueprintId: 'then-fails' })
    const adapter = await servers.workerFor(t, [outer, inner])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    await adapter.resumeWithAction(runId, 'on')
    const { status, result } = await servers.settled(runId)
    assert.equal(status, 'failed')
    assert.match(result.reason, /card declined/)
  })
})
