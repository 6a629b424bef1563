// A test's own corner of the servers: a schema with its tables, a queue, and a client like any user's. Tests of
// behaviour talk to real servers; `npm test` starts them, and one file alone runs with
//   node scripts/servers/run.js -- node --test __test__/<file>
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { FlowRuntime, NullLogger } from 'flowcraft'
import pg from 'pg'
import { journalIfWished, live } from './journal.js'

const { AMQP_URL, DATABASE_URL, REDIS_URL } = process.env
if (!AMQP_URL || !DATABASE_URL || !REDIS_URL) {
  throw new Error('These tests need servers: run them with `npm test`, or with scripts/servers/run.js')
}

export const urls = { amqp: AMQP_URL, database: DATABASE_URL, redis: REDIS_URL }

/** The three status tables that users of the original have. */
export const STATUS_TABLES = {
  readme: '(run_id TEXT PRIMARY KEY, status_data JSONB NOT NULL, updated_at TIMESTAMPTZ DEFAULT NOW())',
  guide: '(run_id TEXT PRIMARY KEY, status TEXT NOT NULL, updated_at TIMESTAMPTZ DEFAULT NOW(), result JSONB)',
  code: '(run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())',
}

/** Opens a world; `close()` (or `after(() => world.close())`) takes it down with everything made in it. */
export async function openWorld({ statusTable = 'code', database = urls.database } = {}) {
  const world = new World(statusTable, database)
  await world.open()
  return world
}

export class World {
  constructor(statusTable, database = urls.database) {
    this.database = database
    this.name = `t_${randomBytes(5).toString('hex')}`
    this.queue = `${this.name}_jobs`
    this.contextTable = `${this.name}.contexts`
    this.statusTable = `${this.name}.statuses`
    this.statusShape = statusTable
    this.adapters = []
    this.runs = 0
    this.queues = 0
  }

  async open() {
    this.pg = new pg.Pool({ connectionString: this.database, max: 4 })
    this.amqp = await amqplib.connect(urls.amqp)
    this.channel = await this.amqp.createConfirmChannel()
    await this.channel.assertQueue(this.queue, { durable: true })
    await this.pg.query(`CREATE SCHEMA ${this.name}`)
    await this.pg.query(`CREATE TABLE ${this.contextTable} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)`)
    await this.pg.query(`CREATE TABLE ${this.statusTable} ${STATUS_TABLES[this.statusShape]}`)
    await journalIfWished(urls.database, this.contextTable, this.statusTable)
    this.migrated = this.contextTable
  }

  /** How a context is read in a query of the context table as `c`. */
  live() {
    return this.contextTable === this.migrated ? live(this.contextTable) : 'c.context_data'
  }

  /** Takes everything down; `queues` are further ones to delete. */
  async close({ queues = [] } = {}) {
    await Promise.all(this.adapters.map((adapter) => adapter.stop()))
    for (const queue of [this.queue, ...queues]) await this.channel.deleteQueue(queue).catch(() => {})
    await this.amqp.close().catch(() => {})
    await this.pg.query(`DROP SCHEMA ${this.name} CASCADE`)
    await this.pg.end()
  }

  /** The options every adapter here has; `flows` are built flows or { id: { blueprint, registry } }. */
  options(flows, { runtime = {}, ...more } = {}) {
    const built = [flows].flat()
    // Not assigned one by one: `__proto__` is a name like any other.
    const blueprints = Object.fromEntries(built.map((flow) => flow.toBlueprint()).map((each) => [each.id, each]))
    const registry = Object.fromEntries(built.flatMap((flow) => [...flow.getFunctionRegistry()]))
    return {
      runtimeOptions: {
        blueprints,
        logger: new NullLogger(),
        ...runtime,
        registry: { ...registry, ...runtime.registry },
      },
      coordinationStore: new RedisCoordinationStore(urls.redis),
      amqpConnection: urls.amqp,
      pgClient: this.database,
      contextTableName: this.contextTable,
      statusTableName: this.statusTable,
      queueName: this.queue,
      stopTimeout: 5000,
      ...more,
    }
  }

  /** An adapter that is stopped with the world; `Adapter` may be a subclass. */
  adapter(flows, { Adapter = RabbitMqAdapter, started = true, ...more } = {}) {
    const adapter = new Adapter(this.options(flows, more))
    this.adapters.push(adapter)
    if (started) adapter.start()
    return adapter
  }

