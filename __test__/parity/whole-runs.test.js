// What is told of a run as a whole: that it starts, pauses, goes on and finishes. Once where nothing fails, whoever does what,
// and again under the same id where a worker died before it was heard.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow, SubflowNode } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { environmentFor } from '../testing/support.js'
import { assertDistinct, Bus, chain, pass, value, waits } from './hearing.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const throws = async () => {
  throw new Error('down')
}

describe('a run', () => {
  /** A worker, or several, that a bus listens to. */
  async function listening(t, flows, { workers = 1, ...options } = {}) {
    const bus = new Bus()
    const adapter = await servers.workerFor(t, flows, { eventBus: bus, ...options })
    for (let more = 1; more < workers; more += 1) {
      const other = servers.adapter(flows, { eventBus: bus, ...options })
      t.after(() => other.stop())
    }
    return { bus, adapter }
  }

  it('pauses and goes on many times, each with an id of its own', async (t) => {
    const { bus, adapter } = await listening(t, waits())
    const runId = await servers.begin(waits())
    for (const node of ['one', 'two']) {
      const awaits = async () => (await servers.look(runId)).context._awaitingNodeIds?.includes(node)
      await until(awaits, { what: `${node} to wait` })
      await adapter.resumeWithAction(runId, '', 'yes', node)
    }
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'pause', 'resume', 'pause', 'resume', 'finish completed'])
    assertDistinct(bus.whole(runId))
  })

  it('with two nodes that wait side by side pauses once both do, and goes on with the first', async (t) => {
    const flow = createFlow('side').wait('l').wait('r').node('j', value('j')).edge('l', 'j').edge('r', 'j')
    const { bus, adapter } = await listening(t, flow, { workers: 2 })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await until(() => bus.words(runId).includes('pause'))
    await adapter.resumeWithAction(runId, '', 1, 'l')
    await until(() => bus.words(runId).filter((word) => word === 'pause').length === 2)
    await adapter.resumeWithAction(runId, '', 2, 'r')
    await bus.untilFinished(runId)
    const words = ['start', 'resume', 'pause', 'resume', 'pause', 'resume', 'finish completed']
    assert.deepEqual(bus.words(runId), words)
    assertDistinct(bus.whole(runId))
  })

  it('whose nodes are resumed together goes on once', async (t) => {
    const flow = createFlow('both').wait('l').wait('r').node('j', value('j')).edge('l', 'j').edge('r', 'j')
    const { bus, adapter } = await listening(t, flow, { workers: 2 })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, '', 1)
    await bus.untilFinished(runId)
    const words = bus.words(runId)
    assert.deepEqual(words, ['start', 'resume', 'pause', 'resume', 'finish completed'])
  })

  it('whose event came before it was waited for does not pause', async (t) => {
    const flow = createFlow('early')
      .node('a', pass)
      .wait('w', { params: { eventName: 'early' } })
      .edge('a', 'w')
    const bus = new Bus()
    const adapter = await servers.workerFor(t, flow, { eventBus: bus, started: false })
    const runId = await servers.begin(flow)
    await adapter.sendEvent(runId, 'early', 1)
    adapter.start()
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'finish completed'])
  })

  it('that sleeps pauses and goes on by itself', async (t) => {
    const flow = createFlow('sleeps').sleep('nap', { duration: 1 }).node('b', pass).edge('nap', 'b')
    const { bus } = await listening(t, flow)
    const runId = await servers.begin(flow)
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'pause', 'resume', 'finish completed'])
  })

  it('that waits inside its subflow pauses; the subflow is no run of its own', async (t) => {
    const inner = createFlow('inner').wait('ask').node('done', pass).edge('ask', 'done')
    const outer = createFlow('outer').node('s', SubflowNode, { params: { blueprintId: 'inner' } })
    const { bus, adapter } = await listening(t, [outer, inner])
    const runId = await servers.begin(outer)
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, '', 'yes')
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'pause', 'resume', 'finish completed'])
    assert.deepEqual(new Set(bus.whole(runId).map(({ payload }) => payload.blueprintId)), new Set(['outer']))
  })

  it('that begins with several nodes is told to start once', async (t) => {
    const starts = ['a', 'b', 'c', 'd']
    const flow = createFlow('wide')
    for (const id of starts) flow.node(id, value(id))
    const { bus } = await listening(t, flow, { workers: 3 })
    const runIds = await Promise.all([1, 2, 3].map(() => servers.begin(flow)))
    for (const runId of runIds) {
      await bus.untilFinished(runId)
      assert.deepEqual(bus.words(runId), ['start', 'resume', 'finish completed'])
    }
  })

  it('that fails says why, also after many others', async (t) => {
    const flow = createFlow('down').node('a', async () => {
      throw new Error('down')
    })
    const { bus } = await listening(t, flow)
    const runIds = await Promise.all(Array.from({ length: 20 }, () => servers.begin(flow)))
    for (const runId of runIds) {
      await bus.untilFinished(runId)
      assert.match(bus.whole(runId).at(-1).payload.errors[0].message, /down/)
    }
  })

  it('that fails says why, and one that is tried again goes on and finishes again', async (t) => {
    let n = 0
    const flow = createFlow('again').node('a', async () => {
      if (++n === 1) throw new Error('down')
      return { output: n }
    })
    const { bus, adapter } = await listening(t, flow)
    const runId = await servers.begin(flow)
    await bus.untilFinished(runId)
    const [error, ...others] = bus.whole(runId).at(-1).payload.errors
    assert.deepEqual([error.nodeId, error.isFatal, others], ['a', false, []])
    assert.match(error.message, /down/)
    assert.ok(!Number.isNaN(Date.parse(error.timestamp)))
    await adapter.retry(runId)
    await bus.untilFinished(runId, 2)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'finish failed', 'resume', 'finish completed'])
    assert.equal(bus.whole(runId).at(-1).payload.errors, undefined)
    assertDistinct(bus.whole(runId))
  })

  it('whose time limit passes, or whose condition throws, finishes as failed', async (t) => {
    const late = createFlow('late').node('a', () => new Promise(() => {}), { config: { timeout: 20 } })
    const condition = createFlow('condition').node('a', value(1)).node('b', pass).edge('a', 'b', { condition: 'x' })
    const evaluator = {
      evaluate: () => {
        throw new Error('no such name')
      },
    }
    const { bus } = await listening(t, [late, condition], { runtime: { evaluator } })
    for (const flow of [late, condition]) {
      const runId = await servers.begin(flow)
      await bus.untilFinished(runId)
      assert.deepEqual(bus.words(runId), ['start', 'resume', 'finish failed'])
    }
  })

  it('that is cancelled pauses and finishes, once', async (t) => {
    const { bus, adapter } = await listening(t, waits())
    const runId = await servers.begin(waits())
    await servers.settled(runId, ['awaiting'])
    await until(() => bus.words(runId).includes('pause'))
    assert.equal(await adapter.cancel(runId, 'enough'), true)
    assert.equal(await adapter.cancel(runId, 'enough'), false)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'pause', 'finish cancelled'])
    const [error] = bus.whole(runId).at(-1).payload.errors
    assert.deepEqual([error.name, error.message, error.isFatal], ['WorkflowError', 'enough', false])
    assertDistinct(bus.whole(runId))
  })

  it('that ends before it began is told to start all the same: replay needs it', async (t) => {
    const bus = new Bus()
    const adapter = await servers.workerFor(t, chain(), { eventBus: bus, started: false })
    const runId = await servers.begin(chain())
    await adapter.cancel(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'pause', 'finish cancelled'])
  })

  it('that cannot go on stalls', async (t) => {
    const { bus } = await listening(t, chain())
    const runId = servers.runId()
    await servers.insert(runId, '{}')
    await servers.insertStatus(runId)
    await servers.send({ runId, blueprintId: 'chain', nodeId: '' })
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'stall', 'pause', 'finish failed'])
    assert.equal(typeof bus.whole(runId)[2].payload.remainingNodes, 'number')
  })

  it('with a fallback that took over completes', async (t) => {
    const flow = createFlow('fallback')
      .node('p', throws, { config: { fallback: 'f' } })
      .node('f', value('saved'))
    const { bus } = await listening(t, flow)
    const runId = await servers.begin(flow, {}, { starts: ['p'] })
    await bus.untilFinished(runId)
    assert.deepEqual(bus.words(runId), ['start', 'resume', 'finish completed'])
  })
})

