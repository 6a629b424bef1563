// How long the first page of 100,000 runs takes, by each filter: on PostgreSQL, migrated, with the extension pg_trgm.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { onServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { asking, clientFor, single } from './support/clients.js'

const RUNS = 100_000
/** The longest that the first page may take, in milliseconds: the median of so many calls. */
const [MOST, CALLS] = [10, 31]

/** A database of the test's own: an extension is its users' affair, and other tests look whether it is there. */
async function ownDatabase() {
  const name = `finding_${process.pid}`
  const server = new pg.Client(urls.direct)
  await server.connect()
  await server.query(`CREATE DATABASE ${name}`)
  const drop = async () => {
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await server.end()
  }
  const url = new URL(urls.direct)
  url.pathname = `/${name}`
  return { database: url.href, drop }
}

/** Runs like a seed, for all numbers that meet a condition; `context` and `status` are SQL of what is other in each. */
async function cloned({ pg, contextTable, statusTable }, seed, where, { context = 's.context_data', status = {} }) {
  const numbers = `generate_series(1, ${RUNS}) AS n`
  const id = `'run-' || lpad(n::text, 6, '0')`
  const blueprint = `to_jsonb(CASE WHEN n % 2000 = 7 THEN 'rare' ELSE 'flow-' || n % 5 END)`
  await pg.query(
    `INSERT INTO ${contextTable} SELECT ${id}, jsonb_set(${context}, '{_flowcraft,blueprint,id}', ${blueprint})
     FROM ${contextTable} AS s, ${numbers} WHERE s.run_id = $1 AND ${where}`,
    [seed],
  )
  await pg.query(
    `INSERT INTO ${statusTable} (run_id, status, status_data, updated_at)
     SELECT ${id}, s.status, ${status.data ?? 's.status_data'}, now() - n * interval '25 seconds'
     FROM ${statusTable} AS s, ${numbers} WHERE s.run_id = $1 AND ${where}`,
    [seed],
  )
}

/** 60,000 that completed, 30,000 that wait at one of three nodes, some of them paused, and 10,000 that failed for four reasons. */
async function filled(servers, [done, waits, fails]) {
  await cloned(servers, done, 'n % 10 < 6', {})
  const node = `CASE WHEN n % 1000 = 6 THEN '["rare"]' WHEN n % 50 = 7 THEN '["some"]' ELSE '["approval", "other"]' END`
  const halted = `CASE WHEN n % 20 = 8 THEN '{"since": 7}' ELSE 'null' END`
  await cloned(servers, waits, 'n % 10 BETWEEN 6 AND 8', {
    context: `jsonb_set(jsonb_set(s.context_data, '{_awaitingNodeIds}', (${node})::jsonb), '{_flowcraft,ledger}',
      jsonb_strip_nulls(s.context_data->'_flowcraft'->'ledger' || jsonb_build_object('halted', (${halted})::jsonb)))`,
  })
  const reason = `CASE WHEN n % 10000 = 9 THEN 'the moon is full' WHEN n % 200 = 19 THEN 'card ' || n || ' declined'
    WHEN n % 40 = 39 THEN 'timeout of ' || n ELSE 'the provider is down: ' || n END`
  await cloned(servers, fails, 'n % 10 = 9', {
    status: { data: `jsonb_build_object('status', 'failed', 'reason', ${reason})` },
  })
  await servers.pg.query('VACUUM ANALYZE')
}

const median = (times) => times.sort((one, other) => one - other)[times.length >> 1]

it('is less than 10 ms', { ...onServers('memory reads every run'), timeout: 600_000 }, async (t) => {
  const { database, drop } = await ownDatabase()
  const servers = await sharedServersFor(t, { database })
  await servers.pg.query('CREATE EXTENSION IF NOT EXISTS pg_trgm')
  await migrate({ pgClient: database, contextTableName: servers.contextTable, statusTableName: servers.statusTable })
  const failing = createFlow('failing').node('only', async () => {
    throw new Error('no')
  })
  const flows = [single, asking, failing]
  await servers.workerFor(t, flows, { pgClient: database })
  const client = clientFor(t, servers, flows, { pgClient: database })
  t.after(drop) // once everything that has a connection to it is closed
  const seeds = ['completed', 'awaiting', 'failed'].map((status) => ({ status, runId: `seed-${status}` }))
  for (const [at, { status, runId }] of seeds.entries()) {
    await client.start(flows[at].toBlueprint().id, { runId })
    await until(async () => (await client.run(runId).describe()).status === status)
  }
  await filled(
    servers,
    seeds.map(({ runId }) => runId),
  )
  const searches = [
    [{}, 100],
    [{ order: 'desc' }, 100],
    [{ waitingAt: 'approval' }, 100],
    [{ waitingAt: 'other' }, 100],
    [{ waitingAt: 'some' }, 100],
    [{ waitingAt: 'rare', order: 'desc' }, 100],
    [{ waitingAt: 'none' }, 0],
    [{ paused: true }, 100],
    [{ paused: false }, 100],
    [{ error: 'provider' }, 100],
    [{ error: 'declined', order: 'desc' }, 100],
    [{ error: 'timeout' }, 100],
    [{ error: 'full' }, 10],
    [{ error: 'nowhere' }, 0],
    [{ error: 'RUN_FAILED' }, 100],
    [{ blueprintId: 'flow-3', order: 'desc' }, 100],
    [{ blueprintId: 'rare' }, 50],
    [{ blueprintId: 'nothing' }, 0],
    [{ blueprintId: 'flow-2', createdBefore: new Date(Date.now() + 1) }, 100],
    [{ blueprintId: 'flow-1', status: 'awaiting', order: 'desc' }, 100],
  ]
  const slow = []
  for (const [search, expected] of searches) {
    const times = []
    for (let call = 0; call < CALLS; call += 1) {
      const begun = performance.now()
      const { runs } = await client.list(search)
      times.push(performance.now() - begun)
      assert.equal(runs.length, expected, JSON.stringify(search))
    }
    const took = `${JSON.stringify(search)}: ${median(times).toFixed(2)} ms`
    t.diagnostic(took)
    if (median(times) >= MOST) slow.push(took)
  }
  assert.deepEqual(slow, [])
})
