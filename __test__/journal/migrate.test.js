// `migrate`: what it makes and takes away, beside workers that are running; and that a run costs no more for being long.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { openSharedServers, STATUS_TABLES, until, urls } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
  await go('down') // where every suite runs on migrated tables, this one begins without
})
after(() => servers.close())

/** Migrates a test's tables. */
function go(direction, of = servers) {
  of.migrated = direction === 'up' ? of.contextTable : undefined
  return migrate({
    pgClient: urls.database,
    contextTableName: of.contextTable,
    statusTableName: of.statusTable,
    direction,
  })
}

/** What a run came to, without whose messages its nodes ran under: that depends on how long a chain was carried. */
function whole({ context, result }) {
  return JSON.parse(JSON.stringify({ context, result }), function (key, value) {
    if (key === 'by' && 'level' in this) return undefined
    // Of moments, which differ, only how many there are.
    if (key === 't' && 'level' in this) return value.length
    if (key === 'times' && 'nodes' in this) return Object.keys(value)
    return value
  })
}

/** Nodes one after the other, each adding one; `called` notes what each was called with. */
function chain(id, length, { milliseconds = 0, called = [] } = {}) {
  let flow = createFlow(id)
  for (let i = 0; i < length; i++) {
    flow = flow.node(`n${i}`, async ({ input = 0, context }) => {
      called.push(`n${i}`)
      if (milliseconds > 0) await sleep(milliseconds)
      await context.set(`key${i}`, { of: i })
      if (i > 1) await context.delete(`key${i - 2}`)
      return { output: input + 1 }
    })
    if (i > 0) flow = flow.edge(`n${i - 1}`, `n${i}`)
  }
  return flow
}

/** A start, many beside each other, and a join. */
function fan(id, width) {
  let flow = createFlow(id).node('start', async () => ({ output: 1 }))
  flow = flow.node('join', async ({ context }) => ({ output: Object.keys(await context.toJSON()).length }))
  for (let i = 0; i < width; i++) {
    flow = flow.node(`n${i}`, async ({ input }) => ({ output: input + i }))
    flow = flow.edge('start', `n${i}`).edge(`n${i}`, 'join')
  }
  return flow
}

const sql = async (text, values) => (await servers.pg.query(text, values)).rows
const tables = async () => {
  const found = await sql(
    `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'v', 'i') ORDER BY 1`,
    [servers.name],
  )
  return found.map(({ relname }) => relname).filter((name) => !name.endsWith('_pkey'))
}
const compressions = async () => {
  const found = await sql(
    `SELECT attcompression FROM pg_attribute
     WHERE attrelid IN ($1::regclass, $2::regclass) AND attname IN ('context_data', 'status_data')`,
    [servers.contextTable, servers.statusTable],
  )
  return found.map(({ attcompression }) => attcompression.trim())
}
const entries = async () => Number((await sql(`SELECT count(*) FROM ${servers.contextTable}_journal`))[0].count)

