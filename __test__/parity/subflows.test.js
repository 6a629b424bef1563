// The nodes of a subflow are jobs of the run: what holds for a node of the run's own blueprint holds inside.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseNode, createFlow, SubflowNode, UnsafeEvaluator } from 'flowcraft'
import { declared, outputs } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** A flow of one container, `s`, and a node after it, `z`. */
function around(id, inner, { params = {}, config } = {}) {
  return declared(
    {
      id,
      nodes: [
        { id: 's', uses: 'subflow', params: { blueprintId: inner, ...params }, ...(config && { config }) },
        { id: 'z', uses: `${id}.z` },
      ],
      edges: [{ source: 's', target: 'z' }],
    },
    { [`${id}.z`]: async ({ input }) => ({ output: input }) },
  )
}

/** Workers that execute the nodes of subflows as jobs. */
async function workers(t, flows, { count = 1, ...options } = {}) {
  const given = { subflows: 'jobs', ...options }
  const first = await servers.workerFor(t, flows, given)
  const more = Array.from({ length: count - 1 }, () => servers.adapter(flows, given))
  for (const adapter of more) t.after(() => adapter.stop())
  return [first, ...more]
}

/** A bus that hears which nodes start. */
function listening() {
  const events = []
  return { events, bus: { emit: async (event) => void events.push(event) } }
}

const started = (events, id) =>
  events.filter(({ type, payload }) => type === 'node:start' && payload.nodeId === id).length

/** What is left of subflows in a context. */
const inner = (context) => Object.keys(context).filter((key) => key.startsWith('_flowcraft/'))

/** Runs a flow inside a container, on workers of its own. */
async function inside(t, flow, { context = {}, params, config, ...options } = {}) {
  const outer = around('outer', flow.toBlueprint().id, { params, config })
  const heard = listening()
  const runtime = { eventBus: heard.bus, evaluator: new UnsafeEvaluator(), ...options.runtime }
  await workers(t, [outer, flow], { ...options, runtime })
  const settled = await servers.run(outer, context)
  assert.deepEqual(inner(settled.context), [], 'nothing inside is left')
  return { ...settled, ...heard }
}

