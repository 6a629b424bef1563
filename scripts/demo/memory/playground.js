// A memory of the demo's own, in place of servers. It ends with the process, and leaves nothing behind.

import { settingsFrom } from '../../../examples/order-fulfilment/settings.js'
import { MemoryClient } from './client.js'

const NAME = 'demo'
const URL = `memory:${NAME}`

export class MemoryPlayground {
  /** The prefix of the runs' ids. */
  name = 'demo'
  /** Where the tables are, for a sentence. */
  place = 'memory'

  constructor() {
    /** What a worker finds in its environment. */
    this.env = { ...process.env, AMQP_URL: URL, DATABASE_URL: URL, REDIS_URL: URL }
    this.settings = settingsFrom(this.env)
  }

  /** A client that places orders. */
  client() {
    return new MemoryClient(NAME, this.settings)
  }

  async create() {}

  async remove() {}
}
