// What an event bus hears of a run's nodes, put together from all workers: what it hears of the run in memory; and core's
// replay makes of it the context that the run ended with.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow, FlowRuntime, SubflowNode } from 'flowcraft'
import { comparable, inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A bus that keeps what it hears. */
function listening() {
  const heard = []
  return { heard, bus: { emit: async (event) => void heard.push(plain(event)) } }
}

/** A copy, as JSON has it, with the keys of objects in order: a JSONB column keeps another one. */
const plain = (event) => JSON.parse(JSON.stringify(event, inOrder))
const inOrder = (_, value) => {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))) : value
}

const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g
const ofOneWorker = ({ type }) => type.startsWith('job:') || type.startsWith('worker:')
/** Said of the run as a whole: a suite of its own is about that. */
const ofTheWhole = ({ type }) => type.startsWith('workflow:')

/** What events say, but for who ran what when: as sorted lines. */
function said(events) {
  const lines = events
    .filter((event) => !ofOneWorker(event) && !ofTheWhole(event))
    .map(({ type, payload: { executionId, sourceNode, error, ...payload } }) => {
      // Core leaves the blueprint of a retry out, and its errors differ in their stacks.
      const { blueprintId, ...rest } = payload
      return `${type} ${JSON.stringify(type === 'node:retry' ? rest : { blueprintId, ...rest })}`
    })
  return lines.map((line) => line.replace(UUID, 'some id')).sort()
}

const value = (output) => async () => ({ output })
const pass = async ({ input }) => ({ output: input })
const throws = async () => {
  throw new Error('down')
}

const FLOWS = {
  'a chain, with keys set and deleted': () =>
    createFlow('chain')
      .node('a', async ({ context }) => {
        await context.set('kept', [1])
        await context.set('gone', 1)
        return { output: { n: 1 } }
      })
      .node('b', async ({ context, input }) => {
        await context.delete('gone')
        return { output: [input] }
      })
      .edge('a', 'b'),
  'a fan and a join': () =>
    createFlow('fan')
      .node('a', value('a'))
      .node('b', value('b'))
      .node('c', value('c'))
      // Which of the two an input without a mapping comes from is nobody's promise.
      .node('j', async ({ input }) => ({ output: [input.b, input.c] }), { inputs: { b: 'b', c: 'c' } })
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'j')
      .edge('c', 'j'),
  'an edge that is not taken': () =>
    createFlow('branch')
      .node('a', async () => ({ output: { ok: false } }))
      .node('b', pass)
      .node('c', pass)
      .edge('a', 'b', { condition: 'result.output.ok' })
      .edge('a', 'c', { transform: 'input.ok' }),
  'a fallback': () =>
    createFlow('fallback')
      .node('p', throws, { config: { fallback: 'f' } })
      .node('f', value('saved'))
      .node('z', pass)
      .edge('p', 'z'),
  'a node that fails': () => createFlow('fails').node('a', value(1)).node('b', throws).edge('a', 'b'),
  'a node that is tried again': () => {
    let n = 0
    const flaky = async () => {
      if (++n < 3) throw new Error('down')
      return { output: n }
    }
    return createFlow('flaky').node('a', flaky, { config: { maxRetries: 3, retryDelay: 1 } })
  },
  'a batch': () =>
    createFlow('batch')
      .node('list', async ({ context }) => {
        await context.set('items', [1, 2, 3])
        return { output: null }
      })
      .batch('w', async ({ input }) => ({ output: input * 2 }), { inputKey: 'items', outputKey: 'results' })
      .node('end', value('end'))
      .edge('list', 'w')
      .edge('w', 'end'),
  'a loop': () =>
    createFlow('loop')
      .node('init', async ({ context }) => {
        await context.set('more', true)
        return { output: 0 }
      })
      .node('body', async ({ context }) => {
        const n = ((await context.get('n')) ?? 0) + 1
        await context.set('n', n)
        await context.set('more', n < 3)
        return { output: n }
      })
      .loop('again', { startNodeId: 'body', endNodeId: 'body', condition: 'more' })
      .node('end', pass)
      .edge('init', 'again')
      .edge('again', 'end'),
}