describe('inside a subflow', () => {
  it('the nodes are jobs of the run, and give what core gives', async (t) => {
    const flow = createFlow('plain')
      .node('a', async ({ context }) => ({ output: (await context.get('x')) + 1 }))
      .node('b', async ({ input, context }) => {
        await context.set('y', input * 2)
        return { output: input * 10 }
      })
      .edge('a', 'b')
    const params = { inputs: { x: 'amount' }, outputs: { result: 'b', y: 'y' } }
    const { status, context, events } = await inside(t, flow, { context: { amount: 4 }, params })
    assert.equal(status, 'completed')
    assert.deepEqual([context.result, context.y], [50, 10])
    const whole = context['_outputs.s']
    assert.deepEqual([whole.x, whole.a, whole['_outputs.b'], whole.y], [4, 5, 50, 10])
    const order = events
      .filter(({ type }) => /node:(start|finish)/.test(type))
      .map(({ type, payload }) => [type, payload.nodeId].join(' '))
    assert.deepEqual(order, [
      'node:start s',
      'node:start a',
      'node:finish a',
      'node:start b',
      'node:finish b',
      'node:finish s',
      'node:start z',
      'node:finish z',
    ])
  })

  it('a node that takes too long fails, and so does its container', async (t) => {
    const flow = createFlow('slow').node('slow', () => sleep(600, { output: 'too late' }), { config: { timeout: 100 } })
    const { status, result } = await inside(t, flow)
    assert.equal(status, 'failed')
    assert.match(
      result.reason,
      /^Node 's' failed: Sub-workflow 'slow' did not complete .* Unknown error: Node 'slow' timed out after 100 ms$/,
    )
  })

  it('an `any` join runs once', async (t) => {
    const flow = createFlow('any')
      .node('a', async () => ({ output: 'a' }))
      .node('b', () => sleep(60, { output: 'b' }))
      .node('b2', async () => ({ output: 'b2' }))
      .node('j', async () => ({ output: 'j' }), { config: { joinStrategy: 'any' } })
      .edge('a', 'j')
      .edge('b', 'b2')
      .edge('b2', 'j')
    const { status, events } = await inside(t, flow)
    assert.deepEqual([status, started(events, 'j'), started(events, 'b2')], ['completed', 1, 1])
  })

  it('a batch comes in chunks, each worker once', async (t) => {
    const seen = []
    const flow = createFlow('batch')
      .node('list', async ({ context }) => {
        await context.set('items', [1, 2, 3, 4, 5])
        return { output: 1 }
      })
      .batch(
        'w',
        async ({ input }) => {
          seen.push(input)
          return { output: input * 2 }
        },
        { inputKey: 'items', outputKey: 'doubled', chunkSize: 2 },
      )
      .node('end', async ({ context }) => ({ output: await context.get('doubled') }))
      .edge('list', 'w')
      .edge('w', 'end')
    const { status, context } = await inside(t, flow)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.z'], [2, 4, 6, 8, 10])
    assert.deepEqual(seen.sort(), [1, 2, 3, 4, 5])
  })

  it('a lone edge whose action is not returned is not taken', async (t) => {
    const flow = createFlow('edge')
      .node('a', async () => ({ output: 1, action: 'no' }))
      .node('b', async () => ({ output: 'b ran' }))
      .edge('a', 'b', { action: 'yes' })
    const { status, events } = await inside(t, flow)
    assert.deepEqual([status, started(events, 'b')], ['completed', 0])
  })

  it('a fallback takes over, and what is behind both runs once', async (t) => {
    const flow = createFlow('fallback')
      .node(
        'p',
        async () => {
          throw new Error('no')
        },
        { config: { fallback: 'f' } },
      )
      .node('f', async () => ({ output: 'f' }))
      .node('y', async () => ({ output: 'y ran' }))
      .edge('p', 'y')
      .edge('f', 'y')
    const { status, context, events } = await inside(t, flow)
    assert.deepEqual([status, context['_outputs.z'], started(events, 'y')], ['completed', 'y ran', 1])
  })

  it('a node behind primary and fallback runs where the primary is well', async (t) => {
    const flow = createFlow('primary')
      .node('p', async () => ({ output: 'p' }), { config: { fallback: 'f' } })
      .node('f', async () => ({ output: 'f' }))
      .node('y', async () => ({ output: 'y ran' }))
      .edge('p', 'y')
      .edge('f', 'y')
    const { status, events } = await inside(t, flow)
    assert.deepEqual([status, started(events, 'y'), started(events, 'f')], ['completed', 1, 0])
  })

  it('a node that returns nothing is done', async (t) => {
    const flow = createFlow('nothing')
      .node('a', async () => undefined)
      .node('b', async () => ({ output: 'b ran' }))
      .edge('a', 'b')
    const { status, context } = await inside(t, flow)
    assert.deepEqual([status, context['_outputs.z']], ['completed', 'b ran'])
  })

  it('a blueprint that is a mistake fails its container, and nothing of it runs', async (t) => {
    const twice = createFlow('twice').node('a', async () => ({ output: 1 }))
    twice.node('a', async () => ({ output: 2 }))
    const nowhere = createFlow('nowhere')
      .node('a', async () => ({ output: 1 }))
      .edge('a', 'gone')
    for (const [flow, reason] of [
      [twice, /several nodes with the id 'a'/],
      [nowhere, /no node 'gone'/],
    ]) {
      const { status, result, events } = await inside(t, flow)
      assert.deepEqual([status, started(events, 'a')], ['failed', 0])
      assert.match(result.reason, reason)
    }
  })

  it('a loop goes round, and a branch is decided', async (t) => {
    const flow = createFlow('loop')
      .node('init', async ({ context }) => {
        await context.set('n', 0)
        return { output: 0 }
      })
      .node('step', async ({ context }) => {
        const n = (await context.get('n')) + 1
        await context.set('n', n)
        return { output: n }
      })
      .node('out', async ({ context }) => ({ output: await context.get('n') }))
      .loop('l', { startNodeId: 'step', endNodeId: 'step', condition: 'n < 3' })
      .edge('init', 'l')
      .edge('l', 'out')
    const { status, context, events } = await inside(t, flow)
    assert.deepEqual([status, context['_outputs.z'], started(events, 'step')], ['completed', 3, 3])
  })

  it('names of any kind lead to their nodes', async (t) => {
    const blueprint = {
      id: 'odd',
      nodes: [
        { id: 'a/b', uses: 'odd' },
        { id: '~1', uses: 'odd' },
        { id: '/', uses: 'odd' },
      ],
      edges: [
        { source: 'a/b', target: '~1' },
        { source: '~1', target: '/' },
      ],
    }
    const flow = declared(blueprint, { odd: async ({ input }) => ({ output: `${input ?? ''}x` }) })
    const { status, context } = await inside(t, flow)
    assert.deepEqual([status, context['_outputs.z']], ['completed', 'xxx'])
  })

  it('the same blueprint in two containers, and in itself, has a context each', async (t) => {
    const leaf = createFlow('leaf').node('n', async ({ context, input }) => {
      const before = await context.get('mine')
      await context.set('mine', input)
      return { output: [before ?? null, input] }
    })
    const node = (id, value) => [id, async () => ({ output: value })]
    const both = createFlow('both')
      .node(...node('one', 1))
      .node(...node('two', 2))
      .node('s1', SubflowNode, { params: { blueprintId: 'leaf' } })
      .node('s2', SubflowNode, { params: { blueprintId: 'leaf' } })
      .node('end', async ({ context }) => ({
        output: [
          await context.get('_outputs.s1'),
          await context.get('_outputs.s2'),
          (await context.get('mine')) ?? 'not seen',
        ],
      }))
      .edge('one', 's1')
      .edge('two', 's2')
      .edge('s1', 'end')
      .edge('s2', 'end')
    await workers(t, [both, leaf], { count: 2 })
    const { status, context } = await servers.run(both)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.end'], [[null, 1], [null, 2], 'not seen'])
  })

  it('a blueprint that runs itself ends where its input says, or fails where it never does', async (t) => {
    const down = createFlow('down')
      .node('check', async ({ input, context }) => {
        const left = (await context.get('left')) ?? input
        await context.set('left', left - 1)
        return { output: left, action: left > 0 ? 'again' : 'end' }
      })
      .node('deeper', SubflowNode, {
        params: { blueprintId: 'down', inputs: { left: 'left' }, outputs: { depth: 'depth' } },
      })
      .node('count', async ({ context }) => {
        await context.set('depth', ((await context.get('depth')) ?? 0) + 1)
        return { output: await context.get('depth') }
      })
      .edge('check', 'deeper', { action: 'again' })
      .edge('deeper', 'count')
    await workers(t, [down], { count: 2 })
    const { status, context } = await servers.run(down, { left: 5 })
    assert.deepEqual([status, context.depth], ['completed', 5])
    assert.deepEqual(inner(context), [])
  })

  it('a batch of subflows runs each item in an instance of its own', async (t) => {
    const item = createFlow('item')
      .node('double', async ({ input }) => ({ output: input * 2 }))
      .node('add', async ({ input }) => ({ output: input + 1 }))
      .edge('double', 'add')
    class EachItem extends SubflowNode {
      constructor(_params, nodeId) {
        super({ blueprintId: 'item' }, nodeId)
      }
    }
    const batch = createFlow('many')
      .node('list', async ({ context }) => {
        await context.set(
          'items',
          Array.from({ length: 12 }, (_, index) => index),
        )
        return { output: 'listed' }
      })
      .batch('each', EachItem, { inputKey: 'items', outputKey: 'done' })
      .edge('list', 'each')
    await workers(t, [batch, item], { count: 2 })
    const { status, context, result } = await servers.run(batch)
    assert.equal(status, 'completed', result?.reason)
    assert.deepEqual(
      context.done,
      Array.from({ length: 12 }, (_, index) => index * 2 + 1),
    )
  })

  it('a node sees what its siblings wrote, and nothing outside does', async (t) => {
    const flow = createFlow('shared')
      .node('write', async ({ context }) => {
        await context.set('said', 'hello')
        return { output: 1 }
      })
      .node('read', async ({ context }) => ({
        output: [await context.get('said'), await context.has('secret'), Object.keys(await context.toJSON()).sort()],
      }))
      .edge('write', 'read')
    const { context } = await inside(t, flow, { context: { secret: 1 } })
    const [said, secret, keys] = context['_outputs.z']
    assert.deepEqual([said, secret], ['hello', false])
    assert.deepEqual(keys, ['_inputs.read', '_outputs.write', 'said', 'write'])
    assert.equal(context.said, undefined)
  })
})

