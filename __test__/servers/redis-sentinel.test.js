// Redis behind Sentinels: they say where the master is, again whenever it fails.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { startSentinel } from './support/redis.js'
import { missing, openPlace } from './support/servers.js'

const NAME = 'mymaster'

describe('Redis behind a Sentinel', { skip: missing('redis') }, () => {
  let place
  let redis
  let servers
  let sentinels
  let client
  before(async () => {
    place = openPlace()
    redis = await startSentinel(place, { name: NAME })
    servers = await openSharedServers()
    sentinels = [{ host: '127.0.0.1', port: redis.sentinel.server.ports[0] }]
    client = new Redis({ sentinels, name: NAME, keyPrefix: 'mine:', lazyConnect: true })
  })
  after(async () => {
    client?.disconnect()
    await servers?.close()
    await place?.close()
  })

  /** What one server has under a key. */
  async function valueAt({ url }, key) {
    const node = new Redis(url)
    const value = await node.get(key)
    node.disconnect()
    return value
  }

  async function hasRole({ url }, role) {
    const node = new Redis(url)
    const told = await node.info('replication')
    node.disconnect()
    return told.includes(`role:${role}`)
  }

  it('is found by its name, and written to', async () => {
    const store = new RedisCoordinationStore({ sentinels, name: NAME })
    assert.equal(await store.setIfNotExist('found', 'yes', 60), true)
    assert.equal(await valueAt(redis.master, 'found'), 'yes')
  })

  it('is found by what an ioredis client with Sentinels was told', async () => {
    const store = new RedisCoordinationStore(client)
    assert.equal(await store.increment('counter', 60), 1)
    assert.equal(await valueAt(redis.master, 'mine:counter'), '1')
  })

  it('that does not know the name says so', async () => {
    const store = new RedisCoordinationStore({ sentinels, name: 'nobody' })
    await assert.rejects(store.get('key'), /Talking to Redis/)
  })

  it('is the replica, once the master died; the old master comes back and is not written to', async (t) => {
    const store = new RedisCoordinationStore({ sentinels, name: NAME })
    const flow = createFlow('over')
      .node('a', () => ({ output: 1 }))
      .node('b', ({ input }) => ({ output: input + 1 }))
      .edge('a', 'b')
    // Without Redis nothing begins here: a run that ends had its leases.
    const adapter = servers.adapter(flow, { coordinationStore: store, withoutRedis: 'wait' })
    assert.equal((await servers.run(flow)).status, 'completed')

    await redis.master.server.stop({ signal: 'SIGKILL' })
    const begun = Date.now()
    assert.equal((await servers.run(flow)).status, 'completed')
    t.diagnostic(`a run that began as the master died ended after ${Date.now() - begun} ms`)

    await redis.master.server.start()
    await until(() => hasRole(redis.master, 'slave'), { timeout: 30_000, what: 'the old master to be a replica' })
    assert.equal((await servers.run(flow)).status, 'completed')
    await until(() => store.setIfNotExist('later', 'new', 60).catch(() => false))
    assert.equal(await valueAt(redis.replica, 'later'), 'new')
    await adapter.stop()
  })

  it('is looked up anew where the master was changed by hand, and lives on', async () => {
    const store = new RedisCoordinationStore({ sentinels, name: NAME })
    assert.equal(await store.increment('by hand', 60), 1)
    const sentinel = new Redis(sentinels[0].port)
    await until(async () => (await sentinel.call('SENTINEL', 'FAILOVER', NAME).catch(() => '')) === 'OK')
    // Until then the old master takes what it is told, and forgets it.
    await until(() => hasRole(redis.replica, 'slave'), { timeout: 30_000, what: 'the second to be a replica again' })
    sentinel.disconnect()
    await until(() => store.setIfNotExist('again', 'first', 60).catch(() => false))
    assert.equal(await valueAt(redis.master, 'again'), 'first')
  })

  it('is refused where it cannot be found', () => {
    for (const [options, field] of [
      [{ sentinels }, /'redis.name'/],
      [{ sentinels: [], name: NAME }, /'redis.sentinels'/],
      [{ sentinels: 'h:1', name: NAME }, /'redis.sentinels'/],
    ]) {
      assert.throws(() => new RedisCoordinationStore(options), { name: 'TypeError', message: field })
    }
  })
})
