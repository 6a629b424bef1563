// Rows that somebody has locked: only their runs wait, and hold no place meanwhile. All others go on at full speed, and
// every node runs once.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { withoutJournal } from '../fixtures/journal.js'
import { onServers, sharedServersFor, urls } from '../fixtures/shared-servers.js'
import { until } from '../fixtures/until.js'

/** A corner with a worker, a gate for some runs, and who counts executions. */
async function scene(t, options = {}) {
  const servers = await sharedServersFor(t)
  const executed = new Map()
  const gates = []
  const count = (run, node) => executed.set(`${run}/${node}`, (executed.get(`${run}/${node}`) ?? 0) + 1)
  const flow = createFlow('steps')
    .node('a', async ({ context }) => {
      const run = await context.get('name')
      count(run, 'a')
      if (await context.get('held')) await new Promise((open) => gates.push(open))
      return { output: 1 }
    })
    .node('b', async ({ context }) => {
      count(await context.get('name'), 'b')
      return { output: 2 }
    })
    .edge('a', 'b')
  const worker = servers.adapter(flow, { concurrency: 10, leaseSeconds: 3, ...options })
  const begin = async (prefix, number, more) => {
    const runs = Array.from({ length: number }, (_, index) => `${servers.name}-${prefix}${index}`)
    await Promise.all(runs.map((runId) => servers.begin(flow, { name: runId, ...more }, { runId })))
    return runs
  }
  return { servers, worker, gates, executed, begin, flow }
}

/** Locks rows for as long as the test likes. */
async function locked(servers, runs, table = servers.contextTable) {
  const other = await servers.pg.connect()
  let isOver = false
  const release = async () => {
    if (isOver) return
    isOver = true
    await other.query('COMMIT')
    other.release()
  }
  // Before the tables are dropped, which would wait for this lock for ever where the test failed.
  const close = servers.close.bind(servers)
  servers.close = async () => {
    await release()
    await close()
  }
  await other.query('BEGIN')
  await other.query(`SELECT 1 FROM ${table} WHERE run_id = ANY($1) FOR UPDATE`, [runs])
  return release
}

const once = (executed, runs) => {
  for (const run of runs)
    for (const node of ['a', 'b']) assert.equal(executed.get(`${run}/${node}`), 1, `${run} ${node}`)
}

/** So many runs are held up, one after the other; thirty others end within a few seconds, and each node runs once. */
async function holdsUpNobody(t, number, { table, at = 'the end of a node', concurrency = 10 } = {}) {
  const { servers, gates, executed, begin } = await scene(t, { concurrency })
  const inNode = at === 'the end of a node'
  let held
  let release
  if (inNode) {
    held = await begin('held', number, { held: true })
    await until(() => gates.length === number, { what: 'the nodes to run', timeout: 20_000 })
    release = await locked(servers, held, table?.(servers))
    for (const open of gates) {
      open()
      await sleep(20)
    }
  } else {
    const runs = Array.from({ length: number }, (_, index) => `${servers.name}-held${index}`)
    for (const run of runs) await servers.insert(run, JSON.stringify({ name: run }))
    release = await locked(servers, runs)
    for (const runId of runs) await servers.send({ runId, blueprintId: 'steps', nodeId: 'a' })
    held = runs
    await sleep(300)
  }
  const before = Date.now()
  const others = await begin('free', 30)
  await Promise.all(others.map((run) => servers.settled(run, ['completed'], 12_000)))
  const took = Date.now() - before
  t.diagnostic(`30 runs beside ${number} locked ones: ${took} ms`)
  assert.ok(took < 8_000, `${took} ms`)
  for (const run of held) assert.notEqual(await servers.statusOf(run), 'completed')
  await release()
  await Promise.all(held.map((run) => servers.settled(run, ['completed'], 30_000)))
  once(executed, [...held, ...others])
}

