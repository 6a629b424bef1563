// What a node sees and what its result leads to: the same distributed as in memory.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BaseNode, createFlow, FlowcraftError, UnsafeEvaluator } from 'flowcraft'
import { comparable, inMemory, openSharedServers } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Runs a flow on two workers and in memory, and compares; answers with the distributed outcome. */
async function both(flow, { context = {}, runtime = {}, expect = 'completed' } = {}) {
  const distributed = await servers.runAlone(flow, { context, runtime, workers: 2 })
  const memory = await inMemory(flow, context, runtime)
  assert.equal(memory.status, expect, 'in memory')
  assert.equal(distributed.status, expect, JSON.stringify(distributed.result))
  if (expect === 'completed') {
    const ids = flow.toBlueprint().nodes.map((node) => node.id)
    assert.deepEqual(comparable(distributed.result.payload.context, ids), comparable(memory.context, ids))
  }
  return distributed
}

const value =
  (output, more = {}) =>
  async () => ({ output, ...more })
const pass = async ({ input }) => ({ output: input })

describe('graphs', () => {
  it('runs a chain, each node with its predecessor’s output', async () => {
    const flow = createFlow('chain')
      .node('a', value(1))
      .node('b', async ({ input }) => ({ output: input + 1 }))
      .node('c', async ({ input }) => ({ output: input * 10 }))
      .edge('a', 'b')
      .edge('b', 'c')
    const { result } = await both(flow)
    assert.equal(result.payload.context['_outputs.c'], 20)
  })

  it('fans out and joins all', async () => {
    const flow = createFlow('fan')
      .node('start', value('s'))
      .node('join', async ({ context }) => {
        const parts = await Promise.all([...Array(12).keys()].map((i) => context.get(`part-${i}`)))
        return { output: parts }
      })
    for (let i = 0; i < 12; i++) {
      flow.node(`part-${i}`, value(i)).edge('start', `part-${i}`).edge(`part-${i}`, 'join')
    }
    const { result } = await both(flow)
    assert.deepEqual(result.payload.context['_outputs.join'], [...Array(12).keys()])
  })

  it('waits for every one of several start nodes', async () => {
    const flow = createFlow('starts')
      .node('a', value(1))
      .node('b', value(2))
      .node('sum', async ({ input }) => ({ output: input.left + input.right }), { inputs: { left: 'a', right: 'b' } })
      .edge('a', 'sum')
      .edge('b', 'sum')
    const { result } = await both(flow)
    assert.equal(result.payload.context['_outputs.sum'], 3)
  })

  it('fires an any join once, by the first arrival', async () => {
    let times = 0
    const flow = createFlow('any')
      .node('start', value(0))
      .node('fast', value('fast'))
      .node('slow', async () => {
        await new Promise((resolve) => setTimeout(resolve, 150))
        return { output: 'slow' }
      })
      .node(
        'first',
        async ({ input }) => {
          times += 1
          return { output: input }
        },
        { config: { joinStrategy: 'any' } },
      )
      .edge('start', 'fast')
      .edge('start', 'slow')
      .edge('fast', 'first')
      .edge('slow', 'first')
    const { status, context } = await servers.runAlone(flow)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.first'], 'fast')
    assert.equal(times, 1)
  })
})