describe('what it makes', () => {
  after(() => go('down'))

  it('is a journal, a view, two indexes and five tables, once; and it takes them away again, once', async () => {
    assert.deepEqual(await tables(), ['contexts', 'statuses'])
    await go('up')
    await go('up')
    assert.deepEqual(await tables(), [
      'contexts',
      'contexts_blueprint',
      'contexts_halted',
      'contexts_history',
      'contexts_history_ended',
      'contexts_history_run',
      'contexts_journal',
      'contexts_live',
      'contexts_migrations',
      'contexts_paused',
      'contexts_schedules',
      'contexts_schedules_due',
      'contexts_throughput',
      'contexts_waits',
      'contexts_waits_more',
      'contexts_workers',
      'statuses',
      'statuses_failed',
      'statuses_open',
      'statuses_tags',
    ])
    assert.deepEqual(await compressions(), ['l', 'l'])
    await go('down')
    await go('down')
    assert.deepEqual(await tables(), ['contexts', 'statuses'])
    assert.deepEqual(await compressions(), ['', ''])
  })

  it('is refused where the tables are missing, with the statement that makes them, and changes nothing', async () => {
    const missing = {
      pgClient: urls.database,
      contextTableName: `${servers.name}.none`,
      statusTableName: servers.statusTable,
    }
    await assert.rejects(migrate(missing), /none' does not exist[\s\S]*CREATE TABLE/)
    await assert.rejects(migrate({ ...missing, contextTableName: '' }), /contextTableName/)
    await assert.rejects(migrate({ ...missing, direction: 'sideways' }), /direction/)
    assert.deepEqual(await tables(), ['contexts', 'statuses'])
  })

  for (const [shape, columns] of Object.entries(STATUS_TABLES)) {
    it(`works beside the status table of the ${shape}`, async () => {
      const other = await openSharedServers({ statusTable: shape })
      try {
        await go('up', other)
        other.adapter(chain('steps', 3))
        const { status, context } = await other.run(chain('steps', 3))
        assert.deepEqual([status, context['_outputs.n2']], ['completed', 3], columns)
      } finally {
        await other.close()
      }
    })
  }
})

describe('runs in a journal', () => {
  before(() => go('up'))
  after(() => go('down'))

  it('end with the whole context in their row, the same as without, and leave no entry', async () => {
    const flow = chain('twelve', 12)
    servers.adapter(flow)
    const journalled = await servers.run(flow, { given: { by: 'user' } })
    await go('down')
    const plain = await servers.run(flow, { given: { by: 'user' } })
    await go('up')
    assert.deepEqual(whole(journalled), whole(plain))
    const [row] = await sql(`SELECT context_data - '_flowcraft' AS row FROM ${servers.contextTable} LIMIT 1`)
    assert.deepEqual(row.row, journalled.result.payload.context)
    assert.equal(await entries(), 0)
  })

  it('are seen as they are at the moment: in the view, and by a PostgresContext, which may write too', async () => {
    await servers.freshQueue()
    const flow = chain('slow', 5, { milliseconds: 150 })
    servers.adapter(flow)
    const run = await servers.begin(flow, { given: 1 })
    const context = new PostgresContext(run, { client: urls.database, tableName: servers.contextTable })
    await until(async () => (await context.get('_outputs.n1')) === 2)
    const [{ base }] = await sql(`SELECT context_data AS base FROM ${servers.contextTable} WHERE run_id = $1`, [run])
    assert.deepEqual(base, { given: 1 }, 'the row is as the run began')
    const [{ live }] = await sql(`SELECT context_data AS live FROM ${servers.contextTable}_live WHERE run_id = $1`, [
      run,
    ])
    assert.equal(live['_outputs.n1'], 2)
    assert.equal('_flowcraft' in live, false)
    assert.equal(await context.has('key0'), true)
    await context.patch([
      { op: 'set', key: 'note', value: "a 'quoted' note" },
      { op: 'delete', key: 'given' },
    ])
    assert.equal(await context.delete('given'), false)
    const { status, context: ended } = await servers.settled(run)
    assert.deepEqual(
      [status, ended.note, 'given' in ended, ended['_outputs.n4']],
      ['completed', "a 'quoted' note", false, 5],
    )
  })

  it('bring their row up to date when they pause, and go on from there', async () => {
    await servers.freshQueue()
    const flow = createFlow('asks')
      .node('a', async () => ({ output: 1 }))
      .wait('person')
      .node('b', async ({ input }) => ({ output: input }))
      .edge('a', 'person')
      .edge('person', 'b')
    const adapter = servers.adapter(flow)
    const run = await servers.begin(flow)
    await servers.settled(run, ['awaiting'])
    const [{ row }] = await sql(`SELECT context_data AS row FROM ${servers.contextTable} WHERE run_id = $1`, [run])
    assert.deepEqual([row['_outputs.a'], row._awaitingNodeIds], [1, ['person']])
    await adapter.resumeWithAction(run, 'yes', 'fine')
    const { context } = await servers.settled(run)
    assert.deepEqual([context['_outputs.b'], '_awaitingNodeIds' in context], ['fine', false])
  })

  it('are shared by several workers, none of whose results is lost or counted twice', async () => {
    await servers.freshQueue()
    const flow = fan('wide', 150)
    for (let i = 0; i < 3; i++) servers.adapter(flow, { concurrency: 40 })
    const runs = await Promise.all(Array.from({ length: 6 }, () => servers.begin(flow)))
    for (const run of runs) {
      const { status, context } = await servers.settled(run)
      assert.equal(status, 'completed')
      assert.equal(Object.keys(context).filter((key) => key.startsWith('_outputs.')).length, 152)
      assert.equal(context['_outputs.n149'], 150)
    }
    assert.equal(await entries(), 0)
  })
})

describe('beside workers that are running', () => {
  it('the journal comes and goes, again and again: every run ends as it must, every node runs once', async () => {
    await servers.freshQueue()
    const called = []
    const flow = chain('steady', 8, { milliseconds: 5, called })
    for (let i = 0; i < 2; i++) servers.adapter(flow, { concurrency: 20 })
    const runs = []
    let over = false
    const clients = (async () => {
      while (!over) {
        runs.push(await servers.begin(flow, { given: runs.length }))
        await sleep(3)
      }
    })()
    for (let i = 0; i < 4; i++) {
      await sleep(250)
      await go('up')
      await sleep(250)
      await go('down')
    }
    over = true
    await clients
    for (const [index, run] of runs.entries()) {
      const { status, context } = await servers.settled(run)
      assert.deepEqual([status, context['_outputs.n7'], context.given], ['completed', 8, index])
      assert.deepEqual(
        Object.keys(context).filter((key) => key.startsWith('key')),
        ['key6', 'key7'],
      )
    }
    assert.equal(called.length, runs.length * 8)
    console.log(`# ${runs.length} runs while the journal came and went four times`)
  })

  it('a long run is no slower at its end than at its beginning', async () => {
    await go('up')
    await servers.freshQueue()
    const moments = []
    let flow = createFlow('long')
    for (let i = 0; i < 600; i++) {
      flow = flow.node(`n${i}`, async () => {
        moments.push(performance.now())
        return { output: i }
      })
      if (i > 0) flow = flow.edge(`n${i - 1}`, `n${i}`)
    }
    servers.adapter(flow)
    await servers.run(flow)
    const took = (from) => (moments[from + 99] - moments[from]) / 99
    console.log(`# a node at the beginning ${took(0).toFixed(2)} ms, at the end ${took(500).toFixed(2)} ms`)
    assert.ok(took(500) < 3 * took(0), `${took(0)} ms, then ${took(500)} ms`)
    await go('down')
  })
})
