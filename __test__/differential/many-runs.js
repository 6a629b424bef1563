// Several workers in this process, a fleet, and a client that starts many runs at once and waits for all of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { ENDED } from '../fixtures/corner.js'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { distributedOutcome, Recorder } from './compare.js'
import { blueprintsOf, runtimeOptions as optionsOf, startsOf } from './memory.js'
import { revived, rowOf } from './odd-values.js'
import { slowBus } from './pace.js'
import { wantedVersion } from './version.js'

/** How long a worker may take to tell the end of a run, in milliseconds. */
const LONGEST_TELLING = 5000

export class ManyRuns {
  /** What the workers know; blueprints may be added at any time. */
  blueprints = {}
  /** By run: why the adapter refused an event or a resume. */
  #refused = new Map()

  /** @param options of the adapter, beside those that every fleet has */
  static async open({ workers = 3, concurrency = 40, seed = 0, longest = 20, serializer, ...more } = {}) {
    const runs = new ManyRuns()
    runs.serializer = serializer
    runs.recorder = new Recorder(serializer)
    runs.servers = await openSharedServers()
    const { RabbitMqAdapter, options: ofVersion } = await wantedVersion()
    const attempted = (runId, key) => runs.recorder.attempted(runId, key)
    for (let index = 0; index < workers; index++) {
      const eventBus = slowBus(longest, seed + index, runs.recorder)
      const runtimeOptions = optionsOf(runs.blueprints, { eventBus, attempted, serializer })
      const options = {
        ...runs.servers.options([]),
        runtimeOptions,
        concurrency,
        subflows: 'jobs',
        ...ofVersion,
        ...more,
      }
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
    const { servers, serializer } = this
    for (const one of cases) Object.assign(this.blueprints, blueprintsOf(one))
    const ids = cases.map(() => servers.runId())
    const rowOfCase = ({ context }) => rowOf(revived(context), serializer)
    await servers.insertMany(new Map(cases.map((one, index) => [ids[index], rowOfCase(one)])))
    const jobsOf = (one, index) =>
      startsOf(one).map((nodeId) => ({ runId: ids[index], blueprintId: one.blueprint.id, nodeId }))
    await servers.sendMany(cases.flatMap(jobsOf))
    const pausing = new Map(cases.map(({ pauses = {} }, index) => [ids[index], revived(pauses)]))
    await this.#ended(ids, { pausing, deadline: Date.now() + timeout })
    return this.#outcomes(ids)
  }

  /** Waits until all have ended, or for so long that the rest never will; what pauses meanwhile is resumed. */
  async #ended(ids, { pausing, deadline }) {
    await this.#sendEarly(pausing)
    while (Date.now() < deadline) {
      await this.#resumeThose(pausing)
      const waitedFor = ids.filter((id) => !this.#refused.has(id))
      if ((await this.servers.openAmong(waitedFor)) === 0) return this.#told(waitedFor)
      await sleep(Math.min(50, ids.length))
    }
  }

  /** A worker records how a run ended, then tells it. Where no worker does, the comparison finds that difference. */
  async #told(ids) {
    const finished = ids.map((id) => this.recorder.of(id).finished.promise)
    await Promise.race([Promise.all(finished), sleep(LONGEST_TELLING, undefined, { ref: false })])
  }

  /** Events that come before their node waits are kept for it. */
  async #sendEarly(pausing) {
    for (const [runId, pauses] of pausing) {
      for (const { event, early, output } of Object.values(pauses)) {
        if (early) await this.#happens(runId, () => this.adapter.sendEvent(runId, event, output))
      }
    }
  }

  /** Resumes what waits, each node once. */
  async #resumeThose(pausing) {
    for (const [runId, pauses] of pausing) if (Object.keys(pauses).length === 0) pausing.delete(runId)
    const ids = [...pausing.keys()]
    const seen = ids.length > 0 ? await this.servers.lookAtMany(ids) : []
    for (const [index, { status, context }] of seen.entries()) {
      const runId = ids[index]
      if (ENDED.includes(status)) pausing.delete(runId)
      for (const id of (status === 'awaiting' && context._awaitingNodeIds) || []) {
        const pause = pausing.get(runId)[id]
        delete pausing.get(runId)[id]
        if (pause && !pause.early && !pause.timer) await this.#happens(runId, () => this.#resume(runId, id, pause))
      }
    }
  }

  /** Tells a run something. A refusal becomes the outcome of that run, and does not end the test of the others. */
  async #happens(runId, tell) {
    try {
      await tell()
    } catch (error) {
      this.#refused.set(runId, `refused ${error.message}`)
    }
  }

  async #resume(runId, nodeId, { event, action = '', output }) {
    if (event) await this.adapter.sendEvent(runId, event, output)
    else await this.adapter.resumeWithAction(runId, action, output, nodeId)
  }

  /** The one of the workers that tells runs of what came. */
  get adapter() {
    return this.servers.adapters[0]
  }

  async #outcomes(ids) {
    const seen = await this.servers.lookAtMany(ids)
    return ids.map((id, index) => {
      const status = this.#refused.get(id) ?? seen[index].status
      return distributedOutcome({ ...seen[index], status }, this.recorder.take(id), this.serializer)
    })
  }
}
