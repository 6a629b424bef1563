// A client works over every status table that users have, also one without a place for results or moments.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onServers, sharedServersFor } from '../fixtures/shared-servers.js'
import { asking, clientFor, single } from './support/clients.js'

/** What a client is for, on these tables. */
async function works(t, servers, tables = {}) {
  const adapter = servers.adapter([single, asking], tables)
  t.after(() => adapter.stop())
  const client = clientFor(t, servers, [single, asking], tables)
  const run = await client.start('single', { context: { a: 1 } })
  const { context, status } = await run.result({ timeoutMs: 20_000 })
  assert.deepEqual([status, context['_outputs.only'], context.a], ['completed', 1, 1])
  const again = { runId: run.runId, context: { b: 2 }, onConflict: 'restart-if-ended' }
  const restarted = await client.start('single', again)
  assert.equal(restarted.outcome, 'restarted')
  assert.equal((await restarted.result({ timeoutMs: 20_000 })).context.a, undefined)
  const cancelled = await client.start('asking')
  await cancelled.cancel('no')
  await assert.rejects(cancelled.result(), { code: 'RUN_CANCELLED', reason: 'no' })
  assert.equal((await cancelled.describe()).reason, 'no')
  assert.deepEqual(
    (await client.list({ status: 'completed' })).runs.map(({ runId }) => runId),
    [run.runId],
  )
  await run.delete()
  await cancelled.delete()
  assert.deepEqual(await client.counts(), [])
}

describe('a client', onServers('status tables of several shapes'), () => {
  for (const statusTable of ['readme', 'guide', 'code']) {
    it(`works over the status table of the ${statusTable}`, async (t) => {
      await works(t, await sharedServersFor(t, { statusTable }))
    })
  }

  it('works over a status table of two columns, beside columns of the user', async (t) => {
    const servers = await sharedServersFor(t)
    const contextTableName = `${servers.name}.other_contexts`
    const statusTableName = `${servers.name}.other_statuses`
    await servers.pg.query(
      `CREATE TABLE ${contextTableName} (run_id VARCHAR(60) PRIMARY KEY, context_data JSONB, status TEXT, updated_at DATE)`,
    )
    await servers.pg.query(
      `CREATE TYPE ${servers.name}.word AS ENUM ('running', 'awaiting', 'completed', 'failed', 'cancelled')`,
    )
    await servers.pg.query(
      `CREATE TABLE ${statusTableName} (run_id TEXT PRIMARY KEY, status ${servers.name}.word, context_data TEXT)`,
    )
    await works(t, servers, { contextTableName, statusTableName, repairInterval: 0 })
  })

  it('says where a status row owes values that only the user knows', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.pg.query(`ALTER TABLE ${servers.statusTable} ADD COLUMN tenant TEXT NOT NULL`)
    const client = clientFor(t, servers, single)
    const runId = servers.runId()
    await assert.rejects(client.start('single', { runId }), { code: 'TABLE_UNFIT', runId })
    assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
    await servers.pg.query(`INSERT INTO ${servers.statusTable} (run_id, tenant) VALUES ($1, 'a')`, [runId])
    const adapter = servers.adapter(single)
    t.after(() => adapter.stop())
    const run = await client.start('single', { runId })
    await run.result({ timeoutMs: 20_000 })
  })

  it('says which table is missing', async (t) => {
    const servers = await sharedServersFor(t)
    const client = clientFor(t, servers, single, { contextTableName: 'nowhere' })
    const run = client.run('r')
    for (const call of [() => client.start('single'), () => client.list(), () => client.counts(), () => run.describe()])
      await assert.rejects(call, { code: 'TABLE_MISSING' })
  })
})