  /** A queue nobody else in this world uses; what follows uses it. */
  async freshQueue() {
    this.queues += 1
    this.queue = `${this.name}_jobs_${this.queues}`
    await this.channel.assertQueue(this.queue, { durable: true })
  }

  /** Runs one flow on so many workers of its own, and stops them. */
  async runAlone(flow, { context = {}, starts, workers = 1, ...options } = {}) {
    await this.freshQueue()
    const adapters = Array.from({ length: workers }, () => this.adapter(flow, options))
    try {
      return await this.run(flow, context, { starts })
    } finally {
      await Promise.all(adapters.map((adapter) => adapter.stop()))
      await this.channel.deleteQueue(this.queue)
    }
  }

  /** Starts a run as any client does: a context row, a status row, one message for each start node. */
  async begin(flow, context = {}, { runId = this.runId(), starts, status = true } = {}) {
    const blueprint = flow.toBlueprint()
    await this.pg.query(`INSERT INTO ${this.contextTable} VALUES ($1, $2)`, [runId, JSON.stringify(context)])
    if (status) await this.insertStatus(runId)
    const targets = new Set(blueprint.edges.map((edge) => edge.target))
    const nodes = starts ?? blueprint.nodes.map((node) => node.id).filter((id) => !targets.has(id))
    for (const nodeId of nodes) await this.send({ runId, blueprintId: blueprint.id, nodeId })
    return runId
  }

  async insertStatus(runId) {
    const sql =
      this.statusShape === 'readme'
        ? `INSERT INTO ${this.statusTable} (run_id, status_data) VALUES ($1, '{"status":"running"}')`
        : `INSERT INTO ${this.statusTable} (run_id, status) VALUES ($1, 'running')`
    await this.pg.query(sql, [runId])
  }

  /** Publishes a message, confirmed: a job, a text, or bytes. */
  async send(message) {
    const raw = typeof message === 'string' || Buffer.isBuffer(message)
    const body = Buffer.from(raw ? message : JSON.stringify(message))
    this.channel.sendToQueue(this.queue, body, { persistent: true })
    await this.channel.waitForConfirms()
  }

  runId() {
    this.runs += 1
    return `${this.name}-${this.runs}`
  }

  /** A run's status, final result and context, as they are now. */
  async look(runId) {
    const { rows } = await this.pg.query(
      `SELECT to_jsonb(s) AS row, ${this.live()} AS context_data FROM ${this.contextTable} c LEFT JOIN ${this.statusTable} s USING (run_id)
       WHERE run_id = $1`,
      [runId],
    )
    const [{ row, context_data: context } = {}] = rows
    const result = row?.status_data ?? row?.result ?? undefined
    return { status: row?.status ?? result?.status, result, updatedAt: row?.updated_at, context }
  }

  /** Waits until a run is in one of these states (any end, unless said). */
  async settled(runId, states = ['completed', 'failed', 'cancelled'], timeout = 30_000) {
    const deadline = Date.now() + timeout
    for (;;) {
      const seen = await this.look(runId)
      if (states.includes(seen.status)) return seen
      if (Date.now() > deadline) {
        throw new Error(`Run ${runId} is '${seen.status}' after ${timeout} ms: ${JSON.stringify(seen.context)}`)
      }
      await sleep(10)
    }
  }

  /** Starts a run and waits for its end. */
  async run(flow, context, options) {
    return this.settled(await this.begin(flow, context, options))
  }

  /** Messages waiting in the queue (not those a worker holds). */
  async waiting(queue = this.queue) {
    const { messageCount } = await this.channel.checkQueue(queue)
    return messageCount
  }
}

/** Waits until a condition holds. */
export async function until(condition, { timeout = 10_000, what = 'the condition' } = {}) {
  const deadline = Date.now() + timeout
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`Waited ${timeout} ms for ${what}`)
    await sleep(10)
  }
}

/** The outcome of the same flow in memory. */
export async function inMemory(flow, context = {}, runtime = {}) {
  const memory = new FlowRuntime({ logger: new NullLogger(), ...runtime })
  return memory.run(flow.toBlueprint(), structuredClone(context), { functionRegistry: flow.getFunctionRegistry() })
}

/** A context without what either side adds for itself: outputs and user keys remain. */
export function comparable(context, nodeIds) {
  const own = (key) => !key.startsWith('_inputs.') && !['_executionId', 'blueprintId', 'blueprintVersion'].includes(key)
  const entries = Object.entries(JSON.parse(JSON.stringify(context)))
  return Object.fromEntries(entries.filter(([key]) => own(key) && !nodeIds.includes(key)).sort())
}
