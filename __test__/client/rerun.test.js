// A run again from one of its nodes: a new run, in which what was done before the node stays done.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RunExistsError, RunNotFoundError } from '@flowcraft/rabbitmq-adapter'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { taggedSerializer } from '../fixtures/serializers.js'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { calling } from '../guide/subflow.js'
import { clientFor, scene } from './support/clients.js'
import { executed, flowsToRerun } from './support/rerun-flows.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const runtime = { evaluator: new UnsafeEvaluator() }
const timeoutMs = 20_000

/** A worker and a client of flows, and a run of the first that has ended. */
async function ended(t, flows, context = {}) {
  const all = [flows].flat()
  await servers.workerFor(t, all, { runtime })
  const client = clientFor(t, servers, all)
  const run = await client.start(all[0].toBlueprint().id, { context })
  const result = await run.result({ timeoutMs })
  return { client, run, result }
}

/** A context without what a run has for itself. */
const own = ({ _rerunOf, ...context }) => context

const chain = () =>
  createFlow('chain')
    .node(
      'read',
      executed('read', async ({ context }) => ({ output: (await context.get('amount')) * 2 })),
    )
    .node(
      'add',
      executed('add', ({ input }) => ({ output: input + 1 })),
    )
    .node(
      'tell',
      executed('tell', async ({ input, context }) => ({ output: `${input} ${await context.get('unit')}` })),
    )
    .edge('read', 'add')
    .edge('add', 'tell')

const innerFlow = () =>
  createFlow('inner').node(
    'deep',
    executed('deep', () => ({ output: 'deep' })),
  )

const outerFlow = () =>
  calling(
    createFlow('outer')
      .node(
        'begin',
        executed('begin', () => ({ output: 'b' })),
      )
      .node('container', () => {})
      .node(
        'end',
        executed('end', async ({ context }) => ({ output: await context.get('found') })),
      )
      .edge('begin', 'container')
      .edge('container', 'end'),
    { id: 'container', blueprintId: 'inner', outputs: { found: 'deep' } },
  )

describe('a run again from a node', () => {
  it('is a new run that names its origin, in which only the node and what follows it run', async (t) => {
    const { client, run, result } = await ended(t, chain(), { amount: 20, unit: 'euros' })
    executed.clear()
    const again = await run.rerunFrom('add')
    const second = await again.result({ timeoutMs })
    assert.deepEqual(executed.nodes(), ['add', 'tell'])
    assert.notEqual(again.runId, run.runId)
    assert.equal(again.outcome, 'new')
    assert.deepEqual(second.context._rerunOf, { runId: run.runId, nodeId: 'add' })
    assert.deepEqual(own(second.context), result.context)
    assert.deepEqual(await client.run(again.runId).origin(), { runId: run.runId, nodeId: 'add' })
    assert.equal(await run.origin(), undefined)
    const { nodes, status } = await again.describe()
    assert.deepEqual(
      [status, nodes.map(({ nodeId, state, execution }) => [nodeId, state, execution])],
      ['completed', ['add', 'read', 'tell'].map((id) => [id, 'done', 1])],
    )
  })

  it('leaves the first run as it was', async (t) => {
    const { run } = await ended(t, chain(), { amount: 1, unit: 'm' })
    const rows = await servers.look(run.runId)
    await (await run.rerunFrom('read', { context: { amount: 2 } })).result({ timeoutMs })
    assert.deepEqual(await servers.look(run.runId), rows)
  })

  it('takes another context and another input', async (t) => {
    const { run } = await ended(t, chain(), { amount: 20, unit: 'euros', note: 'kept' })
    const changed = await run.rerunFrom('tell', { context: { unit: 'dollars' }, input: 7 })
    const { context } = await changed.result({ timeoutMs })
    assert.deepEqual([context['_outputs.tell'], context['_outputs.add'], context.note], ['7 dollars', 41, 'kept'])
    const corrected = await run.rerunFrom('add', { input: null, context: { '_outputs.read': 3 } })
    assert.equal((await corrected.result({ timeoutMs })).context['_outputs.tell'], '1 euros')
  })

  it('of a run that was run again names the nearer one', async (t) => {
    const { run } = await ended(t, chain(), { amount: 1, unit: 'm' })
    const second = await run.rerunFrom('add')
    await second.result({ timeoutMs })
    const third = await second.rerunFrom('tell')
    assert.deepEqual(await third.origin(), { runId: second.runId, nodeId: 'tell' })
  })

  it('finds the node that failed, and what came before it is not done twice', async (t) => {
    let isDown = true
    const flow = createFlow('breaks')
      .node(
        'before',
        executed('before', () => ({ output: 'b' })),
      )
      .node(
        'breaks',
        executed('breaks', ({ input }) => {
          if (isDown) throw new Error('down')
          return { output: `${input}!` }
        }),
      )
      .edge('before', 'breaks')
    const { starting: client } = await scene(t, servers, flow)
    const run = await client.start('breaks')
    await assert.rejects(run.result({ timeoutMs }), { code: 'RUN_FAILED' })
    isDown = false
    executed.clear()
    const { context } = await (await run.rerunFrom('breaks')).result({ timeoutMs })
    assert.deepEqual([context['_outputs.breaks'], executed.nodes()], ['b!', ['breaks']])
    assert.equal((await run.describe()).status, 'failed')
  })

  it('keeps each value as it is stored: numbers that no double holds, and what a serializer wrote', async (t) => {
    const serializer = taggedSerializer()
    const flow = createFlow('values')
      .node('make', async () => ({ output: new Map([['a', new Date(0)]]) }))
      .node('use', async ({ input }) => ({ output: input instanceof Map }))
      .edge('make', 'use')
    await servers.workerFor(t, flow, { runtime: { serializer } })
    const client = clientFor(t, servers, flow, { serializer })
    const run = await client.start('values')
    await run.result({ timeoutMs })
    const again = await run.rerunFrom('use')
    assert.equal((await again.result({ timeoutMs })).context['_outputs.use'], true)
  })
})

