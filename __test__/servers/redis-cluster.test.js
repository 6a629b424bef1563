// Redis Cluster: leases and counters live on whichever node has their slot, and when a master dies they are taken from
// the replica that takes its place.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Cluster, Redis } from 'ioredis'
import { leases } from '../fixtures/leases.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { limited, mostAtATime, mostWithin, timing } from '../limits/support.js'
import { startCluster } from './support/redis.js'
import { missing, openPlace } from './support/servers.js'

const KEYS = Array.from({ length: 60 }, (_, index) => `key-${index}`)

describe('a Redis Cluster', { skip: missing('redis') }, () => {
  let place
  let cluster
  let servers
  let client
  before(async () => {
    place = openPlace()
    cluster = await startCluster(place)
    servers = await openSharedServers()
    client = new Cluster([{ host: '127.0.0.1', port: cluster.masters[1].server.ports[0] }], { keyPrefix: 'mine:' })
  })
  after(async () => {
    client?.disconnect()
    await servers?.close()
    await place?.close()
  })

  /** How many leases each of these nodes has. */
  const perNode = (nodes) =>
    Promise.all(
      nodes.map(async ({ url }) => {
        const node = new Redis(url)
        const held = await leases(node)
        node.disconnect()
        return held.length
      }),
    )

  /** The keys of limits that a node has. */
  async function limitKeys(url) {
    const node = new Redis(url)
    const keys = await node.keys('*flowcraft:limit:*')
    node.disconnect()
    return keys
  }

  const descriptions = {
    'by the URL of one node': () => ({ cluster: [cluster.masters[0].url] }),
    'by an ioredis Cluster, whose options are read': () => client,
  }
  for (const [how, describeIt] of Object.entries(descriptions)) {
    it(`${how}: every operation, whatever slot its key is in`, async () => {
      const store = new RedisCoordinationStore(describeIt())
      for (const key of KEYS.map((each) => `${how} ${each}`)) {
        assert.deepEqual([await store.increment(`${key}:n`, 60), await store.increment(`${key}:n`, 60)], [1, 2])
        assert.deepEqual(
          [await store.setIfNotExist(key, 'a', 60), await store.setIfNotExist(key, 'b', 60)],
          [true, false],
        )
        assert.deepEqual([await store.get(key), await store.extendTTL(key, 30)], ['a', true])
        await store.delete(key)
        assert.equal(await store.get(key), undefined)
      }
      const prefixed = await client.get(`${how} ${KEYS[0]}:n`)
      assert.equal(prefixed, describeIt() === client ? '2' : null, 'the prefix of the client is read too')
    })
  }

  it('holds the leases of a worker on several nodes, and none when it has stopped', async () => {
    let open
    const gate = new Promise((resolve) => {
      open = resolve
    })
    const flow = createFlow('spread').node('only', async () => {
      await gate
      return { output: 1 }
    })
    const coordinationStore = new RedisCoordinationStore({ cluster: cluster.masters.map(({ url }) => url) })
    const runs = []
    for (let index = 0; index < 40; index++) runs.push(await servers.begin(flow))
    const adapter = servers.adapter(flow, { coordinationStore, concurrency: 40, withoutRedis: 'wait' })
    await until(async () => (await perNode(cluster.masters)).reduce((sum, each) => sum + each) === 40, {
      what: 'the leases of all jobs',
    })
    assert.ok((await perNode(cluster.masters)).every((count) => count > 0))
    open()
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    await adapter.stop()
    assert.deepEqual(await perNode(cluster.masters), [0, 0, 0])
  })

  it('keeps limits by key, at a time and over time, whatever is in the key', async () => {
    const values = ['a', '}', '{', '{}', '}{', 'a}b{c', '{a}', 'ü}']
    const name = `tenant-${servers.name}`
    const { work, spans } = timing(60, async ({ context }) => ({ key: await context.get('key') }))
    const flow = limited('limited', `${name}:\${key}`, work)
    const coordinationStore = new RedisCoordinationStore(client)
    const limits = { [name]: { concurrency: 2, rate: { count: 5, perMs: 2_000 } } }
    const adapters = [1, 2].map(() => servers.adapter(flow, { coordinationStore, limits }))
    const runs = []
    for (const key of values) for (let n = 0; n < 8; n++) runs.push(await servers.begin(flow, { key }))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    for (const adapter of adapters) await adapter.stop()
    for (const key of values) {
      const own = spans.filter((span) => span.key === key)
      assert.equal(own.length, 8, key)
      assert.ok(mostAtATime(own) <= 2, key)
      // Between being let in and its first line a node may lose a moment, on a busy machine.
      assert.ok(
        mostWithin(
          own.map(({ from }) => from),
          1_700,
        ) <= 5,
        key,
      )
    }
    const scattered = await Promise.all(cluster.masters.map(({ url }) => limitKeys(url)))
    assert.ok(scattered.filter((keys) => keys.length > 0).length > 1, 'the keys are on several nodes')
  })

  it('refuses a prefix that would scatter the keys of a limit', () => {
    const options = { cluster: [cluster.masters[0].url] }
    for (const keyPrefix of ['{}', 'a{}b', '{}{x}']) {
      const refused = { code: 'INVALID_OPTION', message: /redis\.keyPrefix/ }
      assert.throws(() => new RedisCoordinationStore({ ...options, keyPrefix }), refused, keyPrefix)
    }
    for (const keyPrefix of ['{app}:', '}{', '{', 'a}']) new RedisCoordinationStore({ ...options, keyPrefix })
    new RedisCoordinationStore({ host: 'localhost', keyPrefix: '{}' })
  })

  it('goes on with the replica of a master that died, without being told', async (t) => {
    const store = new RedisCoordinationStore({ cluster: [cluster.masters[2].url] })
    const all = () => Promise.all(KEYS.map((key) => store.increment(`failover ${key}`, 60)))
    await all()
    await cluster.masters[0].server.stop({ signal: 'SIGKILL' })
    const begun = Date.now()
    const works = () => all().catch(() => false)
    await until(works, { timeout: 20_000, what: 'every key to be counted again' })
    t.diagnostic(`every slot is served again ${Date.now() - begun} ms after a master died`)
    const replica = new Redis(cluster.replica.url)
    assert.match(await replica.info('replication'), /role:master/)
    replica.disconnect()

    const flow = createFlow('after').node('only', () => ({ output: 1 }))
    const adapter = servers.adapter(flow, { coordinationStore: store, withoutRedis: 'wait' })
    for (let index = 0; index < 10; index++)
      assert.equal((await servers.run(flow)).status, 'completed', 'leases can be had for every run')
    await adapter.stop()
  })

  it('is refused where it cannot be one', () => {
    for (const options of [{ cluster: [] }, { cluster: 'redis://h' }, { cluster: ['http://h'] }]) {
      assert.throws(() => new RedisCoordinationStore(options), { name: 'TypeError', message: /'redis.cluster'/ })
    }
  })
})
