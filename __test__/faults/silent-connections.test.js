// A connection that is open and says nothing. Nobody waits for it without end: it is given up, the log says so once, the
// work goes on over another one, and whatever hangs, `stop()` ends and hands messages back.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { line } from '../fixtures/flows.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { Log } from './support/log.js'
import { openSilentProxy } from './support/silent-proxy.js'

/** Short enough for a test, long enough for a busy machine. */
const SOON = { statementTimeout: 1500, publishTimeout: 1500, connectTimeout: 1500, leaseTimeout: 1000 }
/** What `stop()` may take beyond `stopTimeout`, and a busy machine. */
const AT_MOST = 3000 + 1000

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers?.close())

async function workerOver(t, flow, options) {
  const log = new Log()
  const adapter = await servers.workerFor(t, flow, { ...SOON, runtime: { logger: log.logger }, ...options })
  return { adapter, log }
}

const times = (log, words) => log.lines.filter(({ message }) => words.test(message)).length

describe('PostgreSQL falls silent, and', () => {
  it('runs end over new connections, each node executed once; the log says it once', async (t) => {
    const proxy = await openSilentProxy(t, urls.database)
    const { flow, executed } = line({ ms: 20 })
    const { log } = await workerOver(t, flow, { pgClient: proxy.url })
    await servers.run(flow)
    executed.length = 0
    proxy.silence()
    const runs = await Promise.all(Array.from({ length: 5 }, () => servers.begin(flow)))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    assert.equal(executed.length, 15)
    assert.equal(times(log, /PostgreSQL gives no answer .* \(option statementTimeout\)/), 1, JSON.stringify(log.lines))
  })

  it('a commit that took effect counts once, and what follows from it goes on', async (t) => {
    const proxy = await openSilentProxy(t, urls.database)
    let release
    const gate = new Promise((resolve) => (release = resolve))
    const executed = []
    const flow = createFlow('gated')
      .node('a', async () => {
        executed.push('a')
        await gate
        return { output: 'a' }
      })
      .node('b', async () => {
        executed.push('b')
        return { output: 'b' }
      })
      .edge('a', 'b')
    await workerOver(t, flow, { pgClient: proxy.url })
    const run = await servers.begin(flow)
    await until(() => executed.length === 1)
    proxy.silence({ ways: 'answers' })
    release()
    const { status, context } = await servers.settled(run)
    assert.deepEqual([status, context['_outputs.a'], context['_outputs.b']], ['completed', 'a', 'b'])
    assert.deepEqual(executed, ['a', 'b'])
  })

  it('nobody waits for a login either: runs end when it answers again', async (t) => {
    const proxy = await openSilentProxy(t, urls.database)
    proxy.silence({ newOnes: true })
    const { flow } = line({ ms: 20 })
    const { log } = await workerOver(t, flow, { pgClient: proxy.url })
    const run = await servers.begin(flow)
    await until(() => times(log, /option connectTimeout/) > 0)
    proxy.mend()
    assert.equal((await servers.settled(run)).status, 'completed')
  })

  it('stop() ends and hands back what it cannot finish', async (t) => {
    const proxy = await openSilentProxy(t, urls.database)
    const { flow } = line({ ms: 20 })
    const limits = { statementTimeout: 60_000, stopTimeout: 1000 }
    const { adapter } = await workerOver(t, flow, { pgClient: proxy.url, ...limits })
    await servers.run(flow)
    proxy.silence({ newOnes: true })
    await servers.begin(flow)
    await until(async () => (await servers.waiting()) === 0)
    await sleep(200)
    const begun = performance.now()
    await adapter.stop()
    assert.ok(performance.now() - begun < limits.stopTimeout + AT_MOST, `${performance.now() - begun} ms`)
    await until(async () => (await servers.waiting()) === 1, { what: 'the message to be back' })
  })

  it('a context of its own hears of it', async (t) => {
    const proxy = await openSilentProxy(t, urls.database)
    const { flow } = line({ ms: 20 })
    const adapter = servers.adapter(flow, { ...SOON, started: false, pgClient: proxy.url })
    t.after(() => adapter.stop())
    const context = adapter.createContext('of-nobody')
    assert.equal(await context.get('a'), undefined)
    proxy.silence()
    await assert.rejects(context.get('a'), { code: 'DATABASE_UNREACHABLE', retryable: true })
    assert.equal(await context.get('a'), undefined)
  })
})