/** The outputs of a run's own nodes. */
function outputsOf({ context }, nodes, lost = []) {
  const ids = nodes.map(({ id }) => id).filter((id) => !lost.includes(id))
  return Object.fromEntries(ids.map((id) => [id, context[`_outputs.${id}`] ?? null]))
}

describe('every node of every shape of flow', () => {
  for (const { flow, context = {}, again: changed = {}, refused, lost } of flowsToRerun) {
    const { id, nodes } = flow.toBlueprint()
    it(`${id}: is refused, or ends as the first run did`, async (t) => {
      const { run, result } = await ended(t, flow, context)
      const reached = new Set((await run.describe()).nodes.map(({ nodeId }) => nodeId))
      const refusals = {}
      for (const { id: node } of nodes.filter((each) => reached.has(each.id))) {
        const again = await run.rerunFrom(node, { context: changed }).catch((error) => error)
        if (again instanceof Error) {
          assert.deepEqual(
            [again.code, again.runId, again.nodeId],
            ['NODE_NOT_RERUNNABLE', run.runId, node],
            again.stack,
          )
          refusals[node] = /again from '([^']+)'$/.exec(again.message)?.[1]
        } else {
          assert.deepEqual(
            outputsOf(await again.result({ timeoutMs }), nodes, lost),
            outputsOf(result, nodes, lost),
            node,
          )
        }
      }
      assert.deepEqual(refusals, refused)
    })
  }
})

