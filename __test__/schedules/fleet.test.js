// Schedules of a fleet whose workers are killed: each due time has its run, once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientFor } from '../client/support/clients.js'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { ticking } from './programs/flows.js'

const PROGRAM = new URL('./programs/worker.js', import.meta.url)

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.migrate()
})
after(() => servers.close())

function worker({ fault, redis = urls.redis } = {}) {
  const settings = {
    amqpConnection: urls.amqp,
    pgClient: urls.database,
    redis,
    contextTableName: servers.contextTable,
    statusTableName: servers.statusTable,
    queueName: servers.queue,
    repairInterval: 500,
    leaseSeconds: 2,
  }
  return new WorkerProcess(PROGRAM, { settings, env: fault ? { FLOWCRAFT_FAULT: `crash@${fault}` } : {} })
}

/** Checks that each due time of a schedule that has ended has one run, which ended. */
async function eachOnce(client, id, { startAt, endAt, everyMs }) {
  const due = []
  for (let moment = startAt.getTime(); moment <= endAt.getTime(); moment += everyMs) due.push(new Date(moment))
  await until(async () => (await client.schedules.describe(id)).state === 'ended', { timeout: 60_000, what: 'its end' })
  for (const dueAt of due) {
    const { context, status } = await servers.settled(`${id}@${dueAt.toISOString()}`, ['completed'], 60_000)
    assert.deepEqual([status, context['_outputs.tick']], ['completed', 'tick all'])
  }
  const { runs } = await client.list({ idPrefix: `${id}@`, limit: 1_000 })
  assert.equal(runs.length, due.length)
  const { counts } = await client.schedules.describe(id)
  assert.deepEqual([counts.started, counts.skipped, counts.missed], [due.length, 0, 0])
}

/** A schedule that is due every second for some seconds from now on. */
async function everySecond(client, seconds) {
  const id = servers.runId()
  const startAt = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000)
  const when = { everyMs: 1_000, startAt, endAt: new Date(startAt.getTime() + seconds * 1_000) }
  const how = { blueprintId: 'ticking', context: { who: 'all' }, overlap: 'allow' }
  await client.schedules.create({ id, ...when, ...how })
  return [id, when]
}

describe('three workers', onServers('processes of their own'), () => {
  it('that are killed and replaced start each due time once', async (t) => {
    await servers.freshQueue()
    let workers = [worker(), worker(), worker()]
    t.after(() => Promise.all(workers.map((each) => each.stop('SIGKILL'))))
    await Promise.all(workers.map((each) => each.started()))
    const client = clientFor(t, servers, ticking)
    const [id, when] = await everySecond(client, 12)
    for (let turn = 0; turn < 6; turn += 1) {
      await sleep(1_300 + turn * 170)
      const [oldest, ...others] = workers
      await oldest.stop('SIGKILL')
      workers = [...others, worker()]
    }
    await eachOnce(client, id, when)
  })

  it('that reach no Redis do so too', async (t) => {
    await servers.freshQueue()
    const workers = [1, 2, 3].map(() => worker({ redis: 'redis://127.0.0.1:1' }))
    t.after(() => Promise.all(workers.map((each) => each.stop('SIGKILL'))))
    await Promise.all(workers.map((each) => each.started()))
    const client = clientFor(t, servers, ticking)
    await eachOnce(client, ...(await everySecond(client, 4)))
  })
})

describe('a worker that is killed', onServers('processes of their own'), () => {
  for (const point of ['schedule-before-write', 'schedule-after-write']) {
    it(`at ${point} loses and doubles no due time`, async (t) => {
      await servers.freshQueue()
      const client = clientFor(t, servers, ticking)
      const dying = worker({ fault: point })
      await dying.started()
      const [id, when] = await everySecond(client, 3)
      const { signal } = await dying.ended(30_000)
      assert.equal(signal, 'SIGKILL', dying.printed)
      const next = worker()
      t.after(() => next.stop('SIGKILL'))
      await eachOnce(client, id, when)
    })
  }
})

describe('a schedule whose row somebody has locked', onServers('a lock of their own'), () => {
  it('holds up no other one, and says why it cannot start', async (t) => {
    await servers.freshQueue()
    const told = []
    const logger = { debug() {}, info() {}, warn() {}, error: (message) => told.push(message) }
    await servers.workerFor(t, ticking, { statementTimeout: 1_000, runtime: { logger } })
    const client = clientFor(t, servers, ticking)
    const [locked, open] = [servers.runId(), servers.runId()]
    // The locked one is due for longer, and comes first.
    const when = { everyMs: 1_000, blueprintId: 'ticking', context: { who: 'all' }, overlap: 'allow' }
    const connection = await servers.pg.connect()
    t.after(() => connection.release(true))
    await client.schedules.create({ id: locked, ...when })
    await connection.query('BEGIN')
    await connection.query(`SELECT FROM ${servers.contextTable}_schedules WHERE id = $1 FOR UPDATE`, [locked])
    await client.schedules.create({ id: open, ...when })
    const runsOf = async (id) => (await client.list({ idPrefix: `${id}@`, limit: 100 })).runs.length
    await until(async () => (await runsOf(open)) >= 3, { timeout: 30_000, what: 'three runs of the other schedule' })
    await until(() => told.some((line) => line.includes(`Schedule '${locked}'`)), { what: 'a line about it' })
    await connection.query('COMMIT')
    const before = await runsOf(locked)
    await until(async () => (await runsOf(locked)) > before, { timeout: 30_000, what: 'a run once the lock is gone' })
    await Promise.all([locked, open].map((id) => client.schedules.delete(id)))
  })
})
