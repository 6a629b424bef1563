// Erasure by a tag: nothing of a customer is left in PostgreSQL or Redis, with child runs, theirs, and keys of limits.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { childRun, migrate, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { onServers, openSharedServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

const ENDS = { timeoutMs: 20_000 }

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** `order` starts `shipping`, which starts `label`: each has nodes under the limit of its customer. */
function family(limit, options = {}) {
  const named = async ({ context }) => ({ customer: await context.get('customer') })
  const config = { limit: `${limit}:\${customer}` }
  const label = createFlow('label').node('print', named, { config })
  const shipping = createFlow('shipping')
    .node('pack', named, { config })
    .node('label', childRun('label', { context: named }))
    .edge('pack', 'label')
  const order = createFlow('order')
    .node('charge', named, { config })
    .node('ship', childRun('shipping', { context: named, ...options }))
    .edge('charge', 'ship')
  return [order, shipping, label]
}

/** Waits for the runs with a tag: a child's own row says last that it is over. */
const untilOver = (client, tag) =>
  until(async () => (await client.counts({ tags: [tag] })).every(({ status }) => status === 'completed'))

const tagsByBlueprint = async (client, options) => {
  const { runs } = await client.list(options)
  return Object.fromEntries(runs.map(({ blueprintId, tags }) => [blueprintId, tags]))
}

describe('a child run', () => {
  it('has the tags of its parent, and so have its own children', async (t) => {
    await servers.freshQueue()
    const flows = family('unlimited')
    await servers.workerFor(t, flows)
    const client = clientFor(t, servers, flows)
    const tag = `customer:${servers.runId()}`
    const run = await client.start('order', { context: { customer: 1 }, tags: [tag, 'region:eu'] })
    await run.result(ENDS)
    const tags = [tag, 'region:eu']
    assert.deepEqual(await tagsByBlueprint(client, { tags: [tag] }), { order: tags, shipping: tags, label: tags })
    await untilOver(client, tag)
    assert.equal(await client.purge({ tags: [tag], olderThan: 0 }), 3)
  })

  it('has them beside its own, each once', async (t) => {
    await servers.freshQueue()
    const flows = family('unlimited', { tags: ['parcel', 'region:eu'] })
    await servers.workerFor(t, flows)
    const client = clientFor(t, servers, flows)
    const tag = `customer:${servers.runId()}`
    await (await client.start('order', { context: { customer: 1 }, tags: [tag, 'region:eu'] })).result(ENDS)
    const { order, shipping, label } = await tagsByBlueprint(client, { tags: [tag] })
    assert.deepEqual(order, [tag, 'region:eu'])
    assert.deepEqual(
      [shipping, label],
      [
        [tag, 'region:eu', 'parcel'],
        [tag, 'region:eu', 'parcel'],
      ],
    )
  })

  it('fails its node where they are more than a run may have', async (t) => {
    await servers.freshQueue()
    const flows = family('unlimited', { tags: ['one more'] })
    await servers.workerFor(t, flows)
    const client = clientFor(t, servers, flows)
    const tags = Array.from({ length: 20 }, (_, n) => `tag ${n}`)
    const run = await client.start('order', { context: { customer: 1 }, tags })
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED', reason: /tags/ })
  })
})

describe('what a tag names, with child runs and limits by customer', onServers('keys of Redis'), () => {
  it('is erased: of its runs at once, and of its keys of limits when the application says so', async (t) => {
    const own = await sharedServersFor(t)
    const tables = { contextTableName: own.contextTable, statusTableName: own.statusTable }
    await migrate({ pgClient: urls.direct, ...tables })
    const name = `tenant-${own.name}`
    const flows = family(name)
    const limits = { [name]: { concurrency: 1, rate: { count: 100, perMs: 1_000 } } }
    await own.workerFor(t, flows, { limits })
    const client = clientFor(t, own, flows)
    const customer = `c-${own.runId()}`
    const tag = `customer:${customer}`
    const orders = Array.from({ length: 4 }, () => ({ context: { customer }, tags: [tag], concurrency: 1 }))
    const started = await client.startMany('order', orders)
    const other = await client.start('order', { context: { customer: 'other' }, tags: ['customer:other'] })
    for (const run of [...started, other]) await run.result(ENDS)
    const ids = (await client.list({ tags: [tag] })).runs.map(({ runId }) => runId)
    assert.equal(ids.length, 3 * orders.length)

    const redis = new Redis(urls.redis)
    t.after(() => redis.quit())
    const inRedis = async (text) => (await redis.keys('*')).filter((key) => key.includes(text))
    const inPostgres = async (text) => {
      const { rows } = await own.pg.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [own.name])
      const found = []
      for (const { tablename } of rows) {
        const all = await own.pg.query(
          `SELECT count(*)::int AS n FROM ${own.name}.${tablename} AS r WHERE r::text LIKE $1`,
          [`%${text}%`],
        )
        if (all.rows[0].n > 0) found.push(tablename)
      }
      return found
    }
    assert.ok((await inPostgres(customer)).length >= 2)
    assert.ok((await inRedis(customer)).length > 0)

    await untilOver(client, tag)
    assert.equal(await client.purge({ tags: [tag], olderThan: 0 }), ids.length)
    for (const text of [customer, ...ids]) assert.deepEqual(await inPostgres(text), [], text)
    // Leases of nodes that have just ended are given back by their worker.
    for (const id of ids) await until(async () => (await inRedis(id)).length === 0, { what: `no key of ${id}` })

    const facts = `flowcraft:limit:{${name}:${customer}}:facts`
    // When nodes began stays for as long as the rate looks back.
    await until(async () => (await inRedis(customer)).join() === facts, { what: 'only the facts of the key' })
    assert.ok((await redis.ttl(facts)) <= 24 * 3600)
    assert.ok(!(await redis.hgetall(facts).then(JSON.stringify)).includes('c-'))
    await new RedisCoordinationStore(urls.redis).delete(facts)
    assert.deepEqual(await inRedis(customer), [])
    assert.equal((await tagsByBlueprint(client, { tags: ['customer:other'] })).order.length, 1)
  })
})
