// How many nodes run at a time under a limit, and under which key they count. No node waits for the key of another one.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { limited, mostAtATime, mostWithin, namesUnder, timing, workersFor } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const named = namesUnder(() => servers.name)

/** A flow whose node takes its time, and what is known of it. */
function timed(limit, ms) {
  const { work, spans } = timing(ms, async ({ context }) => ({ n: await context.get('n') }))
  return { flow: limited('timed', limit, work), spans }
}

const begin = (flow, contexts) => Promise.all(contexts.map((context) => servers.begin(flow, context)))
const numbered = (count) => Array.from({ length: count }, (_, n) => ({ n }))

describe('a limit', () => {
  it('is never exceeded, and is used, on three workers', async (t) => {
    const limit = named()
    const { flow, spans } = timed(limit, 100)
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 4 } } })
    const begun = performance.now()
    const runs = await begin(flow, numbered(60))
    await Promise.all(runs.map((run) => servers.settled(run)))
    t.diagnostic(`60 nodes of 100 ms, four at a time: ${Math.round(performance.now() - begun)} ms`)
    assert.equal(spans.length, 60)
    assert.equal(mostAtATime(spans), 4)
  })

  it('lets nodes start at its rate', async (t) => {
    const limit = named()
    const starts = []
    const flow = limited('calls', limit, () => {
      starts.push(performance.now())
      return {}
    })
    await workersFor(t, servers, flow, { limits: { [limit]: { rate: { count: 10, perMs: 2_000 } } } })
    const runs = await begin(flow, numbered(30))
    await Promise.all(runs.map((run) => servers.settled(run)))
    assert.equal(starts.length, 30)
    // Between being let in and its first line a node may lose a moment, on a busy machine.
    assert.ok(mostWithin(starts, 1_700) <= 10, `${mostWithin(starts, 1_700)} starts`)
    const took = Math.max(...starts) - Math.min(...starts)
    assert.ok(took >= 3_700, `${took} ms`)
  })

  it('that is full holds up no job of another key, nor one without a limit', async (t) => {
    const limit = named()
    const { promise, resolve } = deferred()
    t.after(resolve)
    const work = async ({ context }) => {
      if ((await context.get('key')) === 'full') await promise
      return {}
    }
    const flow = limited('calls', `${limit}:\${key}`, work)
    const free = createFlow('free').node('a', () => ({}))
    await workersFor(t, servers, [flow, free], { limits: { [limit]: { concurrency: 1 } }, concurrency: 2 }, 1)
    const full = await begin(
      flow,
      Array.from({ length: 20 }, () => ({ key: 'full' })),
    )
    const others = await begin(flow, [{ key: 'b' }, { key: 'c' }, { key: 4 }])
    const without = await begin(free, [{}, {}])
    await Promise.all([...others, ...without].map((run) => servers.settled(run)))
    const open = await servers.lookAtMany(full)
    assert.ok(open.every(({ status }) => status === 'running'))
    resolve()
    await Promise.all(full.map((run) => servers.settled(run)))
  })

  it('holds for the items of a batch', async (t) => {
    const limit = named()
    const spans = []
    const flow = createFlow('batched')
      .node('list', () => ({ output: [1, 2, 3, 4, 5, 6] }))
      .batch(
        'each',
        async ({ input }) => {
          const span = { from: performance.now() }
          await sleep(50)
          spans.push({ ...span, to: performance.now() })
          return { output: input * 2 }
        },
        { inputKey: 'list', outputKey: 'doubled' },
      )
      .edge('list', 'each_scatter')
    const toBlueprint = flow.toBlueprint.bind(flow)
    flow.toBlueprint = () => {
      const blueprint = toBlueprint()
      blueprint.nodes.find(({ id }) => id === 'each_scatter').config = { limit }
      return blueprint
    }
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 2 } } })
    const { status, context } = await servers.run(flow)
    assert.equal(status, 'completed')
    assert.deepEqual(context.doubled, [2, 4, 6, 8, 10, 12])
    assert.equal(mostAtATime(spans), 2)
  })

  it('holds inside a subflow, by the values there', async (t) => {
    const limit = named()
    const spans = []
    const inner = limited('inner', `${limit}:\${customer}`, async () => {
      const span = { from: performance.now() }
      await sleep(50)
      spans.push({ ...span, to: performance.now() })
      return { output: 1 }
    })
    const params = { blueprintId: 'inner', inputs: { customer: 'who' } }
    const blueprint = { id: 'outer', nodes: [{ id: 'sub', uses: 'subflow', params }], edges: [] }
    const outer = { toBlueprint: () => blueprint, getFunctionRegistry: () => new Map() }
    await workersFor(t, servers, [outer, inner], { limits: { [limit]: { concurrency: 1 } }, subflows: 'jobs' })
    const runs = await begin(
      outer,
      Array.from({ length: 6 }, () => ({ who: 'c7' })),
    )
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    assert.equal(mostAtATime(spans), 1)
  })

  it('gives its place back when the node fails, and with each attempt through the queue', async (t) => {
    const limit = named()
    const spans = []
    const work = async ({ dependencies }) => {
      const span = { from: performance.now() }
      await sleep(20)
      spans.push({ ...span, to: performance.now() })
      if (dependencies.job.attempt < 2) throw new Error('not yet')
      return {}
    }
    const flow = limited('retried', limit, work, { maxRetries: 2, retryDelay: 1 })
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 1 } }, retryMode: 'queue' })
    const runs = await begin(flow, numbered(4))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    assert.deepEqual([spans.length, mostAtATime(spans)], [8, 1])
  })

  it('for which a value is missing counts all such runs under one key, and says so once', async (t) => {
    const limit = named()
    const lines = []
    const logger = { debug() {}, info() {}, error() {}, warn: (line) => lines.push(line) }
    const { flow, spans } = timed(`${limit}:\${customer}`, 30)
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 1 } }, runtime: { logger } }, 1)
    const runs = await begin(flow, [{}, { customer: null }, { customer: { a: 1 } }])
    await Promise.all(runs.map((run) => servers.settled(run)))
    assert.equal(mostAtATime(spans), 1)
    assert.equal(lines.filter((line) => /'customer' in its limit/.test(line)).length, 1)
  })
})

