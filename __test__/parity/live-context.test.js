// A node sees what the other nodes of its run have written, at the moment it reads, as in memory.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { Engine } from '../../dist/bridge/native.js'
import { taggedSerializer } from '../fixtures/serializers.js'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'

const evaluator = new UnsafeEvaluator()

let servers
/** How often jobs have looked at the record again. */
let looks = 0
before(async () => {
  servers = await openSharedServers()
  const { look } = Engine.prototype
  Engine.prototype.look = function (...given) {
    looks += 1
    return look.apply(this, given)
  }
})
after(() => servers.close())

/** A gate between nodes of one process: `wait()` until `open()`. */
function gate() {
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { open, wait: () => opened }
}

/**
 * `start` leads to `other` and to `long`. `long` begins first, and does the rest once what `other` answered is on record: then
 * the flow's outcome is the same here as in memory, where a write is visible at once.
 */
function beside(other, long, more = (flow) => flow) {
  const [begun, written] = [gate(), gate()]
  const flow = createFlow('beside')
    .node('start', async () => ({ output: 'started' }))
    .node('other', async (node) => {
      await begun.wait()
      const result = await other(node)
      written.open()
      return result ?? { output: 'other' }
    })
    .node('long', async (node) => {
      const before = await node.context.toJSON()
      begun.open()
      await written.wait()
      await answered(node)
      return (await long(node, before)) ?? { output: 'long' }
    })
    .edge('start', 'other')
    .edge('start', 'long')
  return more(flow)
}

/** What `other` answered is on record. In memory a level ends as a whole: nobody waits for an output there. */
async function answered({ dependencies }) {
  if (!isDistributed) return
  const record = servers.adapters.at(-1).createContext(dependencies.runtime.executionId)
  await until(() => record.has('_outputs.other'))
}
let isDistributed = false

/** The context that a flow ends with, in memory and here. */
async function both(make, { context = {}, runtime = {} } = {}) {
  isDistributed = false
  const memory = await inMemory(make(), context, { evaluator, ...runtime })
  isDistributed = true
  const distributed = await servers.runAlone(make(), { context, runtime: { evaluator, ...runtime }, workers: 2 })
  assert.equal(memory.status, 'completed', JSON.stringify(memory.errors))
  assert.equal(distributed.status, 'completed', JSON.stringify(distributed.result))
  return { memory: memory.context, here: distributed.result.payload.context }
}