describe('branches', () => {
  it('follows the action, and ends although a terminal node never ran', async () => {
    const flow = createFlow('action')
      .node('decide', value('x', { action: 'ship' }))
      .node('ship', pass)
      .node('refund', pass)
      .edge('decide', 'ship', { action: 'ship' })
      .edge('decide', 'refund', { action: 'refund' })
    const { result } = await both(flow)
    assert.equal('_outputs.refund' in result.payload.context, false)
  })

  it('does not run the target of an edge whose action was not returned', async () => {
    // Core's traversal runs it all the same; its documentation says the edge is not taken.
    const flow = createFlow('mismatch')
      .node('a', value(1, { action: 'other' }))
      .node('b', pass)
      .edge('a', 'b', { action: 'go' })
    const { status, context } = await servers.runAlone(flow)
    assert.equal(status, 'completed')
    assert.equal('_outputs.b' in context, false)
  })

  it('falls back to edges without an action', async () => {
    const flow = createFlow('default')
      .node('a', value(1, { action: 'unknown' }))
      .node('b', pass)
      .node('c', pass)
      .edge('a', 'b')
      .edge('a', 'c', { action: 'c' })
    await both(flow)
  })

  it('evaluates conditions over the result and the context', async () => {
    const flow = createFlow('conditions')
      .node('a', value({ ok: true, no: false }))
      .node('yes', pass)
      .node('no', pass)
      .node('vip', pass)
      .edge('a', 'yes', { condition: 'result.output.ok' })
      .edge('a', 'no', { condition: 'result.output.no' })
      .edge('a', 'vip', { condition: 'customer.vip' })
    const { result } = await both(flow, { context: { customer: { vip: true } } })
    assert.deepEqual(result.payload.context['_outputs.vip'], { ok: true, no: false })
  })

  it('evaluates with an evaluator of the user’s', async () => {
    const flow = createFlow('evaluator')
      .node('a', value(7))
      .node('big', pass)
      .node('small', pass)
      .edge('a', 'big', { condition: 'result.output > 5' })
      .edge('a', 'small', { condition: 'result.output <= 5' })
    await both(flow, { runtime: { evaluator: new UnsafeEvaluator() } })
  })

  it('does not fire a join behind a branch that was not taken, nor wait for it', async () => {
    const flow = createFlow('untaken')
      .node('s', value(1, { action: 'left' }))
      .node('l', pass)
      .node('r', pass)
      .node('j', pass)
      .edge('s', 'l', { action: 'left' })
      .edge('s', 'r', { action: 'right' })
      .edge('l', 'j')
      .edge('r', 'j')
    const { result } = await both(flow)
    assert.equal('_outputs.j' in result.payload.context, false)
  })
})

describe('inputs', () => {
  it('maps inputs by node id, by key and by object', async () => {
    const flow = createFlow('inputs')
      .node('a', value(1))
      .node('b', value(2))
      .node('byNode', pass, { inputs: 'a' })
      .node('byKey', pass, { inputs: 'user' })
      .node('byObject', pass, { inputs: { one: 'a', two: 'b', who: 'user' } })
      .edge('a', 'b')
      .edge('b', 'byNode')
      .edge('b', 'byKey')
      .edge('b', 'byObject')
    const { result } = await both(flow, { context: { user: 'ada' } })
    assert.deepEqual(result.payload.context['_outputs.byObject'], { one: 1, two: 2, who: 'ada' })
  })

  it('transforms what travels over an edge, and the blueprint stays as it is', async () => {
    const flow = createFlow('transform')
      .node('a', value({ order: { id: 9 } }))
      .node('b', pass)
      .node('c', pass, { inputs: { whole: 'a' } })
      .edge('a', 'b', { transform: 'input.order.id' })
      .edge('a', 'c', { transform: 'input.order' })
    const before = JSON.stringify(flow.toBlueprint())
    const { context } = await servers.runAlone(flow)
    assert.equal(context['_outputs.b'], 9)
    assert.deepEqual(context['_outputs.c'], { id: 9 }, 'the transform comes before the inputs of the definition')
    assert.equal(JSON.stringify(flow.toBlueprint()), before)
  })

  it('gives params to functions and classes', async () => {
    class Multiply extends BaseNode {
      async exec(input) {
        return { output: input * this.params.factor }
      }
    }
    const flow = createFlow('params')
      .node('a', async ({ params }) => ({ output: params.value }), { params: { value: 4 } })
      .node('b', Multiply, { params: { factor: 3 } })
      .edge('a', 'b')
    const { result } = await both(flow)
    assert.equal(result.payload.context['_outputs.b'], 12)
  })
})

describe('outputs', () => {
  for (const [name, output] of Object.entries({
    zero: 0,
    empty: '',
    no: false,
    nothing: null,
    list: [],
    absent: undefined,
  })) {
    it(`keeps ${name} as it is`, async () => {
      const flow = createFlow(`output-${name}`)
        .node('a', value(output))
        .node('b', async ({ input }) => ({ output: { got: input === undefined ? 'undefined' : input } }))
        .edge('a', 'b')
      const { result } = await both(flow)
      assert.equal('_outputs.a' in result.payload.context, output !== undefined)
    })
  }

  it('goes on after a node that returns nothing', async () => {
    const flow = createFlow('nothing')
      .node('a', async () => {})
      .node('b', value('b'))
      .edge('a', 'b')
    const { context } = await servers.runAlone(flow)
    assert.equal(context['_outputs.b'], 'b')
  })
})