describe('a run again from a node is refused', () => {
  it('where there is no such run or no such node, and says which nodes there are', async (t) => {
    const { client, run } = await ended(t, chain(), { amount: 1, unit: 'm' })
    await assert.rejects(client.run(servers.runId()).rerunFrom('add'), RunNotFoundError)
    const error = await run.rerunFrom('ad').catch((each) => each)
    assert.deepEqual([error.code, error.runId, error.nodeId], ['NODE_UNKNOWN', run.runId, 'ad'])
    for (const id of ['read', 'add', 'tell']) assert.ok(error.message.includes(`'${id}'`), error.message)
    await assert.rejects(run.rerunFrom(7), { code: 'INVALID_ARGUMENT', name: 'TypeError' })
  })

  it('where the node has not run', async (t) => {
    const flow = createFlow('stops')
      .node('first', async () => ({ output: 1, action: 'left' }))
      .node('left', async () => ({ output: 2 }))
      .node('right', async () => ({ output: 3 }))
      .edge('first', 'left', { action: 'left' })
      .edge('first', 'right', { action: 'right' })
    const { run } = await ended(t, flow)
    await assert.rejects(run.rerunFrom('right'), { code: 'NODE_NOT_RERUNNABLE' })
  })

  it('where the blueprint is not known here, or is of another version', async (t) => {
    const flow = (version) => {
      const blueprint = chain().toBlueprint()
      return { toBlueprint: () => ({ ...blueprint, metadata: { version } }), getFunctionRegistry: () => registry }
    }
    const registry = chain().getFunctionRegistry()
    const client = clientFor(t, servers, flow('1'))
    const run = await client.start('chain', { context: { amount: 1, unit: 'm' } })
    await assert.rejects(clientFor(t, servers).run(run.runId).rerunFrom('read'), { code: 'BLUEPRINT_UNKNOWN' })
    const newer = clientFor(t, servers, flow('2'))
    await assert.rejects(newer.run(run.runId).rerunFrom('read'), { code: 'BLUEPRINT_VERSION', name: 'SetupError' })
    const { runId } = await run.rerunFrom('read')
    assert.equal((await client.run(runId).describe()).version, '1')
  })

  it('where what is to change could not take effect', async (t) => {
    const flow = createFlow('mapped')
      .node('make', async () => ({ output: 1 }))
      .node('use', async ({ input }) => ({ output: input }), { inputs: 'make' })
      .edge('make', 'use')
    const { run } = await ended(t, flow)
    for (const options of [
      { input: 2 },
      { context: { '_outputs.use': 2 } },
      { context: { a: '\0' } },
      { runId: run.runId },
      { runId: '' },
      { onConflict: 'maybe' },
    ]) {
      await assert.rejects(run.rerunFrom('use', options), TypeError, JSON.stringify(options))
    }
    await assert.rejects(run.rerunFrom('use', { context: { _flowcraft: 1 } }), { code: 'RESERVED_KEY' })
  })

  it('inside a batch or a subflow, which is run as a whole', async (t) => {
    const batch = createFlow('batch')
      .node('make', async () => ({ output: [1, 2] }))
      .batch('each', async ({ input }) => ({ output: input * 2 }), { inputKey: 'make', outputKey: 'doubled' })
      .edge('make', 'each')
    const { run } = await ended(t, batch)
    const { nodes } = await run.describe()
    const worker = nodes.find(({ nodeId }) => nodeId.startsWith('fn_batch'))
    await assert.rejects(run.rerunFrom(worker.nodeId), { code: 'NODE_NOT_RERUNNABLE' })
    const outer = await ended(t, [outerFlow(), innerFlow()])
    assert.ok((await outer.run.describe()).nodes.some(({ nodeId }) => nodeId === 'container/deep'))
    await assert.rejects(outer.run.rerunFrom('container/deep'), { code: 'NODE_NOT_RERUNNABLE' })
    executed.clear()
    const again = await outer.run.rerunFrom('container')
    const { context } = await again.result({ timeoutMs })
    assert.deepEqual([context['_outputs.end'], context['_outputs.container'].deep], ['deep', 'deep'])
    assert.deepEqual(executed.nodes(), ['deep', 'end'])
  })
})

describe('a run again with the id of another', () => {
  it('starts once, however often it is asked for', async (t) => {
    const { run } = await ended(t, chain(), { amount: 1, unit: 'm' })
    const runId = servers.runId()
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => run.rerunFrom('add', { runId })))
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.ok(all.every(({ reason }) => reason === undefined || reason instanceof RunExistsError))
    const same = await run.rerunFrom('add', { runId, onConflict: 'use-existing' })
    assert.deepEqual([same.runId, same.outcome], [runId, 'existing'])
    await same.result({ timeoutMs })
    const anew = await run.rerunFrom('tell', { runId, onConflict: 'restart-if-ended', input: 9 })
    assert.equal(anew.outcome, 'restarted')
    assert.equal((await anew.result({ timeoutMs })).context['_outputs.tell'], '9 m')
  })
})

