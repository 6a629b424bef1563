// Several workers in this process, and a client that starts many runs at once and waits for all of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { blueprintsOf, delays, distributedOutcome, Recorder, runtimeOptions, startsOf } from './compare.js'

const ENDED = ['completed', 'failed', 'cancelled']

export class ManyRuns {
  /** What the workers know; blueprints may be added at any time. */
  blueprints = {}
  recorder = new Recorder()

  static async open({ workers = 3, concurrency = 40, seed = 0, longest = 20 } = {}) {
    const runs = new ManyRuns()
    runs.servers = await openSharedServers()
    for (let index = 0; index < workers; index++) {
      const runtime = runtimeOptions(runs.blueprints, delays(longest, seed + index), runs.recorder)
      const adapter = new RabbitMqAdapter({ ...runs.servers.options([]), runtimeOptions: runtime, concurrency })
      runs.servers.adapters.push(adapter)
      adapter.start()
    }
    return runs
  }

  close() {
    return this.servers.close()
  }

  /** Runs every case once, all at the same time; answers with an outcome for each. */
  async run(cases, { timeout = 60_000 } = {}) {
    const { servers } = this
    for (const one of cases) Object.assign(this.blueprints, blueprintsOf(one))
    const ids = cases.map(() => servers.runId())
    const contexts = cases.map(({ context }) => JSON.stringify(context))
    const rows = 'unnest($1::text[], $2::text[])'
    await servers.pg.query(`INSERT INTO ${servers.contextTable} SELECT a, b::jsonb FROM ${rows} AS t(a, b)`, [
      ids,
      contexts,
    ])
    await servers.pg.query(`INSERT INTO ${servers.statusTable} (run_id, status) SELECT unnest($1::text[]), 'running'`, [
      ids,
    ])
    for (const [index, one] of cases.entries()) {
      for (const nodeId of startsOf(one)) {
        const job = { runId: ids[index], blueprintId: one.blueprint.id, nodeId }
        servers.channel.sendToQueue(servers.queue, Buffer.from(JSON.stringify(job)), { persistent: true })
      }
    }
    await servers.channel.waitForConfirms()
    await this.#ended(ids, timeout)
    return this.#outcomes(ids)
  }

  /** Waits until all have ended, or for so long that the rest never will. */
  async #ended(ids, timeout) {
    const deadline = Date.now() + timeout
    const sql = `SELECT count(*)::int AS open FROM ${this.servers.statusTable} WHERE run_id = ANY($1) AND NOT status = ANY($2)`
    while (Date.now() < deadline) {
      const { rows } = await this.servers.pg.query(sql, [ids, ENDED])
      if (rows[0].open === 0) return
      await sleep(Math.min(50, ids.length))
    }
  }

  async #outcomes(ids) {
    const { contextTable, statusTable } = this.servers
    const sql = `SELECT run_id, status, status_data AS result, context_data AS context
      FROM ${contextTable} JOIN ${statusTable} USING (run_id) WHERE run_id = ANY($1)`
    const { rows } = await this.servers.pg.query(sql, [ids])
    const byId = new Map(rows.map((row) => [row.run_id, row]))
    return ids.map((id) => distributedOutcome(byId.get(id), this.recorder.of(id).executed))
  }
}
