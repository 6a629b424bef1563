// A queue and a schema of the demo's own, with names that nobody else uses: on servers that the user named, it
// touches nothing that it did not make, and leaves nothing behind.

import { randomBytes } from 'node:crypto'
import amqplib from 'amqplib'
import pg from 'pg'
import { OrderClient } from '../../examples/order-fulfilment/client.js'
import { settingsFrom } from '../../examples/order-fulfilment/settings.js'

export class Playground {
  #schema

  /** @param {{ AMQP_URL: string, DATABASE_URL: string, REDIS_URL: string }} servers */
  constructor(servers) {
    this.name = `flowcraft_demo_${randomBytes(3).toString('hex')}`
    this.#schema = this.name
    /** What a worker finds in its environment. */
    this.env = { ...process.env, ...servers, ORDERS_QUEUE: this.name, ORDERS_SCHEMA: this.name }
    this.settings = settingsFrom(this.env)
  }

  /** Where the tables are, for a sentence. */
  get place() {
    return `the schema ${this.name}`
  }

  /** A client that places orders. */
  client() {
    return new OrderClient(this.settings)
  }

  /** Makes the schema; whoever uses the queue first declares it. */
  async create() {
    await this.#query(`CREATE SCHEMA ${this.#schema}`)
  }

  /** Goes as far as it can: a server that is gone needs no tidying. */
  async remove() {
    await Promise.allSettled([this.#query(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`), this.#deleteQueues()])
  }

  async #query(sql) {
    const database = new pg.Client({ connectionString: this.settings.databaseUrl, connectionTimeoutMillis: 5000 })
    database.on('error', () => {})
    try {
      await database.connect()
      await database.query(sql)
    } finally {
      await database.end()
    }
  }

  async #deleteQueues() {
    const broker = await amqplib.connect(this.settings.amqpUrl, { timeout: 5000 })
    broker.on('error', () => {})
    try {
      const channel = await broker.createChannel()
      // The second is where the adapter would put messages it cannot read.
      for (const queue of [this.settings.queueName, `${this.settings.queueName}.dead`]) await channel.deleteQueue(queue)
    } finally {
      await broker.close()
    }
  }
}