describe('without rules', () => {
  const { flow } = timed('unknown', 1)

  it('of its name, where others are given, an adapter is refused', () => {
    const make = () => new RabbitMqAdapter(servers.options(flow, { limits: { known: { concurrency: 1 } } }))
    assert.throws(make, {
      name: 'TypeError',
      code: 'INVALID_OPTION',
      message: /Node 'work' of blueprint 'timed'.*'unknown'/,
    })
  })

  it('at all a node runs, and the log says once that it has none', async (t) => {
    const lines = []
    const logger = { debug() {}, info() {}, error() {}, warn: (line) => lines.push(line) }
    await workersFor(t, servers, flow, { runtime: { logger } }, 1)
    for (const run of await begin(flow, numbered(3))) assert.equal((await servers.settled(run)).status, 'completed')
    assert.equal(lines.filter((line) => /the option limits has no 'unknown'/.test(line)).length, 1)
  })

  it('a coordination store of the user’s own is refused', () => {
    const own = Object.fromEntries(
      ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get'].map((method) => [method, async () => undefined]),
    )
    const options = servers.options(flow, { limits: { unknown: { concurrency: 1 } }, coordinationStore: own })
    assert.throws(() => new RabbitMqAdapter(options), {
      name: 'TypeError',
      message: /limits needs a RedisCoordinationStore/,
    })
  })
})

describe('a worker that stops', () => {
  it('gives its places back', async (t) => {
    const limit = named()
    let executing = 0
    const work = async ({ signal }) => {
      executing += 1
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return {}
    }
    const flow = limited('held', limit, work)
    const limits = { [limit]: { concurrency: 1 } }
    const [first] = await workersFor(t, servers, flow, { limits, stopTimeout: 0, leaseSeconds: 120 }, 1)
    await servers.begin(flow)
    await until(() => executing === 1)
    await first.stop()
    const second = servers.adapter(flow, { limits, stopTimeout: 0, leaseSeconds: 120 })
    await until(() => executing === 2)
    await second.stop()
  })
})