describe('retries inside a subflow', () => {
  const flaky = (id, fails) => {
    let tries = 0
    const flow = createFlow(id).node(
      'flaky',
      async () => {
        tries += 1
        if (tries <= fails) throw new Error(`down ${tries}`)
        return { output: 'ok' }
      },
      { config: { maxRetries: 3, retryDelay: 20 } },
    )
    return { flow, tries: () => tries }
  }

  for (const retryMode of ['in-process', 'queue']) {
    it(`go as they go at the top (${retryMode})`, async (t) => {
      const { flow, tries } = flaky('flaky', 2)
      const { status, context, events } = await inside(t, flow, { retryMode })
      assert.deepEqual([status, context['_outputs.s'], tries()], ['completed', 'ok', 3])
      assert.equal(events.filter(({ type }) => type === 'node:retry').length, 2)
      assert.equal(events.filter(({ type }) => type === 'node:error').length, 0)
    })

    it(`of the container begin the subflow anew (${retryMode})`, async (t) => {
      const { flow, tries } = flaky('anew', 3)
      const { status, context } = await inside(t, flow, { retryMode, config: { maxRetries: 2, retryDelay: 20 } })
      assert.deepEqual([status, context['_outputs.s'], tries()], ['completed', 'ok', 4])
    })

    it(`that come to nothing fail the container, and its fallback takes over (${retryMode})`, async (t) => {
      const { flow } = flaky('never', 99)
      const outer = around('outer-fallback', 'never', { config: { fallback: 'f' } })
      outer.toBlueprint().nodes.push({ id: 'f', uses: 'fallback' })
      const registry = { fallback: async () => ({ output: 'instead' }) }
      await workers(t, [outer, flow], { retryMode, runtime: { registry } })
      const { status, context } = await servers.run(outer)
      assert.deepEqual([status, context['_outputs.f'], context['_outputs.z']], ['completed', 'instead', 'instead'])
    })
  }

  it('call a class node’s fallback after the last attempt alone', async (t) => {
    const calls = []
    class Fetch extends BaseNode {
      async exec() {
        calls.push('exec')
        throw new Error('down')
      }
      async fallback() {
        calls.push('fallback')
        return { output: 'kept' }
      }
    }
    const flow = createFlow('class').node('c', Fetch, { config: { maxRetries: 3, retryDelay: 10 } })
    const { status, context } = await inside(t, flow, { retryMode: 'queue' })
    assert.deepEqual(
      [status, context['_outputs.s'], calls],
      ['completed', 'kept', ['exec', 'exec', 'exec', 'fallback']],
    )
  })

  it('are those of a batch’s workers, too', async (t) => {
    let failed = false
    const flow = createFlow('batchq').batch(
      'w',
      async ({ input }) => {
        if (!failed) {
          failed = true
          throw new Error('down')
        }
        return { output: input }
      },
      { inputKey: 'list', outputKey: 'out', config: { maxRetries: 2 } },
    )
    const { status, result } = await inside(t, flow, {
      context: { list: [1, 2] },
      retryMode: 'queue',
      params: { inputs: { list: 'list' }, outputs: { out: 'out' } },
    })
    // Core gives a batch's workers no retries of their own.
    assert.ok(['completed', 'failed'].includes(status), result?.reason)
  })
})

