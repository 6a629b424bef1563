// PgBouncer stands before PostgreSQL. Through it every statement is one that nobody prepared, and nothing stays on a
// connection that the next client gets.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { migrate, migrationStatus } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { clientFor, greeting } from '../client/support/clients.js'
import { waitsAfterCommit } from '../client/support/commits.js'
import { Log } from '../faults/support/log.js'
import { line } from '../fixtures/flows.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { missingPooler, openPooler } from './support/pooler.js'

const skip = await missingPooler()
const THROUGH = /PostgreSQL is reached through a pooler/
const DIRECTLY = /PostgreSQL is reached directly/

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers?.close())

async function worker(t, flow, options) {
  const log = new Log()
  const adapter = await servers.workerFor(t, flow, { runtime: { logger: log.logger }, ...options })
  return { adapter, log, said: (words) => log.lines.some(({ message }) => words.test(message)) }
}

async function asked(url, text, values) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

describe('through a pooler in transaction mode', { skip }, () => {
  it('two workers end many runs over two connections, each node executed once', async (t) => {
    const pooled = await openPooler(t, { poolSize: 2 })
    const { flow, executed } = line()
    const { log, said } = await worker(t, flow, { pgClient: pooled, concurrency: 20 })
    const other = servers.adapter(flow, { pgClient: `${pooled}?pgbouncer=true`, concurrency: 20 })
    t.after(() => other.stop())
    const runs = await Promise.all(Array.from({ length: 60 }, () => servers.begin(flow)))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    assert.equal(executed.length, 180)
    assert.ok(said(THROUGH), JSON.stringify(log.lines))
    assert.deepEqual(log.said('warn', /./), [])
  })

  it('a start within a transaction is published within a second of the commit', async (t) => {
    const pooled = await openPooler(t, { poolSize: 2 })
    await servers.freshQueue()
    const { count, median, worst } = await waitsAfterCommit(
      clientFor(t, servers, greeting, { pgClient: pooled }),
      servers,
    )
    t.diagnostic(`median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`)
    assert.equal(count, 100)
    assert.ok(worst < 1_000, `worst ${worst} ms`)
  })

  it('nothing of it is left for the next client', async (t) => {
    const pooled = await openPooler(t, { poolSize: 1 })
    const { flow } = line()
    const { adapter } = await worker(t, flow, { pgClient: pooled })
    await servers.run(flow)
    await adapter.stop()
    const settings = ['enable_seqscan', 'jit', 'plan_cache_mode', 'lock_timeout', 'default_transaction_isolation']
    const all = `SELECT name, setting FROM pg_settings WHERE name = ANY($1) ORDER BY name`
    assert.deepEqual(await asked(pooled, all, [settings]), await asked(urls.direct, all, [settings]))
    const [{ prepared }] = await asked(pooled, 'SELECT count(*)::int AS prepared FROM pg_prepared_statements')
    // The one of this question at most.
    assert.ok(prepared <= 1, `${prepared}`)
  })

  it('runs end although the connections behind it break', async (t) => {
    const pooled = await openPooler(t, { poolSize: 3 })
    const { flow } = line()
    await worker(t, flow, { pgClient: `${pooled}?application_name=behind` })
    const runs = await Promise.all(Array.from({ length: 20 }, () => servers.begin(flow)))
    await asked(urls.direct, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'behind'")
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
  })

  it('statements read what is committed, whatever the default of the server', async (t) => {
    const pooled = await openPooler(t, { more: "connect_query='SET default_transaction_isolation = serializable'" })
    const wide = createFlow('wide')
      .node('start', async () => ({ output: 0 }))
      .node('end', async () => ({ output: 1 }))
    for (const id of 'abcdefgh')
      wide
        .node(id, async () => ({ output: id }))
        .edge('start', id)
        .edge(id, 'end')
    const { log } = await worker(t, wide, { pgClient: pooled, concurrency: 20 })
    const other = servers.adapter(wide, { pgClient: pooled, concurrency: 20 })
    t.after(() => other.stop())
    const runs = await Promise.all(Array.from({ length: 10 }, () => servers.begin(wide)))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    assert.deepEqual(log.said('warn', /could not serialize/), [])
    const context = other.createContext('its-own')
    await Promise.all(Array.from({ length: 20 }, (_, number) => context.set(`key-${number}`, number)))
    assert.equal(Object.keys(await context.toJSON()).length, 20)
  })

  it('a statement that takes too long is cancelled at the server, and the pooler lives on', async (t) => {
    const pooled = await openPooler(t)
    const { flow } = line()
    const adapter = servers.adapter(flow, { started: false, pgClient: pooled, statementTimeout: 1000 })
    t.after(() => adapter.stop())
    const [context, slow] = [adapter.createContext('slow'), `${servers.name}.slow`]
    await context.set('a', 1)
    await servers.pg.query(`CREATE FUNCTION ${slow}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$`)
    await servers.pg.query(`CREATE TRIGGER slow BEFORE UPDATE ON ${servers.contextTable} FOR EACH ROW
      WHEN (NEW.run_id = 'slow') EXECUTE FUNCTION ${slow}()`)
    await assert.rejects(context.set('a', 2), { code: 'DATABASE_BUSY', sqlState: '57014' })
    const sleeping = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%${servers.name}%'`
    await until(async () => (await servers.pg.query(sleeping)).rowCount === 0)
    await servers.pg.query(`DROP FUNCTION ${slow}() CASCADE`)
    await context.set('a', 3)
    assert.equal(await context.get('a'), 3)
  })

  it('a parameter that it does not let pass is named', async (t) => {
    const pooled = await openPooler(t)
    const { flow } = line()
    const pgClient = `${pooled}?options=-c%20search_path%3Dx`
    const adapter = servers.adapter(flow, { started: false, pgClient })
    await assert.rejects(adapter.createContext('x').get('a'), /ignore_startup_parameters.*08P01/)
  })

  it('migrate holds writers up and says so, or takes the direct way', async (t) => {
    const pooled = await openPooler(t)
    const own = await openSharedServers()
    t.after(() => own.close())
    const tables = { contextTableName: own.contextTable, statusTableName: own.statusTable }
    const indexes = (steps) => steps.flatMap(({ sql }) => sql).filter((sql) => /^(CREATE|DROP) INDEX/.test(sql))
    const through = { ...tables, pgClient: pooled }
    const steps = await migrate(through)
    assert.ok(indexes(steps).length > 0 && indexes(steps).every((sql) => !sql.includes('CONCURRENTLY')))
    assert.ok(steps.some(({ notes }) => notes.some((note) => note.includes('directUrl'))))
    assert.ok((await migrationStatus(through)).every(({ done }) => done))
    await migrate({ ...through, direction: 'down' })
    const direct = { ...tables, pgClient: { connectionString: pooled, directUrl: urls.direct } }
    assert.ok(indexes(await migrate(direct)).some((sql) => sql.includes('CONCURRENTLY')))
  })
})

describe('through a pooler in session mode', { skip }, () => {
  it('runs end, and the log says what stands between', async (t) => {
    const pooled = await openPooler(t, { mode: 'session' })
    const { flow } = line()
    const { said } = await worker(t, flow, { pgClient: pooled })
    assert.equal((await servers.run(flow)).status, 'completed')
    assert.ok(said(THROUGH))
  })

  it('it may be taken for no pooler', async (t) => {
    const pooled = await openPooler(t, { mode: 'session' })
    const { flow } = line()
    const { said } = await worker(t, flow, { pgClient: { connectionString: pooled, pooler: false } })
    assert.equal((await servers.run(flow)).status, 'completed')
    assert.ok(said(DIRECTLY))
  })
})

describe('a pooler in statement mode', { skip }, () => {
  it('is refused by its name', async (t) => {
    const pooled = await openPooler(t, { mode: 'statement' })
    const { flow } = line()
    const adapter = servers.adapter(flow, { started: false, pgClient: pooled })
    const refused = { name: 'SetupError', code: 'POOLER_UNFIT', message: /statement mode.*pool_mode/ }
    await assert.rejects(adapter.createContext('x').get('a'), refused)
    await assert.rejects(adapter.cancel('x'), refused)
  })
})

describe('without a pooler', () => {
  it('the log says so', async (t) => {
    const { flow } = line()
    const { said } = await worker(t, flow, { pgClient: urls.direct })
    assert.equal((await servers.run(flow)).status, 'completed')
    assert.ok(said(DIRECTLY))
  })
})