describe('a run of a client that hears nothing', () => {
  it('is told by the worker that goes on with it', async (t) => {
    const bus = new Bus()
    const env = await environmentFor(t, { waits: waits() }, { adapter: { eventBus: bus }, workers: 2 })
    const run = await env.client.start('waits')
    await env.expectRun(run).toAwait('one')
    await run.resume({ output: 1 })
    await env.expectRun(run).toAwait('two')
    await run.resume({ output: 2 })
    await env.expectRun(run).toHaveCompleted()
    assert.deepEqual(bus.words(run.runId), [
      'start',
      'resume',
      'pause',
      'resume',
      'pause',
      'resume',
      'finish completed',
    ])
    assertDistinct(bus.whole(run.runId))
  })

  it('begins anew under its id, and is told so', async (t) => {
    const bus = new Bus()
    const env = await environmentFor(t, { chain: chain() }, { adapter: { eventBus: bus } })
    for (const runId of ['again', 'again']) {
      const run = await env.client.start('chain', { runId, onConflict: 'restart-if-ended' })
      await env.expectRun(run).toHaveCompleted()
    }
    const once = ['start', 'resume', 'finish completed']
    assert.deepEqual(bus.words('again'), [...once, ...once])
    assertDistinct(bus.whole('again'))
  })
})

describe('a worker that dies', () => {
  /** Kills the worker that tells an event for the first time, before anybody has heard it. */
  async function killedWhileTelling(t, type, flow) {
    const bus = new Bus()
    let killed
    const lost = []
    const eventBus = {
      emit: async (event) => {
        if (event.type !== type || killed) return bus.emit(event)
        lost.push(event)
        killed = env.killWorker()
        return new Promise(() => {})
      },
    }
    const env = await environmentFor(t, { [flow.toBlueprint().id]: flow }, { adapter: { eventBus } })
    const run = await env.client.start(flow.toBlueprint().id)
    await until(() => killed !== undefined, { what: `${type} to be told` })
    await killed
    await env.settle()
    return { env, run, bus, lost }
  }

  for (const [type, make] of [
    ['workflow:start', chain],
    ['workflow:pause', waits],
    ['workflow:finish', chain],
  ]) {
    it(`before it has told ${type}: another one tells it, under the same id`, async (t) => {
      const { run, bus, lost } = await killedWhileTelling(t, type, make())
      const again = bus.whole(run.runId).filter((event) => event.type === type)
      assert.ok(again.length >= 1, `${type} was told again`)
      assert.deepEqual(new Set(again.map(({ id }) => id)), new Set(lost.map(({ id }) => id)))
    })
  }
})