describe('a container with a time limit', () => {
  it('fails when its time is up, its nodes hear of it, and their results do not count', async (t) => {
    const seen = []
    const flow = createFlow('long')
      .node('a', async () => ({ output: 1 }))
      .node(
        'b',
        ({ signal }) =>
          new Promise((resolve) => {
            const timer = setTimeout(() => resolve({ output: 'late' }), 8_000)
            signal?.addEventListener('abort', () => {
              seen.push('aborted')
              clearTimeout(timer)
              resolve({ output: 'aborted' })
            })
          }),
      )
      .node('c', async () => {
        seen.push('c')
        return { output: 1 }
      })
      .edge('a', 'b')
      .edge('b', 'c')
    const begun = Date.now()
    const { status, result } = await inside(t, flow, { config: { timeout: 300 } })
    assert.equal(status, 'failed')
    assert.match(result.reason, /Node 's' timed out after 300 ms/)
    assert.ok(Date.now() - begun < 6_000)
    await until(() => seen.length > 0, { what: 'the signal' })
    assert.deepEqual(seen, ['aborted'])
  })

  it('that ends in time is not troubled by its timer', async (t) => {
    const flow = createFlow('short').node('a', async () => ({ output: 1 }))
    const { runId, status, context } = await inside(t, flow, { config: { timeout: 400 } })
    assert.deepEqual([status, context['_outputs.z']], ['completed', 1])
    await sleep(600)
    assert.equal((await servers.look(runId)).status, 'completed')
  })
})

