// An entry of the journal belongs to its row: when a row is deleted and its id used again, the new run finds nothing of the
// one before.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { onServers, until } from '../fixtures/shared-servers.js'
import { Tables } from './support.js'

describe('an id that is used again', onServers('rows are deleted by SQL'), () => {
  let tables
  beforeEach(async () => {
    tables = await Tables.open()
    await tables.migrate()
  })
  afterEach(() => tables?.close())

  const entries = async () => (await tables.sql(`SELECT count(*)::int AS n FROM ${tables.contexts}_journal`))[0].n

  const ways = {
    'both rows are deleted': () => `DELETE FROM ${tables.contexts}; DELETE FROM ${tables.statuses}`,
    'both tables are emptied': () => `TRUNCATE ${tables.contexts}, ${tables.statuses}`,
    'its rows are deleted and made in one transaction': () =>
      `BEGIN; DELETE FROM ${tables.contexts}; DELETE FROM ${tables.statuses};
       INSERT INTO ${tables.contexts} VALUES ('order', '{"order":"new"}'); COMMIT`,
  }
  for (const [way, sql] of Object.entries(ways)) {
    it(`starts clean when ${way} while a node runs`, async (t) => {
      let release
      const ran = []
      const flow = createFlow('orders')
        .node('a', async ({ context }) => {
          ran.push('a')
          return { output: await context.get('order') }
        })
        .node('b', async ({ input }) => {
          ran.push(`b:${input}`)
          if (input === 'old')
            await new Promise((resolve) => {
              release = resolve
            })
          return { output: `shipped ${input}` }
        })
        .edge('a', 'b')
      const { servers } = tables
      await servers.workerFor(t, flow)
      await servers.begin(flow, { order: 'old' }, { runId: 'order' })
      await until(() => release)
      assert.ok((await entries()) > 0)
      await servers.pg.query(sql())
      assert.equal(await entries(), 0)
      release()
      const rows = await tables.sql(`SELECT 1 FROM ${tables.contexts}`)
      if (rows.length === 0) await servers.insert('order', '{"order":"new"}')
      await servers.insertStatus('order')
      await servers.send({ runId: 'order', blueprintId: 'orders', nodeId: 'a' })
      const result = await until(async () => {
        const [row] = await tables.sql(`SELECT status, status_data FROM ${tables.statuses} WHERE run_id = 'order'`)
        return row?.status === 'completed' && row.status_data.payload.context
      })
      assert.deepEqual([result['_outputs.a'], result['_outputs.b']], ['new', 'shipped new'])
      assert.deepEqual(ran, ['a', 'b:old', 'a', 'b:new'])
    })
  }

  it('who deletes a row need not know of the journal', async () => {
    const { servers } = tables
    const role = `${servers.name}_client`
    await tables.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${servers.name} TO ${role};
      GRANT SELECT, DELETE ON ${tables.contexts} TO ${role}`)
    await servers.insert('order', '{}')
    await tables.sql(`INSERT INTO ${tables.contexts}_journal VALUES ('order', 1, '{}'), ('other', 1, '{}')`)
    const client = await tables.other()
    await client.query(`SET ROLE ${role}`)
    await client.query(`DELETE FROM ${tables.contexts} WHERE run_id = 'order'`)
    assert.equal(await entries(), 1)
    await client.query('RESET ROLE')
    await tables.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })

  it('where the journal was taken away by others, rows are deleted all the same', async () => {
    await tables.servers.insert('order', '{}')
    await tables.sql(`DROP VIEW ${tables.contexts}_live; DROP TABLE ${tables.contexts}_journal`)
    await tables.sql(`DELETE FROM ${tables.contexts}`)
    assert.deepEqual(await tables.sql(`SELECT 1 FROM ${tables.contexts}`), [])
  })

  it('the step is made beside others of 2.0.0, and taken away whole', async () => {
    await tables.migrate({ direction: 'down', to: 4 })
    assert.deepEqual(await tables.steps({}), [5, 6, 7, 8, 9, 10, 11])
    await tables.migrate({ direction: 'down' })
    const left = await tables.sql(
      `SELECT proname FROM pg_proc WHERE pronamespace = $1::regnamespace
       UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = $2::regclass`,
      [tables.servers.name, tables.contexts],
    )
    assert.deepEqual(left, [])
  })
})
