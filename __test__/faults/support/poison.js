// Flows with nodes that kill their workers, a worker of theirs, and who starts workers again.
import { WorkerProcess } from '../../fixtures/worker-process.js'

const PROGRAM = new URL('../programs/poisoned-worker.js', import.meta.url)

const blueprint = (id, nodes, edges = []) => ({ id, nodes: nodes.map((node) => ({ uses: node.id, ...node })), edges })

export const blueprints = {
  killer: blueprint('killer', [{ id: 'kills' }]),
  exits: blueprint('exits', [{ id: 'exits' }]),
  replaced: blueprint(
    'replaced',
    [{ id: 'kills', config: { fallback: 'rescue' } }, { id: 'rescue' }, { id: 'after' }],
    [{ source: 'kills', target: 'after' }],
  ),
  healthy: blueprint('healthy', [{ id: 'works' }]),
}

/** A flow as a client begins it. */
export const flow = (id) => ({ toBlueprint: () => blueprints[id], getFunctionRegistry: () => new Map() })

/** Workers that are started again whenever they end. */
export class Supervised {
  #settings
  #workers = new Set()
  #ends = false
  /** How many died. */
  deaths = 0

  constructor(t, servers, { size = 2, ...options } = {}) {
    const tables = { contexts: servers.contextTable, statuses: servers.statusTable, queue: servers.queue }
    this.#settings = { ...tables, ...options }
    for (let worker = 0; worker < size; worker++) this.#keep()
    t.after(() => this.stop())
  }

  async #keep() {
    while (!this.#ends) {
      const worker = new WorkerProcess(PROGRAM, { settings: this.#settings })
      this.#workers.add(worker)
      await worker.exited
      this.#workers.delete(worker)
      if (!this.#ends) this.deaths++
    }
  }

  async stop() {
    this.#ends = true
    await Promise.all([...this.#workers].map((worker) => worker.stop('SIGKILL')))
  }
}