/** A batch's worker is named after its function, by a count of all functions of the process: one flow serves both. */
async function both(flow, again = flow) {
  const [memory, distributed] = [listening(), listening()]
  const ended = await inMemory(flow, {}, { eventBus: memory.bus })
  const run = await servers.runAlone(again, { runtime: { eventBus: distributed.bus }, workers: 2 })
  assert.equal(run.status, ended.status)
  return { memory: memory.heard, distributed: distributed.heard, run }
}

describe('the events of nodes', () => {
  for (const [name, make] of Object.entries(FLOWS)) {
    it(`are those in memory: ${name}`, async () => {
      const flow = make()
      // Only a flow with a count of its own needs another for its second run.
      const { memory, distributed } = await both(flow, name.includes('again') ? make() : flow)
      const ids = /fn_[a-z_]*[0-9a-f]+/g
      const lines = (events) => said(events).map((line) => line.replace(ids, 'worker'))
      assert.deepEqual(lines(distributed), lines(memory))
    })
  }

  it('are those in memory: a subflow', async () => {
    const inner = createFlow('inner').node('a', value('in')).node('b', pass).edge('a', 'b')
    const outer = createFlow('outer').node('s', SubflowNode, { params: { blueprintId: 'inner' } })
    const blueprints = { inner: inner.toBlueprint() }
    const registry = Object.fromEntries(inner.getFunctionRegistry())
    const [memory, distributed] = [listening(), listening()]
    await inMemory(outer, {}, { eventBus: memory.bus, blueprints, registry })
    await servers.freshQueue()
    const adapter = servers.adapter([outer, inner], { runtime: { eventBus: distributed.bus } })
    await servers.settled(await servers.begin(outer))
    await adapter.stop()
    assert.deepEqual(said(distributed.heard), said(memory.heard))
  })

  for (const name of ['a chain, with keys set and deleted', 'a fan and a join', 'a batch', 'a loop']) {
    it(`make the run's context again, in core's replay: ${name}`, async () => {
      const flow = FLOWS[name]()
      const { distributed, run } = await both(flow)
      const ids = flow.toBlueprint().nodes.map(({ id }) => id)
      const [{ payload }] = distributed.filter(({ type }) => type === 'node:finish')
      const replayed = await new FlowRuntime().replay(flow.toBlueprint(), distributed, payload.executionId)
      const own = (context) => {
        const { _flowcraft: _, ...rest } = comparable(context, ids)
        return Object.fromEntries(Object.entries(rest).filter(([key]) => !key.startsWith('fn_')))
      }
      assert.deepEqual(own(replayed.context), own(run.result.payload.context))
    })
  }

  it('make the output of a fallback again, in core’s replay', async () => {
    const flow = FLOWS['a fallback']()
    const { distributed } = await both(flow)
    const [{ payload }] = distributed.filter(({ type }) => type === 'node:finish')
    const { context } = await new FlowRuntime().replay(flow.toBlueprint(), distributed, payload.executionId)
    assert.equal(context['_outputs.f'], 'saved')
  })

  it('tell what a paused node was resumed with', async (t) => {
    const { heard, bus } = listening()
    const flow = createFlow('asks').wait('ask').node('after', pass).edge('ask', 'after')
    const adapter = await servers.workerFor(t, flow, { runtime: { eventBus: bus } })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, '', 'yes')
    await servers.settled(runId)
    const changes = heard.filter(({ type, payload }) => type === 'context:change' && payload.value === 'yes')
    assert.ok(changes.some(({ payload }) => payload.key === '_outputs.ask' && payload.executionId === runId))
  })
})

describe('the events of jobs', () => {
  it('name the execution beside the run: they are one', async (t) => {
    const { heard, bus } = listening()
    const flow = createFlow('jobs').node('a', value(1)).node('b', throws).edge('a', 'b')
    await servers.workerFor(t, flow, { eventBus: bus })
    const runId = await servers.begin(flow)
    await servers.settled(runId)
    const types = ['job:enqueued', 'job:processed', 'job:failed']
    await until(() => types.every((type) => heard.some((event) => event.type === type)))
    for (const { type, payload } of heard.filter((event) => types.includes(event.type))) {
      assert.equal(payload.runId, runId, type)
      assert.equal(payload.executionId, runId, type)
    }
  })
})
