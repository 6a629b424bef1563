// Who hears events: one bus is enough, and of two each hears everything once. What stands on events: core's replay, event stores,
// flowcraft's inspect.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { FlowRuntime, InMemoryEventStore, PersistentEventBusAdapter } from 'flowcraft'
import pg from 'pg'
import { onServers, openSharedServers, urls } from '../fixtures/shared-servers.js'
import { Bus, chain, waits } from './hearing.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('the buses', () => {
  const Where = {
    'the runtime’s alone': (bus) => ({ runtime: { eventBus: bus } }),
    'the adapter’s alone': (bus) => ({ eventBus: bus }),
    'one as both': (bus) => ({ runtime: { eventBus: bus }, eventBus: bus }),
    'the adapter’s, beside another': (bus) => ({ runtime: { eventBus: new Bus() }, eventBus: bus }),
    'the runtime’s, beside another': (bus) => ({ runtime: { eventBus: bus }, eventBus: new Bus() }),
  }
  for (const [where, options] of Object.entries(Where)) {
    it(`hear every event once: ${where}`, async () => {
      const bus = new Bus()
      const { runId } = await servers.runAlone(chain(), options(bus))
      const counts = {}
      for (const { type } of bus.heard) counts[type] = (counts[type] ?? 0) + 1
      assert.deepEqual(counts, {
        'workflow:start': 1,
        'workflow:resume': 1,
        'node:start': 2,
        'node:finish': 2,
        'context:change': 6,
        'job:processed': 2,
        'job:enqueued': 1,
        'workflow:finish': 1,
      })
      assert.equal(bus.heard.at(-1).type, 'workflow:finish')
      for (const { type, payload, timestamp } of bus.heard) {
        assert.equal(payload.executionId, runId, type)
        assert.ok(Math.abs(Date.now() - timestamp) < 60_000, type)
      }
    })
  }

  it('hear of a worker where they are the adapter’s own', async () => {
    const [own, runtimes] = [new Bus(), new Bus()]
    await servers.runAlone(chain(), { runtime: { eventBus: runtimes }, eventBus: own })
    assert.deepEqual([own.ofWorkers[0].type, own.ofWorkers.at(-1).type], ['worker:ready', 'worker:stopped'])
    assert.deepEqual(runtimes.ofWorkers, [])
  })

  it('hear of it in the order in which it was told', async () => {
    const bus = new Bus()
    await servers.runAlone(chain(), { eventBus: bus })
    const times = bus.heard.map(({ timestamp }) => timestamp)
    assert.deepEqual(times, times.toSorted())
  })

  it('are not there: nothing is kept for them', async (t) => {
    await servers.workerFor(t, waits())
    const runId = await servers.begin(waits())
    const { context } = await servers.settled(runId, ['awaiting'])
    assert.equal(context._flowcraft.untold, undefined)
  })
})

describe('what stands on events', () => {
  it('core’s replay, without an execution id', async () => {
    const store = new InMemoryEventStore()
    const eventBus = new PersistentEventBusAdapter(store)
    const { runId, result } = await servers.runAlone(chain(), { eventBus, workers: 2 })
    const { context } = await new FlowRuntime().replay(chain().toBlueprint(), await store.retrieve(runId))
    assert.equal(context._executionId, runId)
    for (const [key, kept] of Object.entries(result.payload.context)) {
      if (!key.startsWith('blueprint')) assert.deepEqual(context[key], kept, key)
    }
  })

  // Memory has no tables of a user's own.
  const skip = onServers('stores events in a table')
  it('a store in PostgreSQL, and what flowcraft’s inspect makes of it', skip, async () => {
    const pool = new pg.Pool({ connectionString: urls.database, max: 4 })
    const table = `events_${randomBytes(5).toString('hex')}`
    try {
      await pool.query(`CREATE TABLE ${table} (number SERIAL, id TEXT UNIQUE, run TEXT, type TEXT, payload JSONB)`)
      const store = {
        store: async ({ id, type, payload }, run) => {
          const text = `INSERT INTO ${table} (id, run, type, payload) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
          await pool.query(text, [id ?? null, run, type, JSON.stringify(payload)])
        },
        retrieve: async (run) =>
          (await pool.query(`SELECT type, payload FROM ${table} WHERE run = $1 ORDER BY number`, [run])).rows,
      }
      const eventBus = new PersistentEventBusAdapter(store)
      const { runId } = await servers.runAlone(chain(), { runtime: { eventBus }, workers: 2 })
      const events = await store.retrieve(runId)
      // As `flowcraft inspect` does: it has no blueprint, and looks for the first start and the first end.
      const nothing = { id: 'inspection-blueprint', nodes: [], edges: [] }
      const { context } = await new FlowRuntime({}).replay(nothing, events, runId)
      assert.deepEqual([context.a, context.b], [1, 1])
      const first = (type) => events.find((event) => event.type === type).payload
      assert.equal(first('workflow:start').blueprintId, 'chain')
      assert.equal(first('workflow:finish').status, 'completed')
      const counts = (type) => events.filter((event) => event.type === type).length
      assert.deepEqual([counts('node:start'), counts('node:finish'), counts('node:error')], [2, 2, 0])
    } finally {
      await pool.query(`DROP TABLE IF EXISTS ${table}`)
      await pool.end()
    }
  })
})
