/** PostgreSQL: whether it is reached, whether the tables can be worked with, and what was made beside them. */
import { migrationStatus } from '../../api/migrate.js'
import { fromJson } from '../../bridge/json.js'
import type { Database } from '../../bridge/native.js'
import { readingsOf, tableOf } from '../../client/queue-facts.js'
import { FlowcraftAdapterError } from '../../errors.js'
import { lengthOf } from '../durations.js'
import { codeOf } from '../failures.js'
import type { Servers } from '../servers.js'
import { type Address, addressOf, whyDeaf } from './address.js'
import { certificateFault } from './certificate.js'
import { type Finding, fault, note, ok } from './finding.js'
import { deletions, rightsOfOwn } from './rights.js'
import { judgeVersion } from './version.js'

export interface PostgresReport {
  findings: Finding[]
  /** Whether questions about runs can be asked. */
  isUsable: boolean
}

/** Clocks that are further apart are said, in milliseconds. */
const APART = 2_000
const FAR_APART = 60_000

interface ServerFacts {
  version: string
  recovering: boolean
  user: string
  database: string
  encrypted: boolean
}

const FACTS = `SELECT split_part(current_setting('server_version'), ' ', 1) AS version, pg_is_in_recovery() AS recovering,
  current_user::text AS user, current_database()::text AS database,
  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted`

export async function lookAtPostgres(servers: Servers): Promise<PostgresReport> {
  const database = servers.database()
  let facts: ServerFacts | undefined
  try {
    facts = (fromJson((await database.ask(FACTS, [])) ?? '[]') as ServerFacts[])[0]
  } catch (error) {
    const { database: setting, from } = servers.settings
    return {
      findings: [await whyNot(error as Error, addressOf(setting), { setting, from: from.database })],
      isUsable: false,
    }
  }
  if (!facts) return { findings: [], isUsable: false }
  const findings = [judgeServer(facts), judgePooler(database.isPooled ?? false), await clockOf(database)]
  const tables = await tablesOf(database, servers)
  if (tables.some(({ level }) => level === 'fault')) return { findings: [...findings, ...tables], isUsable: false }
  const migrations = await migrationsOf(database, servers).catch((error: Error) => [
    refusal('postgres.migrations', error),
  ])
  return { findings: [...findings, ...tables, ...migrations], isUsable: true }
}

/** By SQLSTATE, what is wrong with a login. */
function loginTodo(sqlState: string | undefined, address: Address | undefined, from: string): string[] {
  const { user = 'the user', database = 'the database' } = address ?? {}
  if (sqlState === '28P01') return [`correct the password in ${from}, or set it:`, `ALTER ROLE "${user}" PASSWORD '…';`]
  if (sqlState === '3D000') return [`correct the database in ${from}, or create it:`, `CREATE DATABASE "${database}";`]
  if (sqlState?.startsWith('28')) {
    return [
      `correct the user in ${from}, let pg_hba.conf let it in from here, or create it:`,
      `CREATE ROLE "${user}" LOGIN PASSWORD '…';`,
    ]
  }
  if (sqlState === '42501') return [`let the user in:`, `GRANT CONNECT ON DATABASE "${database}" TO "${user}";`]
  return [`check user, password and database in ${from}`]
}

async function whyNot(
  error: Error,
  address: Address | undefined,
  { setting, from = 'DATABASE_URL' }: { setting: unknown; from: string | undefined },
): Promise<Finding> {
  const code = codeOf(error)
  const sqlState = error instanceof FlowcraftAdapterError ? error.sqlState : undefined
  const as = address
    ? ` (user '${address.user ?? ''}', database '${address.database ?? ''}', ${address.host}:${address.port})`
    : ''
  if (code === 'POOLER_UNFIT') {
    return fault(
      'postgres.pooler',
      error.message,
      'set pool_mode = transaction in pgbouncer.ini, or connect past the pooler',
    )
  }
  if (sqlState === REFUSED_BY_A_STANDBY) {
    const why = `${error.message}${as}: a standby whose default_transaction_isolation is serializable does that`
    return fault('postgres.reach', why, PRIMARY_TODO)
  }
  if (code === 'DATABASE_BUSY') return fault('postgres.reach', error.message + as, ...busyTodo(address))
  if (code === 'DATABASE_REFUSED' && sqlState !== undefined) {
    return fault('postgres.login', error.message + as, ...loginTodo(sqlState, address, from))
  }
  const deaf = address && (await whyDeaf(address))
  if (deaf) {
    const todo = `start PostgreSQL, or correct host and port in ${from} (5432 is usual)`
    return fault('postgres.reach', `PostgreSQL cannot be reached: ${deaf}`, todo)
  }
  const certificate = address?.isEncrypted && (await certificateFault(address, { isPostgres: true, setting, from }))
  if (certificate) return fault('postgres.tls', certificate.found, certificate.todo)
  const check = `check host, port and sslmode in ${from}`
  return address?.isEncrypted
    ? fault('postgres.tls', error.message, TLS_TODO, check)
    : fault('postgres.reach', error.message, check)
}

