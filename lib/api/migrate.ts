/** The tables of our own, in numbered steps: made on request, and taken away again. */

import { DEFAULT_LIMITS, openDatabase, type PostgresLimits } from '../connections/postgres.js'
import {
  MIGRATE_SCHEMA,
  MIGRATION_STATUS_SCHEMA,
  type MigrateOptions,
  type MigrationStatusOptions,
} from '../options/migrate.js'
import { type AnySchema, check, unknownOptions } from '../options/schema.js'

/** A statement of a migration has limits of its own, of ten minutes at most: this is for a connection that is silent. */
const LIMITS: PostgresLimits = { ...DEFAULT_LIMITS, statementTimeout: 11 * 60_000 }

/** A step that {@link migrate} took, or would take. */
export interface MigrationStep {
  /** Its number: 1 is the first one. */
  step: number
  /** What it makes. */
  name: string
  direction: 'up' | 'down'
  /** What it makes was there already: it was only recorded as done. */
  takenOver: boolean
  /** The statements in their order, as they are sent. */
  sql: string[]
  /** What this server cannot do of it, and why. */
  notes: string[]
}

/** Where a step stands. */
export interface MigrationStatus {
  /** Its number: 1 is the first one. */
  step: number
  /** What it makes. */
  name: string
  /** Whether what it makes is there. */
  done: boolean
  /** When it was done; absent where nobody recorded it. */
  doneAt?: Date
  /** What this server cannot do of it, and why. */
  notes: string[]
}

/**
 * Makes tables of our own beside the two tables, in numbered steps, or takes them away again. Safe while workers run:
 * they take it up by themselves. Not while workers of version 1 do: they would not see the journal.
 *
 * Every statement has a limit, and waits at most 10 s for transactions of others. Each step is whole or undone: where one
 * fails, those before it stay, and the next `migrate` goes on from there.
 *
 * @returns The steps that were taken, or with `dryRun` would be, with their SQL.
 * @throws FlowcraftAdapterError when the tables are missing, may not be changed, or are in use for longer than 10 s; its
 * message names the step.
 *
 * @example
 * ```ts
 * import { migrate } from '@flowcraft/rabbitmq-adapter'
 *
 * const tables = { pgClient, contextTableName, statusTableName }
 * for (const { step, name, sql } of await migrate({ ...tables, dryRun: true })) console.log(step, name, sql.join(';\n'))
 * await migrate(tables)
 * ```
 */
export async function migrate(options: MigrateOptions): Promise<MigrationStep[]> {
  const { pgClient, contextTableName, statusTableName, direction, to, dryRun } = check(MIGRATE_SCHEMA, options)
  warnOfUnknown(MIGRATE_SCHEMA, options)
  const database = openDatabase(pgClient, 'pgClient', LIMITS)
  try {
    const target = JSON.stringify({ direction, to, dryRun })
    return JSON.parse(await database.migrate(contextTableName, statusTableName, target))
  } finally {
    database.letGo()
  }
}

/**
 * Where every step of {@link migrate} stands. Changes nothing.
 *
 * @throws FlowcraftAdapterError when the tables are missing or PostgreSQL is out of reach.
 *
 * @example
 * ```ts
 * import { migrationStatus } from '@flowcraft/rabbitmq-adapter'
 *
 * const steps = await migrationStatus({ pgClient, contextTableName, statusTableName })
 * if (!steps.every(({ done }) => done)) console.log('run migrate()')
 * ```
 */
export async function migrationStatus(options: MigrationStatusOptions): Promise<MigrationStatus[]> {
  const { pgClient, contextTableName, statusTableName } = check(MIGRATION_STATUS_SCHEMA, options)
  warnOfUnknown(MIGRATION_STATUS_SCHEMA, options)
  const database = openDatabase(pgClient, 'pgClient', DEFAULT_LIMITS)
  try {
    const steps: StoredStatus[] = JSON.parse(await database.migrations(contextTableName, statusTableName))
    return steps.map(({ doneAt, ...step }) => (doneAt === undefined ? step : { ...step, doneAt: new Date(doneAt) }))
  } finally {
    database.letGo()
  }
}

/** As the engine tells it: moments in milliseconds since 1970. */
type StoredStatus = Omit<MigrationStatus, 'doneAt'> & { doneAt?: number }

/** There is no logger here. */
function warnOfUnknown(schema: AnySchema, options: object): void {
  for (const warning of unknownOptions(schema, { ...options })) process.emitWarning(warning)
}
