// The client's side of everyone who keeps runs in the two tables and jobs in a queue: it inserts the rows in bulk,
// publishes the start messages, and sees the end in the status table.
import amqplib from 'amqplib'
import pg from 'pg'
import { expected } from '../flows.js'
import { untilEnded } from './ends.js'

/** The queue of a worker that has nothing to do. */
export const idleQueue = (name) => `${name}_idle`

const ENDED = ['completed', 'failed', 'cancelled']

export class Tables {
  /**
   * @param {object} world as contest.js makes it
   * @param {object} ways
   * @param {(run: string, flow: object) => object} ways.message the message that starts a run
   * @param {object} [ways.context] keys that a client has to write
   */
  constructor(world, { message, context = {} }) {
    Object.assign(this, { world, message, context })
    this.contexts = `${world.name}.contexts`
    this.statuses = `${world.name}.statuses`
  }

  async open() {
    const { urls, name } = this.world
    this.database = new pg.Client({ connectionString: urls.database })
    await this.database.connect()
    await this.database.query(`CREATE SCHEMA ${name}`)
    await this.database.query(`CREATE TABLE ${this.contexts} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)`)
    await this.database.query(
      `CREATE TABLE ${this.statuses}
       (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())`,
    )
    this.broker = await amqplib.connect(urls.amqp)
    this.channel = await this.broker.createConfirmChannel()
    await this.channel.assertQueue(name, { durable: true })
    return this
  }

  /** One value for all of them, which is sent once. */
  async insert(runs, _flow, context) {
    const value = JSON.stringify({ ...this.context, ...context })
    await this.database.query(
      `WITH contexts AS (INSERT INTO ${this.contexts} SELECT run, $2::jsonb FROM unnest($1::text[]) AS run)
       INSERT INTO ${this.statuses} (run_id, status) SELECT run, 'running' FROM unnest($1::text[]) AS run`,
      [runs, value],
    )
  }

  async start(runs, flow) {
    for (const run of runs) {
      const body = Buffer.from(JSON.stringify(this.message(run, flow)))
      this.channel.sendToQueue(this.world.name, body, { persistent: true })
    }
    await this.channel.waitForConfirms()
  }

  async finish(runs) {
    const ended = async (some) => {
      const { rows } = await this.database.query({
        name: 'ended',
        text: `SELECT run_id FROM ${this.statuses} WHERE run_id = ANY($1) AND status = ANY($2)`,
        values: [some, ENDED],
      })
      return rows.map((row) => row.run_id)
    }
    await untilEnded(runs, ended, () => this.world.worker.ended)
  }

  /** How many of these runs are not as they must be. */
  async wrong(runs, flow) {
    const { node, output, outputs } = expected(flow)
    const { rows } = await this.database.query(
      `SELECT count(*)::int AS right_ones FROM ${this.contexts} JOIN ${this.statuses} USING (run_id)
       WHERE run_id = ANY($1) AND status = 'completed' AND context_data -> $2 = $3::jsonb
       AND (SELECT count(*) FROM jsonb_object_keys(context_data) AS key WHERE starts_with(key, '_outputs.')) = $4`,
      [runs, `_outputs.${node}`, JSON.stringify(output), outputs],
    )
    return runs.length - rows[0].right_ones
  }

  /** Puts copies of a run that has ended beside it. */
  async fill(count, run) {
    const copies = (table, columns) =>
      this.database.query(
        `INSERT INTO ${table} (run_id, ${columns}) SELECT 'old-' || i, ${columns}
         FROM ${table}, generate_series(1, ${count}) AS i WHERE run_id = $1`,
        [run],
      )
    await copies(this.contexts, 'context_data')
    await copies(this.statuses, 'status, status_data, updated_at')
    for (const table of [this.contexts, this.statuses]) await this.database.query(`VACUUM (ANALYZE) ${table}`)
    await this.database.query('CHECKPOINT').catch(() => {}) // only a superuser may
  }

  async close() {
    const { name } = this.world
    for (const queue of [name, `${name}.dead`, idleQueue(name)]) await this.channel?.deleteQueue(queue)
    await this.broker?.close()
    await this.database.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`)
    await this.database.end()
  }
}
