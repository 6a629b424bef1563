// Tables as users have them: a corner whose tables a test makes anew.
import { openSharedServers } from '../../fixtures/shared-servers.js'

/** A corner for a test `t` whose tables are made by these statements; `c` and `s` stand for their names. */
export async function userTables(t, { contexts, statuses, after = '' }) {
  const servers = await openSharedServers()
  t.after(() => servers.close())
  const { contextTable: c, statusTable: s } = servers
  const named = (sql) => sql.replaceAll('$c', c).replaceAll('$s', s)
  await servers.pg.query(`DROP TABLE ${c}, ${s} CASCADE`)
  await servers.pg.query(
    named(`CREATE TABLE $c ${contexts ?? '(run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)'}`),
  )
  await servers.pg.query(
    named(
      `CREATE TABLE $s ${statuses ?? '(run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())'}`,
    ),
  )
  if (after) await servers.pg.query(named(after))
  servers.migrated = undefined
  servers.sql = async (text, values) => (await servers.pg.query(named(text), values)).rows
  return servers
}
