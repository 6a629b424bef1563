// PostgreSQL fails in every way it can: work waits, goes on when it can, and every node runs once. What is not committed
// is not acknowledged.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { deferred } from '../fixtures/deferred.js'
import { counted } from '../fixtures/executions.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { postgres } from './support/faults.js'
import { flowsFor, outcomes } from './support/flows.js'
import { Log } from './support/log.js'
import { NamedSocket } from './support/named-socket.js'

let servers
let flows
before(async () => {
  servers = await openPrivateServers()
  flows = flowsFor(servers.executions)
})
// Whatever a test left behind, the next one finds the server there.
afterEach(() => servers.postgres.start())
after(() => servers?.close())

const SERIALIZABLE = '-c default_transaction_isolation=serializable'

const executed = (runs, node) => servers.executions.all(runs).filter((each) => each.node === node).length

/** Five runs, all in the middle of a node. */
async function runsUnderWay() {
  const runs = await Promise.all(Array.from({ length: 5 }, () => servers.begin('line', { ms: 600 })))
  await until(() => executed(runs, 'work') === 5, { what: 'the runs to be under way' })
  return runs
}

async function assertOnce(runs) {
  for (const run of runs) {
    const { status, context } = await servers.look(run)
    assert.equal(status, 'completed')
    assert.deepEqual(counted(context), outcomes.line().nodes)
    assert.deepEqual(servers.executions.perNode(run), outcomes.line().nodes)
  }
}

/** A transaction of somebody else's. */
async function transaction(t) {
  const client = new pg.Client(servers.urls.direct)
  await client.connect()
  t.after(() => client.end())
  await client.query('BEGIN')
  return client
}

