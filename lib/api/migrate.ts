/** The tables of our own, for runs of many nodes and large contexts: made on request, and taken away again. */

import { openDatabase } from '../connections/postgres.js'
import { MIGRATE_SCHEMA, type MigrateOptions } from '../options/migrate.js'
import { check, unknownOptions } from '../options/schema.js'

/**
 * Makes, beside the two tables: `<contexts>_journal`, in which each job writes only what it changed; `<contexts>_live`,
 * a view of the contexts as they are at the moment; and `<statuses>_open`, an index of the runs that go on. Has large
 * contexts and results compressed with lz4, where PostgreSQL has it. Safe while
 * workers run: they take it up by themselves. Not while workers of version 1 do: they would not see the journal.
 *
 * @throws When the tables are missing, may not be changed, or are in use for longer than 10 s; nothing is changed then.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { pgClient, contextTableName, statusTableName, direction } = check(MIGRATE_SCHEMA, options)
  // There is no logger here.
  for (const warning of unknownOptions(MIGRATE_SCHEMA, { ...options })) process.emitWarning(warning)
  const database = openDatabase(pgClient)
  try {
    await database.migrate(contextTableName, statusTableName, direction === 'down')
  } finally {
    database.letGo()
  }
}
