// What the example's client does, done in the memory that the workers share.

import { analyzeBlueprint } from 'flowcraft'
import { Memory } from '../../../dist/bridge/native.js'
import { PREFIX } from '../../../examples/order-fulfilment/timing.js'
import { blueprint } from '../../../examples/order-fulfilment/workflow.js'

const { startNodeIds } = analyzeBlueprint(blueprint)

export class MemoryClient {
  #memory
  #queue
  #tables

  /**
   * @param {string} name the memory's
   * @param {ReturnType<typeof import('../../../examples/order-fulfilment/settings.js').settingsFrom>} settings
   */
  constructor(name, { queueName, contextTableName, statusTableName }) {
    this.#memory = new Memory(name)
    this.#queue = queueName
    this.#tables = { contexts: contextTableName, statuses: statusTableName }
  }

  async connect() {
    this.#memory.declareQueue(this.#queue)
  }

  /** Tables are there as soon as they are named. */
  async createTables() {}

  async place(runId, order) {
    this.#memory.insert(this.#tables, runId, JSON.stringify({ order }), 'running')
    for (const nodeId of startNodeIds) {
      const message = JSON.stringify({ runId, blueprintId: blueprint.id, nodeId })
      this.#memory.publish(this.#queue, Buffer.from(message))
    }
  }

  /** How many runs are in each status. */
  async statuses() {
    return tally((await this.runs()).map(({ status }) => status))
  }

  /** How many nodes each worker has done, as the timing middleware noted it. */
  async jobsByWorker() {
    const notes = (await this.runs()).flatMap(({ context }) =>
      Object.entries(context).filter(([key]) => key.startsWith(PREFIX)),
    )
    return tally(notes.map(([, { worker }]) => worker).sort())
  }

  /** Every run: its id, its status, why it failed, and its context. */
  async runs() {
    return this.#memory.runs(this.#tables).map((id) => {
      const { status, result, context } = this.#memory.run(this.#tables, id)
      const { reason = null } = result === undefined ? {} : JSON.parse(result)
      return { id, status, reason, context: JSON.parse(context) }
    })
  }

  async close() {}
}

function tally(words) {
  const counts = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