describe('a node that takes its time', () => {
  it('reads what a sibling has set, changed and deleted meanwhile', async () => {
    const make = () =>
      beside(
        async ({ context }) => {
          await context.set('new', 1)
          await context.set('changed', 'after')
          await context.delete('gone')
        },
        async ({ context }) => {
          const keys = ['new', 'changed', 'gone', 'kept']
          const all = await context.toJSON()
          return {
            output: {
              get: await Promise.all(keys.map(async (key) => (await context.get(key)) ?? 'none')),
              has: await Promise.all(keys.map((key) => context.has(key))),
              all: keys.map((key) => all[key] ?? 'none'),
            },
          }
        },
      )
    const { memory, here } = await both(make, { context: { changed: 'before', gone: true, kept: 'kept' } })
    assert.deepEqual(here['_outputs.long'], memory['_outputs.long'])
    assert.deepEqual(here['_outputs.long'].get, [1, 'after', 'none', 'kept'])
  })

  it('reads one value after the other as each is', async () => {
    const make = () =>
      beside(
        async ({ context }) => context.set('changed', [2]),
        async ({ context }, before) => {
          const [changed, kept] = [await context.get('changed'), await context.get('kept')]
          return {
            output: {
              before: before.changed,
              changed,
              // An object that did not change is the same one, as in memory.
              same: kept === (await context.get('kept')) && kept === before.kept,
            },
          }
        },
      )
    const { memory, here } = await both(make, { context: { changed: [1], kept: { deep: true } } })
    assert.deepEqual(here['_outputs.long'], memory['_outputs.long'])
    assert.deepEqual(here['_outputs.long'], { before: [1], changed: [2], same: true })
  })

  it('sees its own writes over those of siblings, and they stay', async () => {
    const make = () =>
      beside(
        async ({ context }) => context.set('mine', 'theirs'),
        async ({ context }) => {
          await context.set('mine', 'mine')
          return { output: [await context.get('mine'), await context.has('mine'), (await context.toJSON()).mine] }
        },
      )
    const { memory, here } = await both(make)
    assert.deepEqual(here['_outputs.long'], memory['_outputs.long'])
    assert.equal(here.mine, 'mine')
  })

  it('deletes what is there when it deletes it, and nothing that comes later', async () => {
    const make = () => {
      const deleted = gate()
      return createFlow('deletes')
        .node('start', async () => ({ output: 1 }))
        .node('deletes', async ({ context }) => {
          const output = [await context.delete('there'), await context.delete('later'), await context.delete('own')]
          await context.set('own', 1)
          output.push(await context.delete('own'), await context.has('own'))
          deleted.open()
          if (isDistributed) await until(async () => context.has('sets'))
          return { output }
        })
        .node('sets', async ({ context }) => {
          await deleted.wait()
          await context.set('later', 'stays')
          return { output: 2 }
        })
        .edge('start', 'deletes')
        .edge('start', 'sets')
    }
    const { memory, here } = await both(make, { context: { there: 1 } })
    assert.deepEqual(here['_outputs.deletes'], [true, false, false, true, false])
    assert.deepEqual(here['_outputs.deletes'], memory['_outputs.deletes'])
    assert.deepEqual([here.there, here.later, here.own], [undefined, 'stays', undefined])
    assert.equal(memory.later, 'stays')
  })

  it('removes a key that a sibling has set since, where it sets it to nothing', async () => {
    const make = () =>
      beside(
        async ({ context }) => context.set('key', 1),
        async ({ context }) => context.set('key', undefined),
      )
    const { memory, here } = await both(make)
    assert.deepEqual([here.key, memory.key], [undefined, undefined])
  })

  it('decides its edges, and what they bring, by what siblings have written', async () => {
    const make = () =>
      beside(
        async ({ context }) => context.set('approved', { by: 'other' }),
        async () => {},
        (flow) =>
          flow
            .node('ship', async ({ input }) => ({ output: input }))
            .node('hold', async () => ({ output: 'held back' }))
            .edge('long', 'ship', {
              condition: 'typeof approved !== "undefined"',
              transform: '({ input, by: context.approved.by })',
            })
            .edge('long', 'hold', { condition: 'typeof approved === "undefined"' }),
      )
    const { memory, here } = await both(make)
    assert.deepEqual(here['_outputs.ship'], { input: 'long', by: 'other' })
    assert.deepEqual([here['_outputs.ship'], here['_outputs.hold']], [memory.ship, memory.hold])
  })

  it('sees the output of a sibling that is done, under its key and under its name', async () => {
    isDistributed = true
    const flow = beside(
      async () => ({ output: { of: 'other' } }),
      async ({ context }) => ({ output: [await context.get('_outputs.other'), await context.get('other')] }),
    )
    const { result } = await servers.runAlone(flow, { workers: 2 })
    assert.deepEqual(result.payload.context['_outputs.long'], [{ of: 'other' }, { of: 'other' }])
  })

  it('sees values that JSON does not hold as they are', async () => {
    const make = () =>
      beside(
        async ({ context }) => context.set('map', new Map([['k', 1]])),
        async ({ context }) => ({ output: (await context.get('map')).get('k') }),
      )
    const { here } = await both(make, { runtime: { serializer: taggedSerializer() } })
    assert.equal(here['_outputs.long'], 1)
  })

  it('sees what is written from outside within a quarter of a second, though nothing else of its run is in flight', async () => {
    let adapter
    const flow = createFlow('alone').node('alone', async ({ context, dependencies }) => {
      await adapter.createContext(dependencies.runtime.executionId).set('outside', 'written')
      const begun = performance.now()
      await until(() => context.has('outside'))
      return { output: performance.now() - begun }
    })
    await servers.freshQueue()
    adapter = servers.adapter(flow)
    const { result } = await servers.run(flow)
    await adapter.stop()
    const waited = result.payload.context['_outputs.alone']
    assert.ok(waited < 600, `${waited} ms`)
  })

  it('reads on in a run that was cancelled', async () => {
    const [begun, go, done] = [gate(), gate(), gate()]
    const read = []
    const flow = createFlow('cancelled')
      .node('long', async ({ context }) => {
        read.push(await context.get('key'))
        begun.open()
        await go.wait()
        read.push(await context.get('key'))
        done.open()
        return { output: 1 }
      })
      .node('beside', async () => ({ output: await go.wait() }))
    await servers.freshQueue()
    const adapter = servers.adapter(flow)
    const runId = await servers.begin(flow, { key: 'before' })
    await begun.wait()
    await adapter.cancel(runId, 'no more')
    await adapter.createContext(runId).set('key', 'after')
    go.open()
    await done.wait()
    await adapter.stop()
    assert.deepEqual(read, ['before', 'after'])
  })
})