describe('the context of a node', () => {
  it('reads and writes as in memory, also by node id', async () => {
    const flow = createFlow('context')
      .node('a', async ({ context }) => {
        await context.set('n', 1)
        await context.set('gone', true)
        await context.set("it's", { 'a.b': '{"x"}' })
        return { output: { has: await context.has('n'), read: await context.get('n') } }
      })
      .node('b', async ({ context }) => {
        const removed = await context.delete('gone')
        const again = await context.delete('gone')
        await context.set('n', (await context.get('n')) + 1)
        return {
          output: [removed, again, await context.has('gone'), await context.get('a'), await context.get('nope')],
        }
      })
      .node('c', async ({ context }) => {
        const all = await context.toJSON()
        return {
          output: {
            keys: Object.keys(all)
              .filter((key) => !key.startsWith('_') && !key.startsWith('blueprint'))
              .sort(),
            n: all.n,
          },
        }
      })
      .edge('a', 'b')
      .edge('b', 'c')
    const { result } = await both(flow, { context: { user: 'ada' } })
    assert.deepEqual(result.payload.context['_outputs.c'].keys, ['a', 'b', "it's", 'n', 'user'])
  })

  it('refuses the engine’s own key', async () => {
    const flow = createFlow('reserved').node('a', async ({ context }) => {
      await context.set('_flowcraft', {})
      return {}
    })
    const { status, result } = await servers.runAlone(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'_flowcraft' is reserved/)
  })
})

describe('failures', () => {
  it('ends failed with the reason, and other branches finish', async () => {
    const flow = createFlow('failing')
      .node('s', value(1))
      .node('bad', async () => {
        throw new Error('card declined')
      })
      .node('good', async () => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        return { output: 'fine' }
      })
      .node('after', pass)
      .node('join', pass)
      .edge('s', 'bad')
      .edge('s', 'good')
      .edge('good', 'after')
      .edge('bad', 'join')
      .edge('good', 'join')
    const { result, context } = await both(flow, { expect: 'failed' })
    assert.deepEqual(Object.keys(result).sort(), ['reason', 'status'])
    assert.match(result.reason, /'bad'.*card declined/)
    assert.equal(context['_outputs.after'], 'fine')
    assert.equal('_outputs.join' in context, false)
  })

  it('keeps what the failing node wrote', async () => {
    const flow = createFlow('writes').node('a', async ({ context }) => {
      await context.set('progress', 40)
      throw new Error('then it broke')
    })
    const { context } = await both(flow, { expect: 'failed' })
    assert.equal(context.progress, 40)
  })

  it('names every failure', async () => {
    const fail = (message) => async () => {
      throw new Error(message)
    }
    const flow = createFlow('several')
      .node('s', value(1))
      .node('x', fail('first'))
      .node('y', fail('second'))
      .edge('s', 'x')
      .edge('s', 'y')
    const { result } = await both(flow, { expect: 'failed' })
    assert.match(result.reason, /first/)
    assert.match(result.reason, /second/)
  })

  for (const [name, thrown] of Object.entries({ string: 'just text', nothing: null, undefined: undefined })) {
    it(`takes a thrown ${name} for what it is`, async () => {
      const flow = createFlow(`throws-${name}`).node('a', async () => {
        throw thrown
      })
      const { result } = await both(flow, { expect: 'failed' })
      assert.match(result.reason, new RegExp(`'a'.*${thrown}`))
    })
  }

  it('retries in process, up to maxRetries', async () => {
    let attempts = 0
    const flow = createFlow('retries').node(
      'a',
      async () => {
        attempts += 1
        if (attempts < 3) throw new Error('not yet')
        return { output: attempts }
      },
      { config: { maxRetries: 3 } },
    )
    const { context } = await servers.runAlone(flow)
    assert.equal(context['_outputs.a'], 3)
  })

  it('does not retry a fatal error, nor run its fallback', async () => {
    let attempts = 0
    const flow = createFlow('fatal')
      .node(
        'a',
        async () => {
          attempts += 1
          throw new FlowcraftError('no use', { isFatal: true })
        },
        { config: { maxRetries: 3, fallback: 'f' } },
      )
      .node('f', value('f'))
    const { status, context } = await servers.runAlone(flow, { starts: ['a'] })
    assert.equal(status, 'failed')
    assert.equal(attempts, 1)
    assert.equal('_outputs.f' in context, false)
  })

  it('fails a run whose blueprint nobody has, with a reason', async () => {
    await servers.freshQueue()
    servers.adapter(createFlow('known').node('a', value(1)))
    const unknown = createFlow('unknown').node('a', value(1))
    const { status, result } = await servers.run(unknown)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'unknown'/)
    await servers.adapters.at(-1).stop()
  })

  it('fails a node whose implementation is missing, with a reason; its worker says so when it starts', async () => {
    const flow = createFlow('missing').node('a', value(1))
    const warned = []
    const { status, result } = await servers.runAlone(flow, {
      runtime: {
        registry: { [flow.toBlueprint().nodes[0].uses]: undefined },
        logger: { debug() {}, info() {}, warn: (line) => warned.push(line), error() {} },
      },
    })
    assert.equal(status, 'failed')
    assert.match(result.reason, /Implementation for .* not found/)
    const said = warned.filter((line) => line.includes("Blueprint 'missing'"))
    assert.equal(said.length, 1, warned.join('\n'))
    assert.match(said[0], /no implementation of 'a' \(uses '.*'\); a run fails .* flow\.getFunctionRegistry\(\)/)
  })

  it('fails a node whose output is no JSON, naming it', async () => {
    const circular = {}
    circular.self = circular
    for (const [name, output, words] of [
      ['circular', circular, /circular/],
      ['bigint', 10n, /BigInt/],
      ['nul', 'a\u0000b', /cannot be stored/],
    ]) {
      const flow = createFlow(`unstorable-${name}`).node('a', value(output))
      const { status, result } = await servers.runAlone(flow)
      assert.equal(status, 'failed')
      assert.match(result.reason, words)
    }
  })
})