/** How a standby refuses a connection that is to be serializable: it cannot be. */
const REFUSED_BY_A_STANDBY = '0A000'

const PRIMARY_TODO = 'name the primary, or all hosts: postgres://user@a,b/db finds the one that accepts writes'

const TLS_TODO =
  'if the server has no TLS: sslmode=disable in place of what asks for it; if its certificate is of an authority of your own: ' +
  'sslrootcert=ca.pem'

/** No connection is left. */
function busyTodo(address: Address | undefined): string[] {
  return [
    'end connections that nobody needs, or raise max_connections; whose they are:',
    'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC;',
    ...(address?.user
      ? ['if the role has a limit of its own:', `ALTER ROLE "${address.user}" CONNECTION LIMIT -1;`]
      : []),
  ]
}

export function judgeServer({ version, recovering, user, database, encrypted }: ServerFacts): Finding {
  if (recovering) {
    return fault('postgres.writes', `PostgreSQL ${version} is a standby, which accepts no writes`, PRIMARY_TODO)
  }
  const also = `, database '${database}', user '${user}', ${encrypted ? 'with' : 'without'} TLS`
  return judgeVersion('postgres.version', 'PostgreSQL', version, also)
}

export function judgePooler(isPooled: boolean): Finding {
  if (!isPooled) return ok('postgres.pooler', 'no pooler stands before PostgreSQL')
  return note(
    'postgres.pooler',
    'a pooler stands before PostgreSQL: the adapter prepares no statement, and migrate builds its index in a transaction',
    'nothing, or give migrate a connection past it: pgClient.directUrl',
  )
}

/** The clock of PostgreSQL and the one of this machine. */
async function clockOf(database: Database): Promise<Finding> {
  const query = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now'
  await database.ask(query, [])
  const before = Date.now()
  const answer = await database.ask(query, [])
  const after = Date.now()
  const [row] = fromJson(answer ?? '[]') as { now: number }[]
  return judgeClock((row?.now ?? before) - (before + after) / 2)
}

/** @param ahead How far PostgreSQL's clock is ahead of this machine's, in milliseconds. */
export function judgeClock(ahead: number): Finding {
  const apart = Math.abs(ahead)
  if (apart < APART) return ok('postgres.clock', 'the clocks of PostgreSQL and of this machine agree')
  const found = `the clock of this machine is ${lengthOf(apart)} ${ahead > 0 ? 'behind' : 'ahead of'} that of PostgreSQL`
  const todo = ['let both be set by NTP: timedatectl set-ntp true, or chronyc makestep']
  if (apart < FAR_APART) return note('postgres.clock', `${found}; workers go by PostgreSQL's`, ...todo)
  return fault('postgres.clock', `${found}: what a client says as a moment (startAt) is off by that`, ...todo)
}

/** Whether the tables can be worked with: the engine looks, as a worker does that starts. */
async function tablesOf(database: Database, { settings: { contexts, statuses } }: Servers): Promise<Finding[]> {
  try {
    const told = await database.check(contexts, statuses)
    const seen = [await describeTable(database, contexts), await describeTable(database, statuses)]
    return [
      ...seen,
      ...told.map((sentence) => note('postgres.tables', sentence)),
      ...(await deletions(database, [contexts, statuses])),
      ...(await rightsOfOwn(database, contexts)),
    ]
  } catch (error) {
    const finding = refusal('postgres.tables', error as Error)
    const shut = isForbidden(error) ? await shutSchemas(database, [contexts, statuses]) : []
    if (shut.length > 0) return [{ ...finding, todo: shut }]
    const schemas = codeOf(error) === 'TABLE_MISSING' ? await missingSchemas(database, [contexts, statuses]) : []
    return [{ ...finding, todo: [...schemas.map((schema) => `CREATE SCHEMA ${schema};`), ...finding.todo] }]
  }
}

/** The user lacks a privilege. */
function isForbidden(error: unknown): boolean {
  return error instanceof FlowcraftAdapterError && error.sqlState === '42501'
}

