// Several workers in this process, and a client that starts many runs at once and waits for all of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { blueprintsOf, distributedOutcome, Recorder, runtimeOptions as optionsOf, slowBus, startsOf } from './compare.js'

export class ManyRuns {
  /** What the workers know; blueprints may be added at any time. */
  blueprints = {}
  recorder = new Recorder()

  static async open({ workers = 3, concurrency = 40, seed = 0, longest = 20 } = {}) {
    const runs = new ManyRuns()
    runs.servers = await openSharedServers()
    for (let index = 0; index < workers; index++) {
      const eventBus = slowBus(longest, seed + index, runs.recorder)
      const runtimeOptions = optionsOf(runs.blueprints, { eventBus })
      const options = { ...runs.servers.options([]), runtimeOptions, concurrency, subflows: 'jobs' }
      const adapter = new RabbitMqAdapter(options)
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
    await servers.insertMany(new Map(cases.map(({ context }, index) => [ids[index], context])))
    const jobsOf = (one, index) =>
      startsOf(one).map((nodeId) => ({ runId: ids[index], blueprintId: one.blueprint.id, nodeId }))
    await servers.sendMany(cases.flatMap(jobsOf))
    await this.#ended(ids, timeout)
    return this.#outcomes(ids)
  }

  /** Waits until all have ended, or for so long that the rest never will. */
  async #ended(ids, timeout) {
    const deadline = Date.now() + timeout
    while (Date.now() < deadline) {
      if ((await this.servers.openAmong(ids)) === 0) return
      await sleep(Math.min(50, ids.length))
    }
  }

  async #outcomes(ids) {
    const seen = await this.servers.lookAtMany(ids)
    return ids.map((id, index) => distributedOutcome(seen[index], this.recorder.of(id).executed))
  }
}
