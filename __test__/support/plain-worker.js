// A worker written on core's `BaseDistributedAdapter` with amqplib, pg and ioredis: as plain as that class allows,
// a stand-in for version 1 and for whoever shares a queue with us.
import amqplib from 'amqplib'
import { BaseDistributedAdapter } from 'flowcraft'
import { Redis } from 'ioredis'
import pg from 'pg'

class PlainContext {
  type = 'async'
  constructor(pool, table, runId) {
    Object.assign(this, { pool, table, runId })
  }
  async all() {
    const { rows } = await this.pool.query(`SELECT context_data FROM ${this.table} WHERE run_id = $1`, [this.runId])
    return rows[0]?.context_data ?? {}
  }
  async get(key) {
    return (await this.all())[key]
  }
  async has(key) {
    return key in (await this.all())
  }
  async set(key, value) {
    await this.patch([{ op: 'set', key, value }])
  }
  async delete(key) {
    const had = await this.has(key)
    await this.patch([{ op: 'delete', key }])
    return had
  }
  async toJSON() {
    return this.all()
  }
  async patch(operations) {
    for (const { op, key, value } of operations) {
      const change =
        op === 'set' && value !== undefined
          ? 'context_data || jsonb_build_object($2::text, $3::jsonb)'
          : 'context_data - $2::text'
      const values = op === 'set' && value !== undefined ? [this.runId, key, JSON.stringify(value)] : [this.runId, key]
      await this.pool.query(`UPDATE ${this.table} SET context_data = ${change} WHERE run_id = $1`, values)
    }
  }
}

class PlainStore {
  constructor(redis) {
    this.redis = redis
  }
  async increment(key, ttl) {
    const value = await this.redis.incr(key)
    await this.redis.expire(key, ttl)
    return value
  }
  async setIfNotExist(key, value, ttl) {
    return (await this.redis.set(key, value, 'EX', ttl, 'NX')) === 'OK'
  }
  async extendTTL(key, ttl) {
    return (await this.redis.expire(key, ttl)) === 1
  }
  async delete(key) {
    await this.redis.del(key)
  }
  async get(key) {
    return (await this.redis.get(key)) ?? undefined
  }
}

export class PlainWorker extends BaseDistributedAdapter {
  /** `settings`: runtimeOptions, amqp, database, redis (URLs), queue, contexts, statuses (tables). */
  static async start(settings) {
    const redis = new Redis(settings.redis)
    const worker = new PlainWorker({
      runtimeOptions: settings.runtimeOptions,
      coordinationStore: new PlainStore(redis),
    })
    worker.settings = settings
    worker.redis = redis
    worker.pool = new pg.Pool({ connectionString: settings.database, max: 4 })
    worker.connection = await amqplib.connect(settings.amqp)
    worker.channel = await worker.connection.createChannel()
    await worker.channel.prefetch(settings.prefetch ?? 10)
    await worker.channel.assertQueue(settings.queue, { durable: true })
    worker.start()
    return worker
  }

  async stop() {
    await this.connection.close()
    await this.pool.end()
    this.redis.disconnect()
  }

  createContext(runId) {
    return new PlainContext(this.pool, this.settings.contexts, runId)
  }

  processJobs(handler) {
    this.channel.consume(this.settings.queue, async (message) => {
      try {
        await handler(JSON.parse(message.content.toString()))
      } catch {
        // As version 1: acknowledged whatever happened.
      }
      try {
        this.channel.ack(message)
      } catch {
        // Stopped meanwhile.
      }
    })
  }

  async enqueueJob(job) {
    this.channel.sendToQueue(this.settings.queue, Buffer.from(JSON.stringify(job)), { persistent: true })
  }

  async publishFinalResult(runId, result) {
    await this.pool.query(
      `INSERT INTO ${this.settings.statuses} (run_id, status, status_data, updated_at) VALUES ($1, $2, $3, now())
       ON CONFLICT (run_id) DO UPDATE SET status = $2, status_data = $3, updated_at = now()`,
      [runId, result.status, JSON.stringify(result)],
    )
  }

  async registerWebhookEndpoint() {
    throw new Error('not implemented')
  }
}
