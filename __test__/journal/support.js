// Tables to be migrated, and what stands in the database of them.
import { migrate, migrationStatus } from '@flowcraft/rabbitmq-adapter'
import pg from 'pg'
import { openSharedServers, urls } from '../fixtures/shared-servers.js'

/** Two tables of their own, never migrated before. */
export class Tables {
  static async open() {
    const tables = new Tables()
    tables.servers = await openSharedServers()
    tables.others = []
    await tables.migrate({ direction: 'down' })
    // Where every suite runs on migrated tables: this one decides for itself.
    tables.servers.migrated = undefined
    return tables
  }

  get contexts() {
    return this.servers.contextTable
  }

  get statuses() {
    return this.servers.statusTable
  }

  get options() {
    // Through a pooler these tests take the way past it: what is promised of a pooler is in servers/pooler.
    const pgClient = {
      connectionString: urls.database,
      ...(urls.direct !== urls.database && { directUrl: urls.direct }),
    }
    return { pgClient, contextTableName: this.contexts, statusTableName: this.statuses }
  }

  migrate(options = {}) {
    return migrate({ ...this.options, ...options })
  }

  /** The numbers of the steps that were taken. */
  async steps(options) {
    return (await this.migrate(options)).map(({ step }) => step)
  }

  /** The numbers of the steps that are done. */
  async done() {
    return (await migrationStatus(this.options)).filter(({ done }) => done).map(({ step }) => step)
  }

  async sql(text, values) {
    return (await this.servers.pg.query(text, values)).rows
  }

  /** The names of what stands beside the two tables, without keys. */
  async made() {
    const found = await this.sql(
      `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'v', 'i', 'p', 'I')
       ORDER BY 1`,
      [this.servers.name],
    )
    const own = ({ relname }) => !relname.endsWith('_pkey') && !['contexts', 'statuses'].includes(relname)
    return found.filter(own).map(({ relname }) => relname)
  }

  /** The indexes of open runs, or of tags: name and whether they are used. */
  async indexes(of = 'open') {
    const found = await this.sql(
      `SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE c.relnamespace = $1::regnamespace AND c.relname LIKE '%_' || $2 ORDER BY 1`,
      [this.servers.name, of],
    )
    return Object.fromEntries(found.map(({ relname, indisvalid }) => [relname, indisvalid]))
  }

  /** Another client of the database. */
  async other() {
    const client = new pg.Client(urls.direct)
    client.on('error', () => {})
    await client.connect()
    // Whatever the server's default is: a transaction that stands still keeps no snapshot, for which an index waits.
    await client.query(`SET default_transaction_isolation = 'read committed'`)
    this.others.push(client)
    return client
  }

  /** The processes of the server that are busy with a statement like this. */
  async busyWith(pattern) {
    const found = await this.sql(
      `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`,
      [pattern],
    )
    return found.map(({ pid }) => pid)
  }

  async close() {
    await Promise.all(this.others.map((client) => client.end().catch(() => {})))
    await this.servers.close()
  }
}
