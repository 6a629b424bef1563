// Retries through the queue: what user code does and what an event bus hears is what it is in memory.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BaseNode, createFlow, FlowcraftError, FlowRuntime, SubflowNode } from 'flowcraft'
import { inMemory, openSharedServers } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** What is called of a class node, in its order; `fails` says of each call of a method whether it throws. */
function recorded(fails) {
  const calls = []
  const call = (name) => {
    calls.push(name)
    const error = fails(name, calls.filter((each) => each === name).length)
    if (error) throw error
  }
  class Fetch extends BaseNode {
    async prep() {
      call('prep')
      return 'prepared'
    }
    async exec() {
      call('exec')
      return { output: 'fresh' }
    }
    async post(result) {
      call('post')
      return result
    }
    async fallback(error) {
      call('fallback')
      return { output: `instead of: ${error.message}` }
    }
    async recover() {
      call('recover')
    }
  }
  return { calls, Fetch }
}

const down = new Error('down')
const config = { maxRetries: 3, retryDelay: 20 }

/** A bus that keeps what it hears of nodes, as text. */
function listening() {
  const heard = []
  const told = []
  const emit = async (event) => {
    told.push(event)
    const { nodeId, attempt, blueprintId } = event.payload
    // Core leaves the blueprint of a retry out.
    const parts = event.type === 'node:retry' ? [nodeId, attempt] : [blueprintId, nodeId]
    if (event.type.startsWith('node:')) heard.push([event.type, ...parts].join(' '))
  }
  return { heard, told, bus: { emit } }
}

/** Runs a flow in memory and through the queue; answers with both outcomes and what either's bus heard. */
async function both(make, { blueprints = {}, registry = {} } = {}) {
  const runs = []
  for (const where of ['in memory', 'queue']) {
    const { flow, calls } = make()
    const { heard, told, bus } = listening()
    const runtime = { eventBus: bus, registry }
    if (where === 'in memory') {
      const { status, context } = await inMemory(flow, {}, { ...runtime, blueprints })
      runs.push({ status, context, calls, heard })
    } else {
      const more = Object.values(blueprints).map((blueprint) => ({
        toBlueprint: () => blueprint,
        getFunctionRegistry: () => new Map(),
      }))
      const options = { runtime, retryMode: 'queue', workers: 2 }
      const { status, context } = await alone([flow, ...more], options)
      runs.push({ status, context, calls, heard, told, flow })
    }
  }
  const [memory, queue] = runs
  assert.equal(queue.status, memory.status)
  assert.deepEqual([...queue.heard].sort(), [...memory.heard].sort())
  return { memory, queue }
}

/** The run of the first flow, on workers that have all of them. */
async function alone([flow, ...more], { workers, ...options }) {
  await servers.freshQueue()
  const adapters = Array.from({ length: workers }, () => servers.adapter([flow, ...more], options))
  try {
    return await servers.settled(await servers.begin(flow))
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.stop()))
  }
}

const once = (calls) => calls.filter((name, index) => name !== 'prep' || calls.indexOf('prep') === index)

describe('a class node', () => {
  const cases = {
    'falls back after its last attempt, and only then': (name) => name === 'exec' && down,
    'mended by its second attempt neither falls back nor recovers': (name, n) => name === 'exec' && n === 1 && down,
    'whose prep fails is not tried again': (name) => name === 'prep' && down,
    'whose post fails is not tried again': (name) => name === 'post' && down,
    'whose fallback fails fails with that': (name) => name !== 'prep' && name !== 'recover' && down,
    'that fails fatally is not tried again': (name) =>
      name === 'exec' && new FlowcraftError('broken for good', { isFatal: true }),
  }
  for (const [name, fails] of Object.entries(cases)) {
    it(name, async () => {
      const { memory, queue } = await both(() => {
        const { calls, Fetch } = recorded(fails)
        return { flow: createFlow('fetches').node('a', Fetch, { config }), calls }
      })
      // Each attempt prepares anew: it may be another worker's.
      assert.deepEqual(once(queue.calls), memory.calls)
      assert.equal(queue.context['_outputs.a'], memory.context['_outputs.a'])
    })
  }

  it('keeps the fallback of its definition for the last attempt, too', async () => {
    const { memory, queue } = await both(() => {
      const { calls, Fetch } = recorded((name) => (name === 'exec' || name === 'fallback') && down)
      const flow = createFlow('instead').node('a', Fetch, { config: { ...config, fallback: 'b' } })
      return { flow: flow.node('b', async () => ({ output: 'b' })), calls }
    })
    assert.deepEqual(once(queue.calls), memory.calls)
    assert.equal(queue.context['_outputs.b'], 'b')
  })
})

