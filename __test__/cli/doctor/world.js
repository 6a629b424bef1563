// A healthy set-up on servers of the test's own, for one case that breaks it: tables, all steps of migrate, a queue, a worker.
import { migrate, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import pg from 'pg'
import { openClientHost } from '../../../dist/client/create.js'
import { until } from '../../fixtures/until.js'
import { flows } from '../programs/flows.js'
import { cliOf } from '../support/cli.js'

let worlds = 0

export class World {
  constructor(t, servers) {
    worlds += 1
    this.t = t
    this.servers = servers
    this.name = `world_${worlds}`
    this.contextTable = `${this.name}.contexts`
    this.statusTable = `${this.name}.statuses`
    this.queue = `${this.name}-jobs`
    this.env = { AMQP_URL: servers.urls.amqp, DATABASE_URL: servers.urls.direct, REDIS_URL: servers.urls.redis }
    this.node = []
    this.flags = []
    this.ctl = servers.rabbitmq.ctl
  }

  static async open(t, servers, { works = true } = {}) {
    const world = new World(t, servers)
    await world.sql(`CREATE SCHEMA $n; CREATE TABLE $c (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);
      CREATE TABLE $s (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())`)
    t.after(() => world.sql('DROP SCHEMA IF EXISTS $n CASCADE'))
    await migrate({
      pgClient: servers.urls.direct,
      contextTableName: world.contextTable,
      statusTableName: world.statusTable,
    })
    if (works) await world.worker()
    return world
  }

  /** Runs SQL; $c, $s and $n are the tables and their schema. */
  sql(text, values) {
    const named = text
      .replaceAll('$c', this.contextTable)
      .replaceAll('$s', this.statusTable)
      .replaceAll('$n', this.name)
    return this.servers.sql(named, values)
  }

  /** A worker that is registered, stopped with the test. */
  async worker({ has = Object.values(flows), queue = this.queue, redis = this.servers.urls.redis } = {}) {
    const adapter = new RabbitMqAdapter({
      ...this.#places(redis),
      runtimeOptions: {
        blueprints: Object.fromEntries(has.map((flow) => flow.toBlueprint()).map((each) => [each.id, each])),
        registry: Object.fromEntries(has.flatMap((flow) => [...flow.getFunctionRegistry()])),
        logger: new NullLogger(),
      },
      queueName: queue,
      stopTimeout: 1_000,
      repairInterval: 0,
    })
    adapter.start()
    this.adapter = adapter
    this.redisOfWorkers = redis
    this.t.after(() => adapter.stop())
    await this.isRegistered(queue, redis)
    // It registers before it consumes. In a set-up that is broken it may never do that.
    await adapter.ready({ timeoutMs: 5_000 }).catch(() => {})
    return adapter
  }

  /** Waits for a worker of the queue in the registry. */
  async isRegistered(queue, redis = this.servers.urls.redis) {
    // Not by the command line: a process for every look would take longer than all the rest.
    const { host, close } = openClientHost({ ...this.#places(redis), logger: new NullLogger() })
    try {
      await until(async () => JSON.parse(await host.engine.workers()).some(({ queues }) => queues.includes(queue)))
    } finally {
      await close()
    }
  }

  #places(redis) {
    return {
      amqpConnection: this.servers.urls.amqp,
      pgClient: this.servers.urls.direct,
      coordinationStore: new RedisCoordinationStore(redis),
      contextTableName: this.contextTable,
      statusTableName: this.statusTable,
    }
  }

  publish(body) {
    return this.servers.publisher.publish(this.queue, body)
  }

  /** Waits until so many dead letters are there. */
  isDead(count) {
    return until(async () => JSON.parse((await this.run('dead list -o json')).stdout).length === count)
  }

  /** Waits until nothing is running. */
  settledDown() {
    return until(async () => (await this.sql("SELECT 1 FROM $s WHERE status = 'running'")).length === 0)
  }

  run(line, options) {
    return cliOf(this)(line, { env: this.env, ...options })
  }

  /** What the doctor says, and how it ends. */
  async doctor() {
    const { code, stdout, stderr } = await cliOf(this)(['doctor', '-o', 'json', ...this.flags], {
      env: this.env,
      node: this.node,
    })
    if (stdout === '') throw new Error(`doctor ended with ${code}: ${stderr}`)
    const { ok, findings } = JSON.parse(stdout)
    return { code, ok, findings, faults: findings.filter(({ level }) => level === 'fault') }
  }

  /** Does what the doctor says: the SQL statements among its lines, as they stand. */
  async obeySql({ todo }) {
    const statements = todo.filter((line) => line.endsWith(';'))
    if (statements.length === 0) throw new Error(`no statement in ${JSON.stringify(todo)}`)
    for (const statement of statements) await this.#database(statement)
  }

  /** Does what the doctor says until it finds no fault, and then what its notes say: all of it SQL, or commands of ours. */
  async obeyAll() {
    for (let left = await this.doctor(); left.faults.length > 0; left = await this.doctor()) {
      await this.obeySql(left.faults[0])
    }
    const { findings } = await this.doctor()
    for (const note of findings.filter(({ level, todo }) => level === 'note' && todo.length > 0)) {
      await (note.todo.some((line) => line.endsWith(';')) ? this.obeySql(note) : this.obeyCommand(note))
    }
  }

  /** Where statements of the doctor's are run: in the database that a set-up names, or the one that all others use. */
  async #database(statement) {
    if (!this.database) return this.servers.sql(statement)
    const client = new pg.Client(this.database)
    await client.connect()
    try {
      await client.query(statement)
    } finally {
      await client.end()
    }
  }

  /** Does what the doctor says: the command of ours among its lines, as it stands. */
  async obeyCommand({ todo }, more = '') {
    const line = todo.find((each) => /flowcraft-rabbitmq \S/.test(each))
    const [, command] = line.match(/flowcraft-rabbitmq ([^;,]+?)(?: (?:says|lists|lets|asks) .*)?$/)
    const { code, stderr } = await this.run(`${command} ${more}`.trim())
    if (code !== 0) throw new Error(`${command}: ${stderr}`)
  }

  /** Does what the doctor says: the command of rabbitmqctl among its lines, as it stands. */
  async obeyCtl({ todo }) {
    const line = todo.find((each) => each.startsWith('rabbitmqctl '))
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare)
    await this.ctl(...words.slice(1))
  }
}
