// An order's row and its run exist together, or not at all. It needs real servers, for memory has no transactions of yours:
// SERVERS=1, and AMQP_URL, DATABASE_URL and REDIS_URL.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { flows } from './flows.js'

const { SERVERS, AMQP_URL: amqp, DATABASE_URL: database, REDIS_URL: redis } = process.env

/** How each library opens the database, with the schema of the test before all others, and ends. */
const LIBRARIES = {
  async pg(options) {
    const { default: pg } = await import('pg')
    const pool = new pg.Pool(options)
    return { db: pool, end: () => pool.end() }
  },
  async drizzle(options) {
    const { default: pg } = await import('pg')
    const { drizzle } = await import('drizzle-orm/node-postgres')
    const pool = new pg.Pool(options)
    return { db: drizzle({ client: pool }), end: () => pool.end() }
  },
  async knex(options) {
    const { default: knex } = await import('knex')
    const db = knex({ client: 'pg', connection: options })
    return { db, end: () => db.destroy() }
  },
  async kysely(options) {
    const { default: pg } = await import('pg')
    const { Kysely, PostgresDialect } = await import('kysely')
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool(options) }) })
    return { db, end: () => db.destroy() }
  },
  async prisma(options, schema) {
    const { PrismaPg } = await import('@prisma/adapter-pg')
    const { default: generated } = await import('./dist/prisma/index.js')
    const db = new generated.PrismaClient({ adapter: new PrismaPg(options, { schema }) })
    return { db, end: () => db.$disconnect() }
  },
}

/** An environment on real servers, and the database as a library opens it. */
async function shop(t, library) {
  const env = await createTestEnvironment({ flows, servers: { amqp, database, redis } })
  t.after(() => env.close())
  const [schema] = env.servers.contextTableName.split('.')
  const options = { connectionString: database, options: `-c search_path=${schema}` }
  const { default: pg } = await import('pg')
  const own = new pg.Client(options)
  await own.connect()
  t.after(() => own.end())
  await own.query('CREATE TABLE orders (id TEXT PRIMARY KEY, amount INTEGER NOT NULL)')
  const { place } = await import(`./${library}.js`)
  const { db, end } = await LIBRARIES[library](options, schema)
  t.after(end)
  const orders = async () => (await own.query('SELECT id FROM orders ORDER BY id')).rows.map(({ id }) => id)
  const runs = async () => (await env.client.list()).runs.map(({ runId }) => runId)
  return { ...env, place: (order) => place(db, env.client, order), orders, runs }
}

describe('an order is placed with its run', { skip: SERVERS !== '1' && 'SERVERS=1 has it run on servers' }, () => {
  for (const library of Object.keys(LIBRARIES)) {
    it(`by ${library}`, async (t) => {
      const { place, orders, runs } = await shop(t, library)
      const run = await place({ id: 'order-1', amount: 42 })
      assert.equal(run.outcome, 'new')
      const { context } = await run.result({ timeoutMs: 30_000 })
      assert.equal(context['_outputs.charge'], 'charged 42')
      assert.deepEqual([await orders(), await runs()], [['order-1'], ['order-1']])
    })

    it(`by ${library}, or neither is there`, async (t) => {
      const { client, place, orders, runs } = await shop(t, library)
      await (await place({ id: 'order-1', amount: 42 })).result({ timeoutMs: 30_000 })
      await assert.rejects(() => place({ id: 'order-1', amount: 43 }))
      await client.start('order', { runId: 'order-2', context: { amount: 1 } })
      await assert.rejects(() => place({ id: 'order-2', amount: 44 }), { code: 'RUN_EXISTS' })
      assert.deepEqual([await orders(), await runs()], [['order-1'], ['order-1', 'order-2']])
    })
  }
})
