// What a node writes is seen by the others of its run once `set` has resolved, as in memory, and from outside within a quarter
// of a second; and it counts once: what an attempt wrote that died is taken back.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { Engine } from '../../dist/bridge/native.js'
import { deferred } from '../fixtures/deferred.js'
import { declared } from '../fixtures/flows.js'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
/** How often jobs have written before their answers. */
let writes = 0
before(async () => {
  servers = await openSharedServers()
  const { write } = Engine.prototype
  Engine.prototype.write = function (...given) {
    writes += 1
    return write.apply(this, given)
  }
})
after(() => servers.close())

/** `start` leads to nodes side by side. */
function sideBySide(nodes, { config = {} } = {}) {
  let flow = createFlow('side').node('start', async () => ({ output: 1 }))
  for (const [id, run] of Object.entries(nodes)) flow = flow.node(id, run, { config }).edge('start', id)
  return flow
}

/** The context that a flow ends with, in memory and here. */
async function both(make, { context = {}, ...options } = {}) {
  const memory = await inMemory(make(), context)
  const here = await servers.runAlone(make(), { context, workers: 2, ...options })
  assert.equal(memory.status, 'completed', JSON.stringify(memory.errors))
  assert.equal(here.status, 'completed', JSON.stringify(here.result))
  return { memory: memory.context, here: here.result.payload.context }
}