describe('fallbacks', () => {
  it('run in the failed node’s place', async () => {
    const flow = createFlow('fallback')
      .node(
        'primary',
        async () => {
          throw new Error('down')
        },
        { config: { fallback: 'secondary', maxRetries: 2 } },
      )
      .node('secondary', value('from the fallback'))
      .node('next', pass)
      .edge('primary', 'next')
    const { result } = await both(flow)
    assert.equal(result.payload.context['_outputs.next'], 'from the fallback')
    assert.equal(result.payload.context['_outputs.primary'], null)
  })

  it('and their primary count as one predecessor, whichever ran', async () => {
    for (const fails of [true, false]) {
      const flow = createFlow(`either-${fails}`)
        .node(
          'primary',
          async () => {
            if (fails) throw new Error('down')
            return { output: 'primary' }
          },
          { config: { fallback: 'secondary' } },
        )
        .node('secondary', value('secondary'))
        .node('process', pass)
        .edge('primary', 'process')
        .edge('secondary', 'process')
      const { status, context } = await servers.runAlone(flow, { starts: ['primary'] })
      assert.equal(status, 'completed')
      assert.equal(context['_outputs.process'], fails ? 'secondary' : 'primary')
    }
  })
})

describe('class nodes', () => {
  it('live their whole life cycle', async () => {
    const calls = []
    class Life extends BaseNode {
      async prep({ input }) {
        calls.push('prep')
        return input + 1
      }
      async exec(prepared) {
        calls.push('exec')
        if (calls.filter((call) => call === 'exec').length < 2) throw new Error('once more')
        return { output: prepared * 2 }
      }
      async post(result, { context }) {
        calls.push('post')
        await context.set('posted', true)
        return { ...result, action: 'done' }
      }
    }
    class Rescued extends BaseNode {
      async exec() {
        throw new Error('always')
      }
      async fallback(error) {
        calls.push('fallback')
        return { output: `rescued from ${error.message}` }
      }
      async recover() {
        calls.push('recover')
      }
    }
    const flow = createFlow('classes')
      .node('a', value(1))
      .node('life', Life, { config: { maxRetries: 2 } })
      .node('rescued', Rescued)
      .edge('a', 'life')
      .edge('life', 'rescued', { action: 'done' })
    const { context } = await servers.runAlone(flow)
    assert.deepEqual(calls, ['prep', 'exec', 'exec', 'post', 'fallback', 'recover'])
    assert.equal(context['_outputs.life'], 4)
    assert.equal(context['_outputs.rescued'], 'rescued from always')
    assert.equal(context.posted, true)
  })
})