describe('a function', () => {
  it('tells of its retries as in memory, with the error', async () => {
    const { queue } = await both(() => {
      let n = 0
      const flaky = async () => {
        if (++n < 3) throw new Error(`down ${n}`)
        return { output: n }
      }
      return {
        flow: createFlow('flaky')
          .node('a', flaky, { config })
          .node('b', () => ({ output: 1 }))
          .edge('a', 'b'),
      }
    })
    assert.deepEqual(
      queue.heard.filter((line) => line.startsWith('node:retry')),
      ['node:retry a 1', 'node:retry a 2'],
    )
    const retries = queue.told.filter(({ type }) => type === 'node:retry')
    assert.match(retries[1].payload.error.message, /down 2|execution failed/)
    const runId = retries[0].payload.executionId
    const replayed = await new FlowRuntime().replay(queue.flow.toBlueprint(), queue.told, runId)
    assert.deepEqual(replayed.errors ?? [], [], 'an error that was mended is none')
  })

  it('whose every attempt fails has failed once', async () => {
    const { queue } = await both(() => ({
      flow: createFlow('broken').node(
        'a',
        async () => {
          throw down
        },
        { config },
      ),
    }))
    assert.equal(queue.heard.filter((line) => line.startsWith('node:error')).length, 1)
  })

  it('is not tried again where middleware fails', async () => {
    let asked = 0
    const middleware = [
      {
        beforeNode: async () => {
          asked += 1
          throw down
        },
      },
    ]
    const flow = createFlow('guarded').node('a', async () => ({ output: 1 }), { config })
    const { status } = await alone([flow], { workers: 1, runtime: { middleware }, retryMode: 'queue' })
    assert.equal(status, 'failed')
    assert.equal(asked, 1)
  })

  it('is tried again after its time is up', async () => {
    let n = 0
    const slow = async ({ signal }) => {
      if (++n < 2) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { output: n }
    }
    const flow = createFlow('slow').node('a', slow, { config: { ...config, timeout: 100 } })
    const { status, context } = await alone([flow], { workers: 1, retryMode: 'queue' })
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.a'], 2)
  })
})

describe('inside a subflow', () => {
  it('nodes are tried again within the subflow’s job', async () => {
    let n = 0
    const flaky = async () => {
      if (++n < 3) throw down
      return { output: n }
    }
    const inner = createFlow('inner').node('flaky', flaky, { config })
    const { queue } = await both(
      () => {
        n = 0
        return { flow: createFlow('outer').node('s', SubflowNode, { params: { blueprintId: 'inner' } }) }
      },
      { blueprints: { inner: inner.toBlueprint() }, registry: Object.fromEntries(inner.getFunctionRegistry()) },
    )
    assert.equal(queue.status, 'completed')
    assert.equal(queue.context['_outputs.s'], 3)
  })

  it('the subflow’s own retries go through the queue, and tell so', async () => {
    let n = 0
    const flaky = async () => {
      if (++n < 2) throw down
      return { output: n }
    }
    const inner = createFlow('inner').node('flaky', flaky)
    const { queue } = await both(
      () => {
        n = 0
        return { flow: createFlow('outer').node('s', SubflowNode, { params: { blueprintId: 'inner' }, config }) }
      },
      { blueprints: { inner: inner.toBlueprint() }, registry: Object.fromEntries(inner.getFunctionRegistry()) },
    )
    assert.equal(queue.context['_outputs.s'], 2)
    assert.ok(queue.heard.includes('node:retry s 1'))
  })
})

describe('the workers of a batch', () => {
  const batch = (id, Worker) =>
    createFlow(id)
      .node('list', async ({ context }) => {
        await context.set('items', [1, 2, 3])
        return { output: null }
      })
      .batch('w', Worker, { inputKey: 'items', outputKey: 'results' })
      .edge('list', 'w')

  it('fall back as in memory', async () => {
    class Odd extends BaseNode {
      async exec(item) {
        if (item % 2 === 0) throw down
        return { output: item }
      }
      async fallback() {
        return { output: 'even' }
      }
    }
    const memory = await inMemory(batch('items', Odd))
    const { status, context } = await alone([batch('items', Odd)], { workers: 2, retryMode: 'queue' })
    assert.equal(status, memory.status)
    assert.deepEqual(context['_outputs.w_gather'], memory.context['_outputs.w_gather'])
    assert.deepEqual(context.results, memory.context.results)
  })

  it('are tried as often as getQueueRetryOptions says', async () => {
    const tried = new Map()
    const worker = async ({ input }) => {
      tried.set(input, (tried.get(input) ?? 0) + 1)
      if (tried.get(input) < 3) throw down
      return { output: input * 10 }
    }
    const { RabbitMqAdapter } = await import('../../dist/index.js')
    class Persistent extends RabbitMqAdapter {
      getQueueRetryOptions() {
        return { attempts: 3, delay: 10 }
      }
    }
    const options = { workers: 2, retryMode: 'queue', Adapter: Persistent }
    const { status, context } = await alone([batch('tens', worker)], options)
    assert.equal(status, 'completed')
    assert.deepEqual(context.results, [10, 20, 30])
    assert.deepEqual([...tried.values()], [3, 3, 3])
  })
})