describe('looking at the record again', () => {
  /** Runs a flow on one worker; how often it looked. */
  async function looksOf(flow, { context, runtime = {} } = {}) {
    looks = 0
    const { status } = await servers.runAlone(flow, { context, runtime: { evaluator, ...runtime } })
    assert.equal(status, 'completed')
    return looks
  }

  it('costs a chain nothing, whatever it reads', async () => {
    let flow = createFlow('chain')
    for (let number = 0; number < 20; number++) {
      flow = flow.node(`n${number}`, async ({ context }) => {
        await context.set('last', number)
        const { last } = await context.toJSON()
        return { output: [last, await context.get('key'), await context.has('none'), await context.delete('none')] }
      })
      const condition = 'result.output !== undefined && context.key === 1'
      const transform = '[input, context.last]'
      if (number > 0) flow = flow.edge(`n${number - 1}`, `n${number}`, { condition, transform })
    }
    assert.equal(await looksOf(flow, { context: { key: 1 }, runtime: { evaluator: new UnsafeEvaluator() } }), 0)
  })

  it('costs nodes side by side nothing that read only their inputs and have plain edges', async () => {
    let flow = createFlow('fan').node('start', async () => ({ output: 1 }))
    flow = flow.node('join', async ({ input }) => ({ output: input ?? 0 }))
    for (let number = 0; number < 20; number++) {
      flow = flow
        .node(`n${number}`, async ({ input, context }) => {
          await context.set(`key-${number}`, input)
          return { output: await context.get(`key-${number}`) }
        })
        .edge('start', `n${number}`)
        .edge(`n${number}`, 'join')
    }
    assert.equal(await looksOf(flow), 0)
  })

  it('happens once for all inputs of a node, and once for all its edges', async () => {
    const held = gate()
    const flow = createFlow('once')
      .node('start', async () => ({ output: 1 }))
      .node('beside', async () => held.wait().then(() => ({ output: 1 })))
      .node('reads', async ({ input }) => ({ output: input }), { inputs: { a: 'start', b: 'one', c: 'two' } })
      .edge('start', 'beside')
      .edge('start', 'reads')
    for (const [name, condition] of [
      ['yes', 'context.one === 1'],
      ['no', 'context.one !== 1'],
      ['too', 'context.two === 2'],
    ]) {
      flow
        .node(name, async () => ({ output: held.open() }))
        .edge('reads', name, { condition, transform: 'context.two' })
    }
    assert.equal(await looksOf(flow, { context: { one: 1, two: 2 } }), 2)
  })

  it('happens once for all results of a batch that ends beside another node', async () => {
    const held = gate()
    const flow = createFlow('gathers')
      .node('start', async () => ({ output: 1 }))
      .node('beside', async () => held.wait().then(() => ({ output: 1 })))
      .batch('items', async ({ input }) => ({ output: input * 2 }), { inputKey: 'list', outputKey: 'doubled' })
      .node('end', async ({ context }) => {
        held.open()
        return { output: (await context.get('doubled')).length }
      })
      .edge('start', 'beside')
      .edge('start', 'items_scatter')
      .edge('items_gather', 'end')
    const list = Array.from({ length: 30 }, (_, index) => index)
    const { length } = list
    // One for each item's input, three in the scatterer and one for its input, one in the gatherer, one in the last node.
    assert.ok((await looksOf(flow, { context: { list } })) <= length + 6, `${looks} looks`)
  })
})

describe('code of a node that goes on after its answer', () => {
  it('reads the record', async () => {
    const late = gate()
    const flow = createFlow('late').node('late', async ({ context }) => {
      setTimeout(async () => late.open(await context.get('_outputs.late')), 100)
      return { output: 'answered' }
    })
    await servers.freshQueue()
    const adapter = servers.adapter(flow)
    await servers.run(flow)
    assert.equal(await late.wait(), 'answered')
    await sleep(0)
    await adapter.stop()
  })
})