describe('what waits inside a subflow', () => {
  const reviewing = (id = 'reviewing') =>
    createFlow(id)
      .node('w1', async ({ dependencies }) => ({ output: dependencies.runtime.executionId }))
      .wait('hold')
      .node('yes', async ({ input, dependencies }) => ({ output: [input, dependencies.runtime.executionId] }))
      .node('no', async () => ({ output: 'no' }))
      .edge('w1', 'hold')
      .edge('hold', 'yes', { action: 'yes' })
      .edge('hold', 'no', { action: 'no' })

  it('is resumed by the container’s name, or by its path, and its action decides inside', async (t) => {
    const outer = around('waits', 'reviewing', { params: { outputs: { first: 'w1', yes: 'yes', no: 'no' } } })
    const [adapter] = await workers(t, [outer, reviewing()], { count: 2 })
    for (const name of ['s', 's/hold', undefined]) {
      const runId = await servers.begin(outer)
      const { context } = await awaiting(runId)
      assert.deepEqual(context._awaitingNodeIds, ['s'])
      assert.deepEqual([...(await adapter.resumeWithAction(runId, 'yes', 'x', name))], ['s'])
      const done = await servers.settled(runId)
      assert.equal(done.status, 'completed')
      assert.deepEqual([done.context.yes, done.context.no, done.context.first], [['x', runId], undefined, runId])
    }
  })

  it('is resumed two subflows deep', async (t) => {
    const middle = around('middle', 'reviewing')
    const outer = around('deep', 'middle')
    const [adapter] = await workers(t, [outer, middle, reviewing()])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    await assert.rejects(adapter.resumeWithAction(runId, 'yes', 'x', 's/nothing'), { code: 'NODE_NOT_AWAITING' })
    await adapter.resumeWithAction(runId, 'no', undefined, 's/s/hold')
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, context['_outputs.z']], ['completed', { no: 'no' }])
  })

  it('hears events, each once, also those that came before', async (t) => {
    const flow = createFlow('listens')
      .wait('one', { eventName: 'paid' })
      .node('n', async ({ input }) => ({ output: input }))
      .edge('one', 'n')
    const blueprint = flow.toBlueprint()
    blueprint.nodes.find(({ id }) => id === 'one').params = { eventName: 'paid' }
    const listens = declared(blueprint, Object.fromEntries(flow.getFunctionRegistry()))
    const outer = around('events', 'listens')
    const [adapter] = await workers(t, [outer, listens])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    assert.deepEqual([...(await adapter.sendEvent(runId, 'paid', { euro: 5 }))], ['s'])
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, context['_outputs.z']], ['completed', { euro: 5 }])
  })

  it('wakes by its own time', async (t) => {
    const flow = createFlow('sleeps')
      .sleep('nap', { duration: 300 })
      .node('up', async () => ({ output: 'up' }))
      .edge('nap', 'up')
    const begun = Date.now()
    const { status, context } = await inside(t, flow)
    assert.deepEqual([status, context['_outputs.z']], ['completed', 'up'])
    assert.ok(Date.now() - begun >= 290)
  })

  it('waits beside nodes that go on, and the run is not awaiting before they are done', async (t) => {
    const flow = createFlow('beside')
      .wait('hold')
      .node('slow', () => sleep(200, { output: 'slow' }))
      .node('after', async () => ({ output: 'after' }))
      .edge('slow', 'after')
    const outer = around('besides', 'beside', { params: { outputs: { after: 'after' } } })
    const [adapter] = await workers(t, [outer, flow])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    await adapter.resumeWithAction(runId, 'go')
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, context.after], ['completed', 'after'])
  })

  it('is cancelled with its run', async (t) => {
    const outer = around('cancels', 'reviewing')
    const [adapter] = await workers(t, [outer, reviewing()])
    const runId = await servers.begin(outer)
    await awaiting(runId)
    assert.equal(await adapter.cancel(runId, 'enough'), true)
    assert.equal((await servers.settled(runId)).status, 'cancelled')
    await assert.rejects(adapter.resumeWithAction(runId, 'yes'), { code: 'RUN_ENDED' })
  })
})

