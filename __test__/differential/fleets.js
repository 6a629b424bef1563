// The fleets that cases are run on. Each has its own workers, queue and tables, and options that others do not have.
import { ManyRuns } from './many-runs.js'
import { serializerOf } from './odd-values.js'

/** By their names, which cases name. */
const OPTIONS = {
  plain: {},
  /** Every attempt is a job, of any worker. */
  queue: { retryMode: 'queue' },
  /** What JSON does not hold comes back as it was. */
  serializer: { retryMode: 'queue', serializer: serializerOf({ fleet: 'serializer' }) },
}

export class Fleets {
  #fleets = new Map()

  static async open({ seed }) {
    const fleets = new Fleets()
    for (const [name, options] of Object.entries(OPTIONS)) {
      fleets.#fleets.set(name, await ManyRuns.open({ seed, ...options }))
    }
    return fleets
  }

  async close() {
    for (const fleet of this.#fleets.values()) await fleet.close()
  }

  /**
   * Runs every case once on its fleet, all of a fleet at the same time; answers with an outcome for each. One fleet after the other:
   * all of them in one process would be too slow for nodes that wait for another.
   */
  async run(cases, options) {
    const outcomes = []
    for (const [name, fleet] of this.#fleets) {
      const places = [...cases.keys()].filter((index) => (cases[index].fleet ?? 'plain') === name)
      if (places.length === 0) continue
      const own = places.map((index) => cases[index])
      for (const [at, outcome] of (await fleet.run(own, options)).entries()) outcomes[places[at]] = outcome
    }
    return outcomes
  }
}
