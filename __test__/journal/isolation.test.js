// Whatever isolation a server, a database or a role has as its default, the adapter reads what is committed: it goes by what
// holds once it has a lock, and not by what held when a transaction began.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { Log } from '../faults/support/log.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'

for (const level of ['repeatable read', 'serializable']) {
  describe(`where ${level} is the default`, () => {
    const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
    // No pooler lets options pass.
    const pgClient = { connectionString: urls.direct, options }
    let servers
    before(async () => {
      servers = await openSharedServers()
    })
    after(() => servers?.close())

    const worker = async (t, flow) => {
      const log = new Log()
      await servers.workerFor(t, flow, { pgClient, runtime: { logger: log.logger } })
      return log
    }

    /** Somebody else, in a transaction. */
    async function other(t) {
      const client = new pg.Client({ connectionString: urls.direct })
      await client.connect()
      t.after(() => client.end())
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
      return client
    }

    function gated() {
      let release
      const gate = new Promise((resolve) => (release = resolve))
      const seen = { runs: 0, release }
      const flow = createFlow('gated')
        .node('a', async () => ({ output: 1 }))
        .node('b', async () => {
          seen.runs += 1
          await gate
          return { output: 2 }
        })
      return { flow: flow.edge('a', 'b'), seen }
    }

    it('a result that waits for a row goes by what is there then', async (t) => {
      const { flow, seen } = gated()
      const log = await worker(t, flow)
      const run = await servers.begin(flow)
      await until(() => seen.runs === 1)
      const client = await other(t)
      const mine = `UPDATE ${servers.contextTable} SET context_data = context_data || '{"mine":1}' WHERE run_id = $1`
      await client.query(mine, [run])
      seen.release()
      const waits = `SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()`
      await until(async () => (await client.query(waits)).rowCount > 0)
      await client.query('COMMIT')
      const { status, context } = await servers.settled(run)
      assert.deepEqual([status, context.mine, seen.runs], ['completed', 1, 1])
      assert.deepEqual(log.said('warn', /./), [])
    })

    it('contexts of their own take changes from many at a time', async (t) => {
      const { flow } = gated()
      const adapter = servers.adapter(flow, { pgClient, started: false })
      t.after(() => adapter.stop())
      const contexts = Array.from({ length: 3 }, () => adapter.createContext('its-own'))
      const keys = Array.from({ length: 30 }, (_, number) => `key-${number}`)
      await Promise.all(keys.map((key, number) => contexts[number % 3].set(key, number)))
      assert.deepEqual(Object.keys(await contexts[0].toJSON()).sort(), keys.sort())
    })

    it('branches that end together all count', async (t) => {
      const fan = createFlow('fan')
        .node('start', async () => ({ output: 0 }))
        .node('end', async () => ({ output: 1 }))
      for (const id of 'abcdefgh')
        fan
          .node(id, async () => ({ output: id }))
          .edge('start', id)
          .edge(id, 'end')
      const log = await worker(t, fan)
      const second = servers.adapter(fan, { pgClient })
      t.after(() => second.stop())
      const runs = await Promise.all(Array.from({ length: 10 }, () => servers.begin(fan)))
      for (const run of runs) {
        const { status, context } = await servers.settled(run)
        assert.deepEqual(
          [status, ...[...'abcdefgh'].map((id) => context[`_outputs.${id}`])],
          ['completed', ...'abcdefgh'],
        )
      }
      assert.deepEqual(log.said('warn', /./), [])
    })

    it('a fold that waited for an entry has it', async (t) => {
      await migrate({
        pgClient: urls.direct,
        contextTableName: servers.contextTable,
        statusTableName: servers.statusTable,
        to: 1,
      })
      servers.migrated = servers.contextTable
      const { flow, seen } = gated()
      await worker(t, flow)
      const run = await servers.begin(flow, { mine: 'first' })
      await until(() => seen.runs === 1)
      const client = await other(t)
      const journal = `${servers.contextTable}_journal`
      // Somebody else's append, not committed yet.
      await client.query(
        `WITH held AS MATERIALIZED (SELECT run_id FROM ${servers.contextTable} WHERE run_id = $1 FOR SHARE)
         INSERT INTO ${journal} (run_id, entry, change) SELECT run_id,
         (SELECT max(entry) + 1 FROM ${journal} WHERE run_id = $1), '{"sets":{"mine":"second"}}'::json FROM held`,
        [run],
      )
      seen.release()
      const waits = `SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()`
      await until(async () => (await client.query(waits)).rowCount > 0)
      await client.query('COMMIT')
      const result = () =>
        servers.pg.query(`SELECT status, status_data FROM ${servers.statusTable} WHERE run_id = $1`, [run])
      const [row] = await until(async () => {
        const { rows } = await result()
        return rows[0].status === 'completed' && rows
      })
      assert.equal(row.status_data.payload.context.mine, 'second')
    })
  })
}