describe('webhooks inside a subflow', () => {
  async function served(t, flows) {
    const handlers = []
    const server = createServer((request, response) => handlers[0](request, response)).listen(0)
    await new Promise((resolve) => server.once('listening', resolve))
    t.after(() => server.close())
    const webhook = { baseUrl: `http://127.0.0.1:${server.address().port}/hooks`, secret: 'a-secret-of-some-length' }
    const urls = []
    const runtime = {
      registry: {
        url: async ({ input }) => ({ output: input }),
        keep: async ({ input }) => {
          urls.push(input)
          return { output: input }
        },
      },
    }
    const [adapter] = await workers(t, flows, { webhook, runtime })
    handlers.push(adapter.webhookHandler())
    const post = (url, body) =>
      fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { adapter, post, urls }
  }

  it('each waits under a path of its own, and its delivery is its output', async (t) => {
    const hook = declared({
      id: 'hook',
      nodes: [
        { id: 'h', uses: 'webhook' },
        { id: 'after', uses: 'url' },
      ],
      edges: [{ source: 'h', target: 'after' }],
    })
    const two = declared(
      {
        id: 'two',
        nodes: [
          { id: 's1', uses: 'subflow', params: { blueprintId: 'hook' } },
          { id: 's2', uses: 'subflow', params: { blueprintId: 'hook' } },
          { id: 'end', uses: 'end' },
        ],
        edges: [
          { source: 's1', target: 'end' },
          { source: 's2', target: 'end' },
        ],
      },
      {
        end: async ({ context }) => ({
          output: [(await context.get('_outputs.s1')).request.body, (await context.get('_outputs.s2')).request.body],
        }),
      },
    )
    const { adapter, post } = await served(t, [two, hook])
    const runId = await servers.begin(two)
    const { context } = await awaiting(runId)
    assert.deepEqual(context._awaitingNodeIds, ['s1', 's2'])
    const { url } = await adapter.registerWebhookEndpoint(runId, 's2/h')
    assert.equal((await post(url, { n: 2 })).status, 202)
    assert.equal((await post(url, { n: 'again' })).status, 202)
    // By the container's name: whoever waits inside.
    assert.equal((await post((await adapter.registerWebhookEndpoint(runId, 's1')).url, { n: 1 })).status, 202)
    const done = await servers.settled(runId)
    assert.deepEqual([done.status, done.context['_outputs.end']], ['completed', [{ n: 1 }, { n: 2 }]])
  })

  it('the pair of a webhook and a wait works, also where the delivery comes first', async (t) => {
    const pair = declared(
      {
        id: 'pair',
        nodes: [
          { id: 'h', uses: 'webhook' },
          { id: 'keep', uses: 'keep' },
          { id: 'slow', uses: 'slow' },
          { id: 'w', uses: 'wait', params: { eventName: 'webhook:h' } },
          { id: 'after', uses: 'url' },
        ],
        edges: [
          { source: 'h', target: 'keep' },
          { source: 'keep', target: 'slow' },
          { source: 'slow', target: 'w' },
          { source: 'w', target: 'after' },
        ],
      },
      { slow: () => sleep(300, { output: 1 }) },
    )
    const outer = around('pairs', 'pair')
    const { post, urls } = await served(t, [outer, pair])
    const runId = await servers.begin(outer)
    await until(() => urls.length > 0, { what: 'the url' })
    assert.equal((await post(urls[0].url, { early: true })).status, 202)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context['_outputs.z'].body, { early: true })
  })
})