describe('a join of what stays done and what runs again', () => {
  const flow = flowsToRerun.find((each) => each.flow.toBlueprint().id === 'diamond').flow

  it('waits for no recovery', async (t) => {
    await servers.workerFor(t, flow, { repairInterval: 3_600_000 })
    const client = clientFor(t, servers, flow)
    const run = await client.start('diamond')
    await run.result({ timeoutMs })
    const again = await run.rerunFrom('left', { runId: servers.runId() })
    assert.equal((await again.result({ timeoutMs })).context['_outputs.end'], 'sl+sre')
  })

  it('is found by recovery where the client has no coordination store', async (t) => {
    await servers.workerFor(t, flow, { repairInterval: 500 })
    const client = clientFor(t, servers, flow, { coordinationStore: undefined })
    const run = await client.start('diamond')
    await run.result({ timeoutMs })
    const again = await run.rerunFrom('right')
    assert.equal((await again.result({ timeoutMs })).context['_outputs.end'], 'sl+sre')
  })
})

describe('of a run that goes on', () => {
  it('what is known is copied: siblings that have not ended run again too', async (t) => {
    const gate = deferred()
    const flow = createFlow('going')
      .node(
        'begin',
        executed('begin', () => ({ output: 1 })),
      )
      .node(
        'quick',
        executed('quick', ({ input }) => ({ output: input + 1 })),
      )
      .node(
        'slow',
        executed('slow', async ({ input }) => {
          await gate.promise
          return { output: input + 10 }
        }),
      )
      .node(
        'join',
        executed('join', async ({ context }) => ({
          output: (await context.get('quick')) + (await context.get('slow')),
        })),
      )
      .edge('begin', 'quick')
      .edge('begin', 'slow')
      .edge('quick', 'join')
      .edge('slow', 'join')
    await servers.workerFor(t, flow, { concurrency: 4 })
    const client = clientFor(t, servers, flow)
    const run = await client.start('going')
    for await (const { nodes } of run.watch()) {
      if (nodes.find(({ nodeId }) => nodeId === 'quick')?.state === 'done') break
    }
    executed.clear()
    const again = await run.rerunFrom('quick')
    gate.resolve()
    for (const each of [run, again]) assert.equal((await each.result({ timeoutMs })).context['_outputs.join'], 13)
    assert.deepEqual(
      executed.nodes().filter((id) => id === 'begin'),
      [],
    )
    assert.deepEqual(
      executed.nodes().filter((id) => id === 'quick'),
      ['quick'],
    )
  })

  it('that awaits, the node that waits does so again in the new run', async (t) => {
    const flow = createFlow('asks')
      .node(
        'ask',
        executed('ask', () => ({ output: 'asked' })),
      )
      .wait('approval')
      .node(
        'done',
        executed('done', ({ input }) => ({ output: input })),
      )
      .edge('ask', 'approval')
      .edge('approval', 'done')
    const { starting: client } = await scene(t, servers, flow)
    const run = await client.start('asks')
    await servers.settled(run.runId, ['awaiting'])
    const again = await run.rerunFrom('approval')
    await servers.settled(again.runId, ['awaiting'])
    await again.resume({ output: 'yes' })
    assert.equal((await again.result({ timeoutMs })).context['_outputs.done'], 'yes')
    assert.equal((await run.describe()).status, 'awaiting')
    // What was resumed is not taken over.
    const third = await again.rerunFrom('approval')
    await servers.settled(third.runId, ['awaiting'])
    assert.equal('_resume.output' in (await servers.look(third.runId)).context, false)
    const fourth = await again.rerunFrom('done')
    assert.equal((await fourth.result({ timeoutMs })).context['_outputs.done'], 'yes')
  })
})
