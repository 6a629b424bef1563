// How limits stand, as a client tells it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { clientFor } from '../client/support/clients.js'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { limited, workersFor } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('client.limits', () => {
  it('says of each key what goes on, what waits, and what may', async (t) => {
    const limit = `${servers.name}-told`
    const { promise, resolve } = deferred()
    t.after(resolve)
    const flow = limited('told', `${limit}:\${key}`, async () => {
      await promise
      return {}
    })
    const limits = { [limit]: { concurrency: 1, rate: { count: 50, perMs: 600_000 } } }
    await workersFor(t, servers, flow, { limits })
    const client = clientFor(t, servers, flow)
    const runs = await client.startMany('told', [
      { context: { key: 'a' } },
      { context: { key: 'a' } },
      { context: { key: 'b' } },
    ])
    const own = async () => (await client.limits()).filter(({ key }) => key.startsWith(limit))
    const stands = (uses) => uses.map(({ inUse, waiting }) => `${inUse} ${waiting}`).join()
    await until(async () => stands(await own()) === '1 1,1 0', { what: 'one that waits' })
    const rate = { used: 1, count: 50, perMs: 600_000 }
    assert.deepEqual(await own(), [
      { key: `${limit}:a`, inUse: 1, concurrency: 1, rate, waiting: 1 },
      { key: `${limit}:b`, inUse: 1, concurrency: 1, rate, waiting: 0 },
    ])
    resolve()
    for (const run of runs) await run.result({ timeoutMs: 30_000 })
    await until(async () => stands(await own()) === '0 0,0 0', { what: 'the end of all' })
    assert.deepEqual(
      (await own()).map(({ rate: { used } }) => used),
      [2, 1],
    )
  })
})