describe('a statement that takes too long', () => {
  it('is cancelled at the server, and its run goes on when it can', async (t) => {
    const { flow } = line({ ms: 20 })
    await workerOver(t, flow)
    await servers.run(flow)
    const [runId, slow] = [servers.runId(), `${servers.name}.slow`]
    await servers.insert(runId, '{}')
    await servers.insertStatus(runId)
    await servers.pg.query(`CREATE FUNCTION ${slow}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$`)
    await servers.pg.query(`CREATE TRIGGER slow BEFORE UPDATE ON ${servers.contextTable} FOR EACH ROW
      WHEN (NEW.run_id = '${runId}') EXECUTE FUNCTION ${slow}()`)
    await servers.send({ runId, blueprintId: 'line', nodeId: 'a' })
    const sleeping = async () => {
      const all = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%${servers.name}%'`
      return (await servers.pg.query(all)).rows.map(({ pid }) => pid)
    }
    const [first] = await until(async () => {
      const pids = await sleeping()
      return pids.length > 0 && pids
    })
    await until(async () => !(await sleeping()).includes(first), { what: 'it to be cancelled' })
    await servers.pg.query(`DROP FUNCTION ${slow}() CASCADE`)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})

describe('RabbitMQ falls silent, and', () => {
  it('what is not confirmed in time is published over another connection', async (t) => {
    const proxy = await openSilentProxy(t, urls.amqp)
    const { flow } = line({ ms: 20 })
    await servers.freshQueue()
    const adapter = servers.adapter(flow, { ...SOON, started: false, amqpConnection: proxy.url })
    t.after(() => adapter.stop())
    const job = { runId: 'x', blueprintId: 'line', nodeId: 'a' }
    await adapter.enqueueJob(job)
    proxy.silence()
    await assert.rejects(adapter.enqueueJob(job), { code: 'BROKER_UNREACHABLE', retryable: true })
    await adapter.enqueueJob(job)
    await until(async () => (await servers.waiting()) === 2)
  })

  it('runs under way end over new connections', async (t) => {
    const proxy = await openSilentProxy(t, urls.amqp)
    const { flow } = line({ ms: 20 })
    await workerOver(t, flow, { amqpConnection: `${proxy.url}?heartbeat=1` })
    await servers.run(flow)
    proxy.silence()
    const run = await servers.begin(flow)
    assert.equal((await servers.settled(run)).status, 'completed')
  })

  it('a live amqplib connection keeps nobody from stopping', async (t) => {
    const proxy = await openSilentProxy(t, urls.amqp)
    const connection = await amqplib.connect(`${proxy.url}?heartbeat=0`)
    connection.on('error', () => {})
    t.after(() => connection.connection.stream.destroy())
    const { flow, executed } = line({ ms: 20 })
    const limits = { stopTimeout: 1000, amqpConnection: connection }
    const { adapter, log } = await workerOver(t, flow, limits)
    await servers.run(flow)
    executed.length = 0
    await servers.begin(flow)
    await until(() => executed.length === 1)
    proxy.silence()
    await until(() => times(log, /RabbitMQ gives no answer|amqplib connection does not answer/) > 0)
    const begun = performance.now()
    await adapter.stop()
    assert.ok(performance.now() - begun < limits.stopTimeout + AT_MOST, `${performance.now() - begun} ms`)
  })
})

describe('the coordination store falls silent, and', () => {
  it('the worker goes on without leases, and finds Redis again over another connection', async (t) => {
    const proxy = await openSilentProxy(t, urls.redis)
    const { flow } = line({ ms: 20 })
    const { log } = await workerOver(t, flow, { coordinationStore: new RedisCoordinationStore(proxy.url) })
    await servers.run(flow)
    proxy.silence()
    assert.equal((await servers.run(flow)).status, 'completed')
    assert.equal(times(log, /Redis is out of reach/), 1, JSON.stringify(log.lines))
    await until(() => times(log, /Redis answers again/) === 1, { what: 'Redis to be found again' })
  })

  it('one of your own that never answers holds nobody up', async (t) => {
    const never = () => new Promise(() => {})
    const coordinationStore = { increment: never, setIfNotExist: never, extendTTL: never, delete: never, get: never }
    const { flow } = line({ ms: 20 })
    const { log } = await workerOver(t, flow, { coordinationStore })
    assert.equal((await servers.run(flow)).status, 'completed')
    assert.ok(times(log, /option leaseTimeout/) > 0)
  })
})
