// Redis forgets, or is away. Leases are lost, correctness is not; what the worker does without them is an option, and it
// says which.
//
//   FLOWCRAFT_REDIS_AWAY_SECONDS=60   how long Redis is out of reach (4)
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { counted } from '../fixtures/executions.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { redis } from './support/faults.js'
import { flowsFor, outcomes } from './support/flows.js'
import { Log } from './support/log.js'

const away = Number(process.env.FLOWCRAFT_REDIS_AWAY_SECONDS ?? 4) * 1000

const WITHOUT = /Redis is out of reach: the worker claims in PostgreSQL what it executes/
const WAITS = /Redis is out of reach: the worker waits/
const AGAIN = /Redis answers again/

let servers
let flows
before(async () => {
  servers = await openPrivateServers({ shared: ['rabbitmq', 'postgres'] })
  flows = flowsFor(servers.executions)
})
after(() => servers?.close())

async function assertCountedOnce(runs) {
  for (const run of runs) {
    const { status, context } = await servers.look(run)
    assert.equal(status, 'completed')
    assert.deepEqual(counted(context), outcomes[run.split('-')[0]]({ n: 5 }).nodes)
  }
}

describe('no run notices that Redis', () => {
  for (const [what, strike] of [
    ['was flushed', () => redis.flushed(servers)],
    ['was restarted and is empty', () => redis.restarted(servers)],
  ]) {
    it(`${what}, in the middle of a node and between the branches of a join`, async (t) => {
      servers.freshQueue()
      const workers = [servers.adapter(flows), servers.adapter(flows)]
      const lines = await Promise.all(Array.from({ length: 5 }, () => servers.begin('line', { ms: 1000 })))
      const fans = await Promise.all(Array.from({ length: 20 }, () => servers.begin('fan')))
      const branches = () => servers.executions.all(fans).filter(({ node }) => node.startsWith('branch')).length
      await until(() => branches() > 20, { what: 'the joins to be half-way' })
      await strike()
      const over = Date.now()
      await servers.ended([...lines, ...fans])
      t.diagnostic(`${what}: all runs end ${Date.now() - over} ms after it`)
      await assertCountedOnce([...lines, ...fans])
      await Promise.all(workers.map((worker) => worker.stop()))
    })
  }
})

describe('Redis is out of reach for one worker alone', () => {
  it('and a message that comes twice has its node run once: the other worker says that it executes it', async (t) => {
    servers.freshQueue()
    const log = new Log()
    const seeing = servers.adapter(flows, { concurrency: 1 })
    const run = await servers.begin('line', { ms: 8000 })
    await until(() => servers.executions.perNode(run).work === 1)
    const nowhere = new RedisCoordinationStore('redis://127.0.0.1:1')
    const blind = servers.adapter(flows, { ...log.options(), coordinationStore: nowhere })
    await until(() => log.said('warn', WITHOUT).length > 0, { what: 'the word that Redis is out of reach' })
    // More than the busy one has room for.
    for (let copies = 0; copies < 5; copies++) await servers.send(run, 'line', servers.queue, 'work')
    await until(async () => (await servers.look(run)).context._flowcraft?.ledger.nodes.work.claim !== undefined, {
      what: 'a question after the node, or the answer',
    })
    const begun = Date.now()
    await servers.ended([run])
    t.diagnostic(`the run ends ${Date.now() - begun} ms after the question`)
    await assertCountedOnce([run])
    assert.deepEqual(servers.executions.perNode(run), { start: 1, work: 1, end: 1 })
    await Promise.all([seeing.stop(), blind.stop()])
  })
})

describe(`Redis is out of reach for ${away / 1000} seconds, and the worker`, () => {
  /** A worker with one run in the middle of a node, and Redis gone. */
  async function without(t, withoutRedis) {
    servers.freshQueue()
    const log = new Log()
    const adapter = servers.adapter(flows, { ...log.options(), withoutRedis })
    t.after(() => servers.redis.start())
    await servers.ended([await servers.begin('line')])
    const underWay = await servers.begin('line', { ms: 500 })
    await until(() => servers.executions.perNode(underWay).work === 1)
    await servers.redis.stop({ signal: 'SIGKILL' })
    return { adapter, log, underWay, begun: Date.now() }
  }

  it('goes on without leases, and says so: runs begin and end meanwhile', async (t) => {
    const { adapter, log, underWay, begun } = await without(t, 'continue')
    const runs = [underWay]
    for (let n = 0; n < 5; n++) runs.push(await servers.begin('diamonds', { n: 5 }))
    await servers.ended(runs)
    const took = Date.now() - begun
    assert.equal(servers.redis.pid, undefined, 'Redis is still away')
    t.diagnostic(`without Redis: six runs ended ${took} ms after it went`)
    assert.equal(log.said('warn', WITHOUT).length, 1)
    await sleep(Math.max(0, begun + away - Date.now()))
    await servers.redis.start()
    const back = Date.now()
    while (log.said('info', AGAIN).length === 0) {
      assert.ok(Date.now() < back + 10_000, 'it does not say that Redis is back')
      runs.push(await servers.begin('diamonds', { n: 5 }))
      await servers.ended([runs.at(-1)])
    }
    await assertCountedOnce(runs)
    for (const run of runs) {
      for (const [node, times] of Object.entries(servers.executions.perNode(run)))
        assert.equal(times, 1, `${run} ${node}`)
    }
    assert.equal(log.said('warn', WITHOUT).length, 1, 'it says so once')
    await adapter.stop()
  })

  it('waits, and says so: what began ends, and nothing begins until Redis is back', async (t) => {
    const { adapter, log, underWay, begun } = await without(t, 'wait')
    const run = await servers.begin('diamonds', { n: 5 })
    await until(() => log.said('warn', WAITS).length > 0, { what: 'the word that it waits' })
    await sleep(Math.max(0, begun + away - Date.now()))
    assert.deepEqual(servers.executions.perNode(run), {}, 'nothing runs without a lease')
    await servers.redis.start()
    const over = Date.now()
    await servers.ended([underWay, run])
    t.diagnostic(`the runs end ${Date.now() - over} ms after Redis came back`)
    await until(() => log.said('info', AGAIN).length > 0, { what: 'the word that it is back' })
    assert.equal(log.said('warn', WAITS).length, 1, 'it says so once')
    await assertCountedOnce([underWay, run])
    await adapter.stop()
  })
})