describe('how subflows are executed', () => {
  const counting = () =>
    createFlow('counted')
      .node('a', async () => ({ output: 1 }))
      .node('b', async ({ input }) => ({ output: input + 1 }))
      .edge('a', 'b')

  for (const [what, options, config, jobs] of [
    ['as jobs', { subflows: 'jobs' }, undefined, 5],
    ['whole, where the option says so', { subflows: 'whole' }, undefined, 2],
    ['whole, where the node says so', { subflows: 'jobs' }, { inProcess: true }, 2],
    ['whole, beside middleware', { subflows: 'jobs', runtime: { middleware: [{}] } }, undefined, 2],
    ['as jobs, where every worker can', { subflows: 'auto' }, undefined, 5],
  ]) {
    it(what, async (t) => {
      const heard = listening()
      const outer = around('executed', 'counted', { config })
      await workers(t, [outer, counting()], { ...options, eventBus: heard.bus })
      const { status, context } = await servers.run(outer)
      assert.deepEqual([status, context['_outputs.z']], ['completed', 2])
      await until(() => heard.events.filter(({ type }) => type === 'job:processed').length >= jobs, {
        what: 'its jobs',
      })
      const processed = heard.events.filter(({ type }) => type === 'job:processed').map(({ payload }) => payload.nodeId)
      assert.equal(processed.length, jobs, processed.join())
      if (jobs > 2) assert.deepEqual(processed, ['s', 's/a', 's/b', 's', 'z'])
    })
  }

  it('refuses ids that are the engine’s own', async (t) => {
    const flow = createFlow('reserved').node('_flowcraft/x', async () => ({ output: 1 }))
    await workers(t, [flow])
    const { status, result } = await servers.run(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /begin with '_flowcraft\/'/)
  })

  it('leaves what nodes of other scopes wrote', async (t) => {
    const flow = createFlow('sneaky').node('a', async ({ context }) => {
      await context.set('_flowcraft/s//x', 1)
      return { output: await context.get('_flowcraft/s//x') }
    })
    const outer = around('sneaks', 'sneaky')
    await workers(t, [outer, flow])
    const { status, context } = await servers.run(outer)
    assert.deepEqual([status, context['_outputs.z'], outputs(context).s], ['completed', 1, 1])
    assert.deepEqual(inner(context), [])
  })
})