/** What opens the schemas of tables that this user may not look into. */
async function shutSchemas(database: Database, tables: readonly string[]): Promise<string[]> {
  const query = `
    SELECT format('GRANT USAGE ON SCHEMA %s TO %I;', name, current_user) AS todo FROM unnest($1::text[]) AS g (name)
    WHERE NOT has_schema_privilege(to_regnamespace(name)::oid, 'USAGE')`
  const rows = fromJson((await database.ask(query, schemasOf(tables))) ?? '[]') as { todo: string }[]
  return rows.map(({ todo }) => todo)
}

/** The quoted names of the schemas that tables are to be in, where they say one. */
function schemasOf(tables: readonly string[]): string[] {
  const schemas = tables.flatMap((table) => readingsOf(table)[0].match(/^("(?:[^"]|"")*")\./)?.[1] ?? [])
  return [...new Set(schemas)]
}

/** The quoted names of schemas that tables are to be in, and that are not there. */
async function missingSchemas(database: Database, tables: readonly string[]): Promise<string[]> {
  const query = 'SELECT name FROM unnest($1::text[]) AS g (name) WHERE to_regnamespace(name) IS NULL'
  const rows = fromJson((await database.ask(query, schemasOf(tables))) ?? '[]') as { name: string }[]
  return rows.map(({ name }) => name)
}

/** The first line says what is wrong and leads to what to do, which follows. */
function refusal(check: string, error: Error): Finding {
  const [first = '', ...todo] = error.message.split('\n')
  const found = first.replace(/^Looking at the tables: /, '').replace(/\. [^.]*:$/, '')
  return fault(check, found, ...(todo.length > 0 ? todo : ['docs/errors.md says more']))
}

interface TableFacts {
  columns: string
  rows: number
  bytes: number
}

async function describeTable(database: Database, name: string): Promise<Finding> {
  const table = await tableOf(database, name)
  const query = `
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns,
      greatest(0, max(c.reltuples))::float8 AS rows, max(pg_total_relation_size(c.oid))::float8 AS bytes
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = to_regclass($1[1])`
  const [facts] = fromJson((await database.ask(query, [table?.sql ?? name])) ?? '[]') as TableFacts[]
  if (!facts) return ok('postgres.tables', `the table '${name}' can be worked with`)
  const { columns, rows, bytes } = facts
  return ok(
    'postgres.tables',
    `the table '${name}' has what is needed (${columns}); about ${rows.toLocaleString('en')} rows, ${sizeOf(bytes)}`,
  )
}

function sizeOf(bytes: number): string {
  return bytes < 1_000_000
    ? `${Math.ceil(bytes / 1_000)} kB`
    : `${Math.ceil(bytes / 1_000_000).toLocaleString('en')} MB`
}

async function migrationsOf(database: Database, { settings }: Servers): Promise<Finding[]> {
  const { database: pgClient = '', contexts: contextTableName, statuses: statusTableName } = settings
  const steps = await migrationStatus({ pgClient, contextTableName, statusTableName })
  const half = await halfMade(database, statusTableName)
  if (half.length > 0) {
    return [
      note(
        'postgres.migrations',
        `the index ${half.join(', ')} was left half made: it costs every write and serves nobody`,
        'flowcraft-rabbitmq migrate up',
      ),
    ]
  }
  const missing = steps.filter(({ done }) => !done)
  if (missing.length === 0) return [ok('postgres.migrations', `all ${steps.length} steps of migrate are done`)]
  const names = missing.map(({ step, name }) => `${step} (${name})`).join(', ')
  return [
    note(
      'postgres.migrations',
      `${missing.length} of ${steps.length} steps of migrate are not done: ${names}`,
      'flowcraft-rabbitmq migrate up',
      'docs/migrations.md says what each is for; everything works without',
    ),
  ]
}

/** Indexes of the status table that PostgreSQL does not use. One that is being built right now is none of them. */
async function halfMade(database: Database, name: string): Promise<string[]> {
  const table = await tableOf(database, name)
  const query = `
    SELECT i.indexrelid::regclass::text AS name FROM pg_index AS i
    WHERE i.indrelid IN (SELECT to_regclass($1[1])::oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1[1])))
      AND NOT (i.indisvalid AND i.indisready) AND i.indexrelid::regclass::text ~ '_(open|tags|failed|reasons)"?$'
      AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)`
  const rows = fromJson((await database.ask(query, [table?.sql ?? name])) ?? '[]') as { name: string }[]
  return rows.map((row) => row.name)
}