describe('a write before the answer', () => {
  it('is seen by a sibling that polls, and its answer is not waited for', async () => {
    const make = () =>
      sideBySide({
        works: async ({ context }) => {
          for (let done = 1; done <= 3; done++) await context.set('progress', done)
          await until(() => context.has('heard'))
          return { output: await context.get('heard') }
        },
        watches: async ({ context }) => {
          await until(async () => (await context.get('progress')) === 3)
          await context.set('heard', { progress: 3 })
          return { output: 'heard it' }
        },
      })
    const { memory, here } = await both(make)
    assert.deepEqual(here['_outputs.works'], { progress: 3 })
    for (const key of ['progress', 'heard', '_outputs.works', '_outputs.watches'])
      assert.deepEqual(here[key], memory[key])
  })

  it('is seen by a sibling on any worker once `set` has resolved', async () => {
    const turns = []
    const [first, second] = [deferred(), deferred()]
    const flow = sideBySide({
      a: async ({ context }) => {
        await context.set('k', 'a')
        first.resolve()
        await second.promise
        turns.push(await context.get('k'))
        return { output: 1 }
      },
      b: async ({ context }) => {
        await first.promise
        turns.push(await context.get('k'))
        await context.set('k', 'b')
        second.resolve()
        return { output: 1 }
      },
    })
    const { context } = await servers.runAlone(flow, { workers: 2 })
    assert.deepEqual([...turns, context.k], ['a', 'b', 'b'])
  })

  it('of a key that is deleted, patched, or set to nothing is seen too', async () => {
    const flow = sideBySide({
      writes: async ({ context }) => {
        await context.delete('gone')
        await context.patch([
          { op: 'set', key: 'new', value: [1] },
          { op: 'delete', key: 'old' },
        ])
        await context.set('nothing', undefined)
        await context.set('ready', true)
        await until(() => context.has('seen'))
        return { output: 1 }
      },
      reads: async ({ context }) => {
        await until(() => context.has('ready'))
        const keys = ['gone', 'new', 'old', 'nothing']
        const output = await Promise.all(keys.map(async (key) => [key, await context.has(key)]))
        await context.set('seen', true)
        return { output }
      },
    })
    const { context: here } = await servers.runAlone(flow, { context: { gone: 1, old: 2, nothing: 3 }, workers: 2 })
    assert.deepEqual(here['_outputs.reads'], [
      ['gone', false],
      ['new', true],
      ['old', false],
      ['nothing', false],
    ])
    assert.deepEqual([here.gone, here.new, here.old, here.nothing], [undefined, [1], undefined, undefined])
  })

  it('goes to and fro over one key', async () => {
    const player =
      (own, other) =>
      async ({ context }) => {
        for (let turn = 0; turn < 5; turn++) {
          await until(async () => (await context.get('turn')) === own)
          await context.set('turn', other)
        }
        return { output: own }
      }
    const make = () => sideBySide({ ping: player('ping', 'pong'), pong: player('pong', 'ping') })
    const { memory, here } = await both(make, { context: { turn: 'ping' } })
    assert.deepEqual([here.turn, memory.turn], ['ping', 'ping'])
  })

  it('need not be waited for', async () => {
    const make = () =>
      sideBySide({
        a: async ({ context }) => {
          for (let number = 0; number < 50; number++) context.set(`a${number}`, number)
          context.set('last', 'a')
          return { output: 1 }
        },
        b: async () => ({ output: 2 }),
      })
    const { here } = await both(make)
    assert.deepEqual([here.a0, here.a49, here.last], [0, 49, 'a'])
  })

  it('leaves together with others that are made with it', async () => {
    writes = 0
    const flow = sideBySide({
      a: async ({ context }) => {
        await Promise.all(Array.from({ length: 100 }, (_, number) => context.set(`k${number}`, number)))
        return { output: 1 }
      },
      b: async ({ context }) => ({ output: await until(() => context.has('k99')) }),
    })
    const { status } = await servers.runAlone(flow)
    assert.equal(status, 'completed')
    assert.ok(writes >= 1 && writes <= 2, `${writes}`)
  })

  it('is seen by siblings inside a subflow, and by nobody outside', async () => {
    const inner = sideBySide({
      writes: async ({ context }) => {
        await context.set('inside', 1)
        await until(() => context.has('seen'))
        return { output: 1 }
      },
      reads: async ({ context }) => {
        await until(() => context.has('inside'))
        await context.set('seen', 1)
        return { output: 2 }
      },
    })
    const nodes = [{ id: 's', uses: 'subflow', params: { blueprintId: 'side', outputs: { got: 'inside' } } }]
    const outer = declared({ id: 'outer', nodes, edges: [] })
    await servers.freshQueue()
    const adapter = servers.adapter([outer, inner], { subflows: 'jobs' })
    const { status, context, result } = await servers.run(outer)
    await adapter.stop()
    assert.equal(result.reason, undefined)
    assert.deepEqual([status, context.got, context.inside], ['completed', 1, undefined])
  })

  it('is seen from outside within a quarter of a second, by a node that is alone', async () => {
    const done = deferred()
    const flow = createFlow('alone').node('alone', async ({ context }) => {
      await context.set('progress', 'half')
      await done.promise
      return { output: 1 }
    })
    await servers.freshQueue()
    const adapter = servers.adapter(flow)
    const runId = await servers.begin(flow)
    const record = adapter.createContext(runId)
    await until(async () => (await record.get('progress')) === 'half')
    done.resolve()
    const { context } = await servers.settled(runId)
    await adapter.stop()
    assert.equal(context.progress, 'half')
  })

  it('costs a chain nothing', async () => {
    writes = 0
    let flow = createFlow('chain')
    for (let number = 0; number < 20; number++) {
      flow = flow.node(`n${number}`, async ({ context }) => {
        await context.set('last', number)
        return { output: number }
      })
      if (number > 0) flow = flow.edge(`n${number - 1}`, `n${number}`)
    }
    const { context } = await servers.runAlone(flow)
    assert.deepEqual([context.last, writes], [19, 0])
  })

  it('stays where its attempt fails, as in memory', async () => {
    const flow = sideBySide({
      fails: async ({ context }) => {
        await context.set('kept', 1)
        throw new Error('on purpose')
      },
      other: async ({ context }) => ({ output: await until(() => context.has('kept')) }),
    })
    const { status, context } = await servers.runAlone(flow)
    assert.deepEqual([status, context.kept], ['failed', 1])
  })

  it('stays from one attempt to the next, through the queue too', async () => {
    const tries = []
    const flow = sideBySide(
      {
        retries: async ({ context }) => {
          tries.push(await context.get('tried'))
          await context.set('tried', tries.length)
          if (tries.length < 3) throw new Error('again')
          return { output: tries.length }
        },
        other: async ({ context }) => ({ output: await until(async () => (await context.get('tried')) === 3) }),
      },
      { config: { maxRetries: 3, retryDelay: 1 } },
    )
    const { status, context } = await servers.runAlone(flow, { retryMode: 'queue' })
    assert.deepEqual([status, tries, context.tried], ['completed', [undefined, 1, 2], 3])
  })

  it('that PostgreSQL refuses fails its own node only', async () => {
    const flow = sideBySide({
      refused: async ({ context }) => {
        await context.set('bad', 'a\u0000b')
        return { output: 1 }
      },
      other: async ({ context }) => {
        await context.set('good', 1)
        return { output: 1 }
      },
    })
    const { status, result, context } = await servers.runAlone(flow)
    assert.deepEqual([status, context.good], ['failed', 1])
    assert.match(result.reason, /refused/)
  })

  it('is taken back where its run is cancelled before the answer', async () => {
    const [written, go] = [deferred(), deferred()]
    const flow = sideBySide({
      writes: async ({ context }) => {
        await context.set('k', 'unanswered')
        await context.set('fresh', 1)
        written.resolve()
        await go.promise
        return { output: 1 }
      },
      other: async () => ({ output: await go.promise }),
    })
    await servers.freshQueue()
    const adapter = servers.adapter(flow)
    const runId = await servers.begin(flow, { k: 'before' })
    await written.promise
    assert.equal(await adapter.createContext(runId).get('k'), 'unanswered')
    await adapter.cancel(runId)
    go.resolve()
    await adapter.stop()
    const { context } = await servers.look(runId)
    assert.deepEqual([context.k, context.fresh], ['before', undefined])
  })
})

describe('a worker that dies', () => {
  it('takes back what its nodes wrote, when they run again; what others wrote later stands', async (t) => {
    const begun = []
    const said = new Set()
    const flow = createFlow('dies')
      .node('start', async () => ({ output: 1 }))
      .node('dies', async ({ context }) => {
        begun.push([await context.get('mine'), await context.get('shared')])
        if (begun.length > 1) return { output: 'second' }
        await context.set('mine', 'of the dead')
        await context.set('shared', 'of the dead')
        said.add('wrote')
        return new Promise(() => {})
      })
      .node('lives', async ({ context }) => {
        await until(() => said.has('wrote'))
        await context.set('shared', 'of the living')
        said.add('overwrote')
        return { output: 1 }
      })
      .edge('start', 'dies')
      .edge('start', 'lives')
    const env = await createTestEnvironment({ flows: { dies: flow } })
    t.after(() => env.close())
    const run = await env.client.start('dies', { context: { mine: 'before' } })
    await until(() => said.has('overwrote'))
    await env.killWorker({ executing: 'dies' })
    await until(() => begun.length > 1)
    const { context } = await run.result()
    assert.deepEqual(begun[1], ['before', 'of the living'])
    assert.deepEqual([context.mine, context.shared], ['before', 'of the living'])
  })
})
