// A site of its own for tests that kill, restart and flush servers: private servers, tables, and a client that starts
// runs and looks at them as any user's would, and tries again as long as a server is away.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import pg from 'pg'
import { startServers } from '../../../scripts/servers/index.js'
import { journalIfWished, live } from '../../support/journal.js'
import { Executions } from './executions.js'
import { Publisher } from './publisher.js'

const TABLES = `
  CREATE TABLE contexts (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);
  CREATE TABLE statuses (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW());`
const VARIABLES = ['AMQP_URL', 'DATABASE_URL', 'REDIS_URL']

/** Opens a site; `close()` takes it down with everything on it. */
export async function openSite() {
  // Servers that the environment names are not ours to kill.
  const named = VARIABLES.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined)
  for (const name of VARIABLES) delete process.env[name]
  try {
    const site = new Site(await startServers(), await mkdtemp(join(tmpdir(), 'flowcraft-faults-')))
    await site.sql(TABLES)
    await journalIfWished(site.servers.urls.database, 'contexts', 'statuses')
    return site
  } finally {
    Object.assign(process.env, Object.fromEntries(named))
  }
}

class Site {
  #adapters = []
  #runs = 0
  #queues = 0

  constructor(servers, folder) {
    this.servers = servers
    this.folder = folder
    this.executions = new Executions(join(folder, 'executions'))
    this.publisher = new Publisher(servers.urls.amqp)
    this.pool = new pg.Pool({ connectionString: servers.urls.database, max: 4, application_name: 'test' })
    this.pool.on('error', () => {}) // an idle connection that breaks is what these tests are about
    this.queue = 'jobs'
  }

  async close() {
    await Promise.all(this.#adapters.map((adapter) => adapter.stop()))
    await this.publisher.close()
    await this.pool.end()
    await this.servers.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** A queue nobody else on this site uses; what follows uses it. */
  freshQueue() {
    this.#queues += 1
    this.queue = `jobs-${this.#queues}`
    return this.queue
  }

  /** What every adapter here is told; `flow` has blueprints and a registry. */
  settings(flow, { runtime, ...more } = {}) {
    return {
      runtimeOptions: { logger: new NullLogger(), ...flow, ...runtime },
      coordinationStore: new RedisCoordinationStore(this.servers.urls.redis),
      amqpConnection: this.servers.urls.amqp,
      pgClient: this.servers.urls.database,
      contextTableName: 'contexts',
      statusTableName: 'statuses',
      queueName: this.queue,
      leaseSeconds: 2,
      repairInterval: 1000,
      stopTimeout: 5000,
      ...more,
    }
  }

  /** A worker in this process, stopped with the site at the latest. */
  adapter(flow, { started = true, ...more } = {}) {
    const adapter = new RabbitMqAdapter(this.settings(flow, more))
    this.#adapters.push(adapter)
    if (started) adapter.start()
    return adapter
  }

  /** Waits for a statement to succeed; it must be one that may be repeated. */
  async sql(text, values) {
    for (const deadline = Date.now() + 60_000; ; ) {
      try {
        return (await this.pool.query(text, values)).rows
      } catch (error) {
        // Without a class, or with one of these, the server was out of reach or busy; the rest is a mistake here.
        if (error.code && !/^(08|40|53|57|E)/.test(error.code)) throw error
        if (Date.now() > deadline) throw error
        await sleep(20)
      }
    }
  }

  /** Starts a run whose only start node is `start`; done when the row and the message are confirmed. */
  async begin(blueprintId, context = {}, { queue = this.queue } = {}) {
    this.#runs += 1
    const run = `${blueprintId}-${this.#runs}`
    await this.insert(run, context)
    await this.send(run, blueprintId, queue)
    return run
  }

  async insert(run, context = {}) {
    const row = JSON.stringify({ ...context, run })
    await this.sql('INSERT INTO contexts VALUES ($1, $2) ON CONFLICT DO NOTHING', [run, row])
    await this.sql(`INSERT INTO statuses (run_id, status) VALUES ($1, 'running') ON CONFLICT DO NOTHING`, [run])
  }

  send(run, blueprintId, queue = this.queue, nodeId = 'start') {
    return this.publisher.publish(queue, { runId: run, blueprintId, nodeId })
  }

  /** Status and context of one run. */
  async look(run) {
    const [row] = await this.sql(
      `SELECT status, status_data, ${live('contexts')} AS context FROM contexts c JOIN statuses USING (run_id) WHERE run_id = $1`,
      [run],
    )
    return row
  }

  /** Waits until every one of these runs has ended. */
  async ended(runs, { timeout = 60_000 } = {}) {
    const left = new Set(runs)
    for (const deadline = Date.now() + timeout; left.size > 0; ) {
      const done = await this.sql(
        `SELECT run_id FROM statuses WHERE run_id = ANY ($1) AND status NOT IN ('running', 'awaiting')`,
        [[...left]],
      )
      for (const { run_id: run } of done) left.delete(run)
      if (left.size === 0) break
      if (Date.now() > deadline) throw new Error(await this.#unfinished([...left], timeout))
      await sleep(20)
    }
  }

  async #unfinished(runs, timeout) {
    const { status, context } = await this.look(runs[0])
    const ledger = JSON.stringify(context._flowcraft ?? context)
    return `${runs.length} runs have not ended after ${timeout} ms; ${runs[0]} is ${status}: ${ledger}`
  }

  /** Messages of a queue: those that wait, and those that a worker holds. */
  async messages(queue = this.queue) {
    const table = await this.servers.rabbitmq.ctl(
      ...['list_queues', '--quiet', '--no-table-headers', 'name', 'messages_ready', 'messages_unacknowledged'],
    )
    const line = table.split('\n').find((each) => each.split('\t')[0] === queue)
    const [, ready, held] = line?.split('\t').map(Number) ?? []
    return { ready, held }
  }
}

/** Waits until a condition holds. */
export async function until(condition, { timeout = 30_000, what = 'the condition' } = {}) {
  for (const deadline = Date.now() + timeout; ; ) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`Waited ${timeout} ms for ${what}`)
    await sleep(10)
  }
}
