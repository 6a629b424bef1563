// DBOS: workflows in process, their steps recorded in PostgreSQL. Its client is the worker itself, so nothing has to
// travel; all runs are begun at once, and the size of its pool decides how many statements are in flight.
import pg from 'pg'
import { expected } from '../flows.js'
import { nodeWorker } from '../support/worker-process.js'

export default {
  id: 'dbos',
  title: 'DBOS',
  settings: [{ poolSize: 10 }, { poolSize: 20 }, { poolSize: 50 }],
  worker: () => nodeWorker(new URL('../workers/dbos.js', import.meta.url)),
  open: async (world) => new Client(world),
}

class Client {
  #results = {}
  #context

  constructor(world) {
    this.world = world
  }

  /** What the flow is given goes with its start. */
  async insert(_runs, _flow, context) {
    this.#context = context
  }

  async start(runs, flow) {
    const results = await this.world.worker.ask('run', { runs, flow, context: this.#context })
    Object.assign(this.#results, results)
  }

  async finish() {}

  /** By what the runs returned, and by what is recorded of them. */
  async wrong(runs, flow) {
    const { output, outputs } = expected(flow)
    const { name } = this.world
    const counts = await this.#query(
      `SELECT workflow_uuid AS run, count(*)::int AS steps FROM ${name}.operation_outputs
       JOIN ${name}.workflow_status USING (workflow_uuid)
       WHERE workflow_uuid = ANY($1) AND status = 'SUCCESS' GROUP BY workflow_uuid`,
      [runs],
    )
    const steps = Object.fromEntries(counts.map((row) => [row.run, row.steps]))
    return runs.filter((run) => this.#results[run] !== output || steps[run] !== outputs).length
  }

  async close() {
    await this.#query(`DROP SCHEMA IF EXISTS ${this.world.name} CASCADE`)
  }

  async #query(sql, values) {
    const database = new pg.Client({ connectionString: this.world.urls.database })
    await database.connect()
    try {
      return (await database.query(sql, values)).rows
    } finally {
      await database.end()
    }
  }
}
