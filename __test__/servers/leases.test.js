// Leases of many jobs share a script: what that saves Redis, and that it mixes nothing up.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { isLease, leases } from '../fixtures/leases.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'

const RUNS = 300
const NODE_LOCK = 'flowcraft:nodelock:'

let servers
let redis
before(async () => {
  servers = await openPrivateServers({ shared: ['rabbitmq', 'postgres'] })
  redis = new Redis(servers.urls.redis)
})
after(async () => {
  redis?.disconnect()
  await servers?.close()
})

/** One node that holds its lease until the gate opens. */
function held() {
  let open
  const gate = new Promise((resolve) => {
    open = resolve
  })
  const flow = createFlow('held').node('start', async () => {
    await gate
    return { output: 1 }
  })
  const registry = Object.fromEntries(flow.getFunctionRegistry())
  return { open, settings: { blueprints: { held: flow.toBlueprint() }, registry } }
}

/** How many scripts were run since Redis started. */
async function scripts() {
  const statistics = await redis.info('commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(statistics)?.[1] ?? 0)
}

describe('leases', () => {
  it('of jobs that come together are taken and given up together', async (t) => {
    servers.freshQueue()
    const { open, settings } = held()
    const runs = []
    for (let index = 0; index < RUNS; index++) runs.push(await servers.begin('held'))
    const before = await scripts()
    const adapter = servers.adapter(settings, { concurrency: RUNS, repairInterval: 0, leaseSeconds: 60 })
    await until(async () => (await leases(redis)).length === RUNS, { what: 'a lease of every run' })
    const owners = new Set(await leases(redis))
    assert.equal(owners.size, RUNS, 'no two takings of a lease are the same')
    open()
    await servers.ended(runs)
    await adapter.stop()
    const used = (await scripts()) - before
    t.diagnostic(`${used} scripts for ${RUNS} leases, taken and given up`)
    assert.ok(used < RUNS, `${used} scripts for ${2 * RUNS} steps`)
    assert.deepEqual(await leases(redis), [], 'none is left behind')
  })

  it('a key that is no lease keeps nobody from working', async () => {
    servers.freshQueue()
    const { open, settings } = held()
    open()
    const strange = `${NODE_LOCK}strange:start`
    await redis.lpush(strange, 'not a text')
    await servers.insert('strange')
    await servers.send('strange', 'held')
    const runs = ['strange']
    for (let index = 0; index < 20; index++) runs.push(await servers.begin('held'))
    const adapter = servers.adapter(settings, { repairInterval: 0, withoutRedis: 'wait' })
    await servers.ended(runs, { timeout: 5000 })
    await adapter.stop()
    assert.ok(!isLease(await redis.get(strange)))
  })
})
