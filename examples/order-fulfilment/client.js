// A client: starts a run for each order and reads how the runs are doing. It needs no adapter: to start a run
// is to write two rows, and to send one message for each node that the workflow begins with.

import amqplib from 'amqplib'
import { analyzeBlueprint } from 'flowcraft'
import pg from 'pg'
import { PREFIX } from './timing.js'
import { blueprint } from './workflow.js'

const { startNodeIds } = analyzeBlueprint(blueprint)

export class OrderClient {
  #settings
  #database
  #broker
  #channel

  /** @param {ReturnType<typeof import('./settings.js').settingsFrom>} settings */
  constructor(settings) {
    this.#settings = settings
    this.#database = new pg.Client({ connectionString: settings.databaseUrl })
  }

  async connect() {
    const { amqpUrl, queueName } = this.#settings
    // A connection that is lost later shows in the next call that needs it.
    this.#database.on('error', () => {})
    await this.#database.connect()
    this.#broker = await amqplib.connect(amqpUrl)
    this.#broker.on('error', () => {})
    this.#channel = await this.#broker.createConfirmChannel()
    this.#channel.on('error', () => {})
    await this.#channel.assertQueue(queueName, { durable: true })
  }

  async createTables() {
    const { contextTableName, statusTableName } = this.#settings
    await this.#database.query(`
      CREATE TABLE IF NOT EXISTS ${contextTableName} (
        run_id TEXT PRIMARY KEY,
        context_data JSONB NOT NULL
      );
      CREATE TABLE IF NOT EXISTS ${statusTableName} (
        run_id TEXT PRIMARY KEY,
        status TEXT,
        status_data JSONB,
        updated_at TIMESTAMPTZ DEFAULT NOW()
      );
    `)
  }

  /** Starts the run of an order. Once this returns, the order cannot get lost. */
  async place(runId, order) {
    const { queueName, contextTableName, statusTableName } = this.#settings
    await this.#database.query(
      `WITH context AS (INSERT INTO ${contextTableName} (run_id, context_data) VALUES ($1, $2))
       INSERT INTO ${statusTableName} (run_id, status) VALUES ($1, 'running')`,
      [runId, JSON.stringify({ order })],
    )
    for (const nodeId of startNodeIds) {
      const message = JSON.stringify({ runId, blueprintId: blueprint.id, nodeId })
      this.#channel.sendToQueue(queueName, Buffer.from(message), { persistent: true })
    }
    await this.#channel.waitForConfirms()
  }

  /** How many runs are in each status. */
  async statuses() {
    const { rows } = await this.#database.query(
      `SELECT status, count(*)::int AS runs FROM ${this.#settings.statusTableName} GROUP BY status`,
    )
    return Object.fromEntries(rows.map(({ status, runs }) => [status, runs]))
  }

  /** How many nodes each worker has done, as the timing middleware noted it. */
  async jobsByWorker() {
    const { rows } = await this.#database.query(
      `SELECT entry.value ->> 'worker' AS worker, count(*)::int AS jobs
       FROM ${this.#settings.contextTableName}, jsonb_each(context_data) AS entry
       WHERE starts_with(entry.key, $1) GROUP BY worker ORDER BY worker`,
      [PREFIX],
    )
    return Object.fromEntries(rows.map(({ worker, jobs }) => [worker, jobs]))
  }

  /** Every run as it is stored: its id, its status, why it failed, and its context. */
  async runs() {
    const { contextTableName, statusTableName } = this.#settings
    const { rows } = await this.#database.query(
      `SELECT run_id AS id, status, status_data ->> 'reason' AS reason, context_data AS context
       FROM ${contextTableName} JOIN ${statusTableName} USING (run_id) ORDER BY run_id`,
    )
    return rows
  }

  async close() {
    await this.#broker?.close()
    await this.#database.end()
  }
}
