/** The tables of our own, for runs of many nodes and large contexts: made on request, and taken away again. */

import { openDatabase, type PostgresOptions } from '../connections/postgres.js'
import type { PgClientLike } from '../options/adapter.js'
import { invalidOption } from '../options/invalid.js'

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** A connection string, a `pg` config object, or a live `pg` Client or Pool. */
  pgClient: PgClientLike | PostgresOptions | string
  /** The table of contexts: `table` or `schema.table`. */
  contextTableName: string
  /** The table of statuses: `table` or `schema.table`. */
  statusTableName: string
  /** `up` (default) makes what is missing; `down` takes it all away, every run goes on as before. */
  direction?: 'up' | 'down'
}

/**
 * Makes, beside the two tables: `<contexts>_journal`, in which each job writes only what it changed; `<contexts>_live`,
 * a view of the contexts as they are at the moment; and `<statuses>_open`, an index of the runs that go on. Has large
 * contexts and results compressed with lz4, where PostgreSQL has it. Safe while
 * workers run: they take it up by themselves. Not while workers of version 1 do: they would not see the journal.
 *
 * @throws When the tables are missing, may not be changed, or are in use for longer than 10 s; nothing is changed then.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { pgClient, contextTableName, statusTableName, direction = 'up' } = options
  for (const option of ['contextTableName', 'statusTableName'] as const) {
    if (typeof options[option] !== 'string' || options[option] === '')
      throw invalidOption(option, 'the name of a table')
  }
  if (!['up', 'down'].includes(direction)) throw invalidOption('direction', "'up' or 'down'")
  const database = openDatabase(pgClient)
  try {
    await database.migrate(contextTableName, statusTableName, direction === 'down')
  } finally {
    database.letGo()
  }
}
