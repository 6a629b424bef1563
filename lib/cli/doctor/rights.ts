/** What the doctor says of rights on tables. */
import { fromJson } from '../../bridge/json.js'
import type { Database } from '../../bridge/native.js'
import { tableOf } from '../../client/queue-facts.js'
import { type Finding, fault, note } from './finding.js'

/** Workers delete nothing; clients may have to. */
export async function deletions(database: Database, names: readonly string[]): Promise<Finding[]> {
  const found: Finding[] = []
  for (const name of names) {
    const table = await tableOf(database, name)
    const query = "SELECT has_table_privilege(to_regclass($1[1]), 'DELETE') AS may, current_user::text AS user"
    const [row] = fromJson((await database.ask(query, [table?.sql ?? name])) ?? '[]') as {
      may: boolean
      user: string
    }[]
    if (row?.may !== false) continue
    found.push(
      note(
        'postgres.rights',
        `the user '${row.user}' may not delete from '${name}': runs delete and runs purge will be refused`,
        `GRANT DELETE ON ${name} TO "${row.user}";`,
      ),
    )
  }
  return found
}

/** What workers and clients do with the tables that `migrate` made beside the context table. */
const OWN_TABLES = {
  journal: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  workers: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  schedules: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  paused: ['SELECT', 'INSERT', 'DELETE'],
  history: ['SELECT', 'INSERT', 'DELETE'],
  throughput: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  live: ['SELECT'],
  migrations: ['SELECT'],
}

/** `migrate` is run by a role that owns the tables: another one has only the rights that it was given. */
export async function rightsOfOwn(database: Database, contexts: string): Promise<Finding[]> {
  const found: Finding[] = []
  const query = `
    SELECT string_agg(wanted.privilege, ', ') AS lacking, current_user::text AS user
    FROM unnest($1[2:]) AS wanted (privilege)
    WHERE NOT has_table_privilege(to_regclass($1[1]), wanted.privilege)`
  for (const [suffix, privileges] of Object.entries(OWN_TABLES)) {
    const name = `${contexts}_${suffix}`
    const table = await tableOf(database, name)
    const [row] = fromJson((await database.ask(query, [table?.sql ?? name, ...privileges])) ?? '[]') as {
      lacking: string | null
      user: string
    }[]
    if (!row?.lacking) continue
    const grant = `GRANT ${row.lacking} ON ${name} TO "${row.user}";`
    found.push(
      fault('postgres.rights', `the user '${row.user}' lacks a privilege on '${name}', which migrate made`, grant),
    )
  }
  return found
}