describe('rows that somebody has locked', { ...onServers('row locks'), concurrency: 4 }, () => {
  for (const number of [1, 3]) it(`${number} of them: only their runs wait`, (t) => holdsUpNobody(t, number))

  it('as many as there are places: their results wait without one', (t) => holdsUpNobody(t, 10))

  it('fifty of them', (t) => holdsUpNobody(t, 50, { concurrency: 50 }))

  it('of runs that have not begun: they hold no place', (t) => holdsUpNobody(t, 12, { at: 'the first message' }))

  it('in the status table', (t) => holdsUpNobody(t, 12, { concurrency: 12, table: (servers) => servers.statusTable }))

  for (const [kind, nodeId, blueprintId, reason] of [
    ['that is no job', '', 'steps', /'nodeId' is empty/],
    ['whose blueprint nobody has', 'a', 'nowhere', /'nowhere' is not in/],
    ['that names no start node', 'b', 'steps', /does not begin at node 'b'/],
  ]) {
    it(`of runs that fail by a message ${kind}: they hold no place, and fail later`, async (t) => {
      const { servers, worker, begin, executed } = await scene(t, { blueprintTimeout: 0 })
      const runs = Array.from({ length: 12 }, (_, index) => `${servers.name}-held${index}`)
      for (const run of runs) await servers.insert(run, JSON.stringify({ name: run }))
      for (const run of runs) await servers.insertStatus(run)
      const release = await locked(servers, runs)
      for (const runId of runs) await servers.send({ runId, blueprintId, nodeId })
      const areBuried = async () => (await worker.listDeadLetters()).length === runs.length
      const isJob = nodeId !== ''
      // A job becomes a dead letter when its run can be failed: no copy of it becomes another meanwhile.
      if (isJob) await sleep(300)
      else await until(areBuried, { what: 'the dead letters' })
      const before = Date.now()
      const others = await begin('free', 30)
      await Promise.all(others.map((run) => servers.settled(run, ['completed'], 12_000)))
      t.diagnostic(`30 runs beside ${runs.length} locked ones: ${Date.now() - before} ms`)
      assert.ok(Date.now() - before < 8_000)
      for (const run of runs) assert.equal(await servers.statusOf(run), 'running')
      if (isJob) assert.deepEqual(await worker.listDeadLetters(), [])
      await release()
      for (const run of runs) assert.match((await servers.settled(run, ['failed'], 20_000)).result.reason, reason)
      assert.ok(await areBuried())
      once(executed, others)
    })
  }

  it('of a run that is to fail, for longer than writeTimeout: its status says so', async (t) => {
    const { servers, worker } = await scene(t, { writeTimeout: 1_500 })
    const runId = servers.runId()
    await servers.insert(runId, '{}')
    await servers.insertStatus(runId)
    const release = await locked(servers, [runId])
    await servers.send({ runId, nodeId: 7 })
    const { result } = await servers.settled(runId, ['failed'], 20_000)
    assert.match(result.reason, /not a job/)
    assert.equal((await worker.listDeadLetters()).length, 1)
    await release()
  })

  it('a worker that stops meanwhile hands the job on', async (t) => {
    const { servers, worker, gates, executed, begin, flow } = await scene(t, { stopTimeout: 500 })
    const [run] = await begin('held', 1, { held: true })
    await until(() => gates.length === 1)
    const release = await locked(servers, [run])
    gates[0]()
    await sleep(2_500)
    await worker.stop()
    servers.adapter(flow, { concurrency: 10, leaseSeconds: 3 })
    await release()
    await until(() => gates.length === 2, { timeout: 20_000 })
    gates[1]()
    await servers.settled(run, ['completed'])
    assert.deepEqual([executed.get(`${run}/a`), executed.get(`${run}/b`)], [2, 1])
  })

  it('for longer than writeTimeout: the message is a dead letter with the reason, and the node does not run again', async (t) => {
    const { servers, worker, gates, executed, begin } = await scene(t, { writeTimeout: 1_500 })
    const [run] = await begin('held', 1, { held: true })
    await until(() => gates.length === 1)
    const release = await locked(servers, [run])
    gates[0]()
    const letters = async () => (await worker.listDeadLetters()).filter(({ job }) => job?.runId === run)
    await until(async () => (await letters()).length > 0, { what: 'the dead letter', timeout: 20_000 })
    const { status, result } = await servers.settled(run, ['failed'])
    assert.match(result.reason, /locked.*writeTimeout/)
    await sleep(4_000)
    assert.deepEqual([status, (await letters()).length, executed.get(`${run}/a`)], ['failed', 1, 1])
    await release()
  })

  it('a call from outside waits for a while', async (t) => {
    const { servers, worker } = await scene(t)
    const runId = servers.runId()
    await servers.insert(runId, '{"name":"x"}')
    const release = await locked(servers, [runId])
    const writing = worker.createContext(runId).set('k', 1)
    await sleep(1_500)
    await release()
    await writing
    assert.equal((await servers.look(runId)).context.k, 1)
  })
})

describe('a statement that takes long', { ...onServers('triggers'), concurrency: 2 }, () => {
  it('holds up no run but its own', async (t) => {
    const { servers, executed, begin } = await scene(t, { concurrency: 20 })
    const [schema] = servers.contextTable.split('.')
    await servers.pg.query(`CREATE FUNCTION ${schema}.slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.context_data ? 'slow' THEN PERFORM pg_sleep(1.5); END IF; RETURN NEW; END $$`)
    await servers.pg.query(
      `CREATE TRIGGER slow BEFORE UPDATE ON ${servers.contextTable} FOR EACH ROW EXECUTE FUNCTION ${schema}.slow()`,
    )
    const slow = await begin('slow', 6, { slow: true })
    await sleep(200)
    const before = Date.now()
    const others = await begin('free', 30)
    await Promise.all(others.map((run) => servers.settled(run, ['completed'], 20_000)))
    const took = Date.now() - before
    t.diagnostic(`30 runs beside 6 slow ones: ${took} ms`)
    // One after the other, the slow statements alone take 18 s.
    assert.ok(took < 12_000, `${took} ms`)
    await Promise.all(slow.map((run) => servers.settled(run, ['completed'], 60_000)))
    once(executed, [...slow, ...others])
  })

  it('and is cut short by the server each time fails its node with the reason, in the end', async (t) => {
    const { servers, executed, begin, flow } = await scene(t, { started: false })
    const [schema] = servers.contextTable.split('.')
    await servers.pg.query(`CREATE FUNCTION ${schema}.slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.context_data ?& '{slow,_outputs.a}' THEN PERFORM pg_sleep(3); END IF; RETURN NEW; END $$`)
    await servers.pg.query(
      `CREATE TRIGGER slow BEFORE UPDATE ON ${servers.contextTable} FOR EACH ROW EXECUTE FUNCTION ${schema}.slow()`,
    )
    // Past a pooler, which would not let `options` pass.
    const pgClient = { connectionString: urls.direct, options: '-c statement_timeout=300' }
    servers.adapter(flow, { leaseSeconds: 3, writeTimeout: 2_500, pgClient })
    const [run] = await begin('slow', 1, { slow: true })
    const others = await begin('free', 10)
    const { result } = await servers.settled(run, ['failed'], 20_000)
    // With a journal the row is written at the end, and neither the last result nor its failure can be.
    assert.match(
      result.reason,
      withoutJournal ? /57014.*writeTimeout/ : /Node 'a': its result cannot be stored.*57014.*writeTimeout/,
    )
    await Promise.all(others.map((each) => servers.settled(each, ['completed'], 20_000)))
    assert.equal(executed.get(`${run}/a`), 1)
    once(executed, others)
  })
})
