// A start within the caller's own transaction: the run exists if the caller commits.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { onServers, openSharedServers } from '../fixtures/shared-servers.js'
import { ON_MEMORY, urls } from '../fixtures/which-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { clientFor, executions, greeting } from './support/clients.js'
import { waitsAfterCommit } from './support/commits.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A transaction on a connection of its own, given back with the test. */
async function transaction(t) {
  const connection = await servers.pg.connect()
  t.after(() => connection.release())
  await connection.query('BEGIN')
  return connection
}

describe('a start within a transaction', onServers('transactions'), () => {
  it('is a run once the caller commits, and not before', async (t) => {
    // Its worker would find the run by recovery only later.
    await servers.workerFor(t, greeting, { repairInterval: 0 })
    const client = clientFor(t, servers, greeting)
    const own = await transaction(t)
    const runId = servers.runId()
    const run = await client.start('greeting', { runId, context: { name: runId }, transaction: own })
    await sleep(300)
    assert.deepEqual([run.outcome, await servers.rowsOf(runId)], ['new', { contexts: 0, statuses: 0 }])
    const committed = performance.now()
    await own.query('COMMIT')
    await run.result({ timeoutMs: 20_000 })
    assert.ok(performance.now() - committed < 3_000)
    assert.equal(executions.get(runId), 1)
  })

  it('is published within 100 ms of the commit', async (t) => {
    await servers.freshQueue()
    const { count, median, worst } = await waitsAfterCommit(clientFor(t, servers, greeting), servers)
    t.diagnostic(`median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`)
    assert.equal(count, 100)
    assert.ok(median < 100, `median ${median} ms`)
    // Other suites may have the processors for a while.
    assert.ok(worst < 1_000, `worst ${worst} ms`)
  })

  it('is nothing if the caller rolls back', async (t) => {
    await servers.workerFor(t, greeting, { repairInterval: 500 })
    const client = clientFor(t, servers, greeting)
    const own = await transaction(t)
    const runId = servers.runId()
    await client.start('greeting', { runId, context: { name: runId }, transaction: own })
    await own.query('ROLLBACK')
    await sleep(1_500)
    assert.deepEqual([await servers.rowsOf(runId), executions.get(runId)], [{ contexts: 0, statuses: 0 }, undefined])
    assert.equal(await servers.waiting(), 0)
    const run = await client.start('greeting', { runId, context: { name: runId } })
    await run.result({ timeoutMs: 20_000 })
    assert.equal(executions.get(runId), 1)
  })

  it('is found by recovery where the client dies with its commit', async (t) => {
    await servers.workerFor(t, greeting, { repairInterval: 500 })
    const runId = servers.runId()
    const settings = {
      runId,
      database: urls.direct,
      amqpConnection: urls.amqp,
      pgClient: urls.database,
      contextTableName: servers.contextTable,
      statusTableName: servers.statusTable,
      queueName: servers.queue,
    }
    const process = new WorkerProcess(new URL('./programs/commits.js', import.meta.url), { settings })
    const { signal } = await process.ended(20_000)
    assert.equal(signal, 'SIGKILL', process.printed)
    await servers.settled(runId, ['completed'], 60_000)
    assert.equal(executions.get(runId), 1)
  })

  it('knows a run that is there already', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, greeting)
    const { runId } = await client.start('greeting', { context: { name: 'Ada' } })
    const own = await transaction(t)
    const again = { runId, transaction: own }
    await assert.rejects(client.start('greeting', again), { code: 'RUN_EXISTS', runId, name: 'RunExistsError' })
    const run = await client.start('greeting', { ...again, onConflict: 'use-existing' })
    assert.equal(run.outcome, 'existing')
    await assert.rejects(client.start('greeting', { ...again, onConflict: 'restart-if-ended' }), {
      code: 'INVALID_ARGUMENT',
    })
    // It is the caller's to say what becomes of the transaction: it is intact.
    await own.query('SELECT 1')
    await own.query('ROLLBACK')
    await assert.rejects(client.start('greeting', { transaction: { query: async () => 1 } }), {
      code: 'INVALID_ARGUMENT',
    })
  })
})

it('a memory has no transactions', { skip: !ON_MEMORY && `only on memory, not on ${urls.database}` }, async (t) => {
  const client = clientFor(t, servers, greeting)
  const transaction = { query: async () => [] }
  await assert.rejects(client.start('greeting', { transaction }), { code: 'INVALID_ARGUMENT' })
})