/** Waits until a worker waits for a row that somebody has locked. */
async function workerWaits() {
  const waits = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'flowcraft' AND wait_event_type = 'Lock'`
  await until(async () => (await servers.sql(waits)).length > 0, { what: 'the worker to wait for a row' })
}

/** Strikes in the middle of five runs; they and a new one end as if nothing had been. */
async function goesOn(t, what, strike, options) {
  servers.freshQueue()
  const adapter = servers.adapter(flows, options)
  const runs = await runsUnderWay()
  await strike()
  const over = Date.now()
  const next = await servers.begin('line')
  await servers.ended([next])
  const back = Date.now() - over
  await servers.ended(runs)
  t.diagnostic(`${what}: a new run ends ${back} ms after it, those under way ${Date.now() - over} ms`)
  await assertOnce([...runs, next])
  await adapter.stop()
}

describe('runs go on, every node executed once, when PostgreSQL', () => {
  const faults = {
    'ends all connections': () => postgres.backendsTerminated(servers),
    'is restarted': () => postgres.restarted(servers),
    crashes: () => postgres.crashed(servers),
    'is away for a while': () => postgres.away(servers),
    'is out of connections': () => postgres.outOfConnections(servers),
  }
  for (const [what, strike] of Object.entries(faults)) it(what, (t) => goesOn(t, what, strike))

  it('fails over to a new address behind the same name', async (t) => {
    const name = new NamedSocket(servers.folder, servers.urls.database)
    await name.open()
    t.after(() => name.close())
    const failOver = async () => {
      await name.close()
      await sleep(1000)
      await name.open()
    }
    await goesOn(t, 'fails over', failOver, { pgClient: name.config })
  })
})

describe('a job taken while PostgreSQL is away', () => {
  it('stays unacknowledged, and is done when it is back', async () => {
    servers.freshQueue()
    const adapter = servers.adapter(flows)
    await servers.ended([await servers.begin('line')])
    const runs = ['away-1', 'away-2', 'away-3']
    for (const run of runs) await servers.insert(run)
    await servers.postgres.stop()
    for (const run of runs) await servers.send(run, 'line')
    await until(async () => (await servers.messages()).held === 3, { what: 'the worker to take the jobs' })
    await sleep(1000)
    assert.deepEqual(await servers.messages(), { ready: 0, held: 3 })
    await servers.postgres.start()
    await servers.ended(runs)
    await assertOnce(runs)
    await until(async () => (await servers.messages()).held === 0, { what: 'the jobs to be acknowledged' })
    await adapter.stop()
  })

  it('is not acknowledged either when its node had run', async () => {
    servers.freshQueue()
    const adapter = servers.adapter(flows)
    const run = await servers.begin('line', { ms: 500 })
    await until(() => executed([run], 'work') === 1)
    await servers.postgres.stop()
    await sleep(1500)
    assert.deepEqual(await servers.messages(), { ready: 0, held: 1 })
    await servers.postgres.start()
    await servers.ended([run])
    await assertOnce([run])
    await adapter.stop()
  })
})

describe('a node that reads its context while PostgreSQL is away', () => {
  it('waits for it, and then sees what was written before', async () => {
    servers.freshQueue()
    const { promise: mayRead, resolve: letRead } = deferred()
    const { promise: hasBegun, resolve: begun } = deferred()
    let reading
    const flow = createFlow('reads')
      .node('start', async () => ({ output: 1 }))
      .node('writes', async ({ context }) => context.set('key', 'written').then(() => ({ output: 2 })))
      .node('reads', async ({ context }) => {
        begun()
        await mayRead
        reading = context.get('key')
        return { output: await reading }
      })
      .edge('start', 'writes')
      .edge('start', 'reads')
    const registry = Object.fromEntries(flow.getFunctionRegistry())
    const adapter = servers.adapter({ blueprints: { reads: flow.toBlueprint() }, registry })
    const run = await servers.begin('reads')
    // A job that PostgreSQL has not been asked for yet could not begin without it.
    await hasBegun
    await until(async () => (await adapter.createContext(run).get('key')) === 'written')
    await servers.postgres.stop()
    letRead()
    await until(() => reading !== undefined)
    assert.equal(await Promise.race([reading, sleep(1500)]), undefined, 'nothing can be read')
    await servers.postgres.start()
    await servers.ended([run])
    assert.equal(await reading, 'written')
    await adapter.stop()
  })
})

describe('a run whose row somebody has locked', () => {
  it('waits, and holds up no other', async (t) => {
    servers.freshQueue()
    const adapter = servers.adapter(flows)
    const held = await servers.begin('line', { ms: 300 })
    await until(() => executed([held], 'work') === 1)
    const other = await transaction(t)
    await other.query('SELECT 1 FROM contexts WHERE run_id = $1 FOR UPDATE', [held])
    await workerWaits()
    const runs = await Promise.all(Array.from({ length: 20 }, () => servers.begin('line')))
    await servers.ended(runs, { timeout: 10_000 })
    assert.equal((await servers.look(held)).status, 'running')
    await other.query('COMMIT')
    await servers.ended([held])
    await assertOnce([held, ...runs])
    await adapter.stop()
  })
})

describe('a statement that PostgreSQL refuses', () => {
  /** A worker whose sessions are set so, and what it said. */
  function worker(options) {
    servers.freshQueue()
    const log = new Log()
    // No pooler lets options pass.
    const pgClient = { connectionString: servers.urls.direct, options }
    return { log, adapter: servers.adapter(flows, { ...log.options(), pgClient }) }
  }

  /** Whatever writes the context of a run after its node sleeps first; a sequence counts how often. */
  async function slowDown(t, run, seconds) {
    await servers.sql('CREATE SEQUENCE IF NOT EXISTS slowed')
    await servers.sql(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.run_id = '${run}' AND NEW.context_data ? '_outputs.work' THEN
        PERFORM nextval('slowed'); PERFORM pg_sleep(${seconds});
      END IF; RETURN NEW; END $$`)
    await servers.sql('CREATE TRIGGER slow BEFORE UPDATE ON contexts FOR EACH ROW EXECUTE FUNCTION slow()')
    const over = () => servers.sql('DROP TRIGGER IF EXISTS slow ON contexts')
    t.after(over)
    return over
  }

  it('for the time it took is tried again', async (t) => {
    const { log, adapter } = worker('-c statement_timeout=200')
    const run = await servers.begin('line', { ms: 300 })
    const over = await slowDown(t, run, 2)
    await until(() => log.said('warn', /57014/).length > 0, { what: 'the statement to take too long' })
    await sleep(1500)
    await over()
    await servers.ended([run])
    await assertOnce([run])
    await adapter.stop()
  })

  it('as a serialization failure is none that a default of the server brings', async (t) => {
    const { log, adapter } = worker(SERIALIZABLE)
    const run = await servers.begin('line', { ms: 300 })
    await until(() => executed([run], 'work') === 1)
    const other = await transaction(t)
    // The worker's statement waits for the row, and finds it changed since it began: read committed, it goes by that.
    await other.query('UPDATE statuses SET updated_at = clock_timestamp() WHERE run_id = $1', [run])
    await workerWaits()
    await other.query('COMMIT')
    await servers.ended([run])
    await assertOnce([run])
    assert.deepEqual(log.said('warn', /./), [])
    await adapter.stop()
  })

  it('as a serialization failure is no result lost, where results of one run come together', async () => {
    const workers = Array.from({ length: 3 }, () => worker(SERIALIZABLE))
    const runs = await Promise.all(Array.from({ length: 50 }, () => servers.begin('fan')))
    await servers.ended(runs)
    for (const run of runs) {
      const { context } = await servers.look(run)
      const { output, nodes } = outcomes.fan()
      assert.equal(context['_outputs.end'], output)
      assert.deepEqual(counted(context), nodes)
      assert.deepEqual(servers.executions.perNode(run), nodes)
    }
    const failures = workers.reduce((sum, { log }) => sum + log.said('warn', /40001/).length, 0)
    assert.equal(failures, 0)
    await Promise.all(workers.map(({ adapter }) => adapter.stop()))
  })

  it('for a lock that waits for its own gives way', async (t) => {
    const { adapter } = worker('-c deadlock_timeout=60s')
    const other = await transaction(t)
    await other.query(`SET deadlock_timeout = '60s'`)
    const run = await servers.begin('line', { ms: 1000 })
    await until(() => executed([run], 'work') === 1)
    // The worker locks the context first, then the status; this one the other way round.
    await other.query('SELECT 1 FROM statuses WHERE run_id = $1 FOR UPDATE', [run])
    await workerWaits()
    const asked = Date.now()
    await other.query('SELECT 1 FROM contexts WHERE run_id = $1 FOR UPDATE', [run])
    assert.ok(Date.now() - asked < 2000, `${Date.now() - asked} ms`)
    await other.query('COMMIT')
    await servers.ended([run])
    await assertOnce([run])
    await adapter.stop()
  })
})
