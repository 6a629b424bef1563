// Events that come more than once: what is told twice under one key counts once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }

/** Two payments, one after the other, of the same event. */
const paying = createFlow('paying')
  .wait('first', { params: { eventName: 'paid' } })
  .wait('second', { params: { eventName: 'paid' } })
  .edge('first', 'second')

const key = (idempotencyKey) => ({ idempotencyKey })

describe('an event with a key', () => {
  it('resumes once, however often it comes, and is a new one under another key', async (t) => {
    await servers.workerFor(t, paying)
    const client = clientFor(t, servers, paying)
    const run = await client.start('paying')
    await servers.settled(run.runId, ['awaiting'])
    const told = await Promise.all(Array.from({ length: 8 }, () => run.sendEvent('paid', 1, key('pay-1'))))
    assert.deepEqual(told.map(({ size }) => size).sort(), [0, 0, 0, 0, 0, 0, 0, 1])
    await servers.settled(run.runId, ['awaiting'])
    assert.equal((await run.sendEvent('paid', 1, key('pay-1'))).size, 0)
    await run.sendEvent('paid', 2, key('pay-2'))
    const { context } = await run.result(ENDS)
    assert.deepEqual([context['_outputs.first'], context['_outputs.second']], [1, 2])
    assert.equal((await run.sendEvent('paid', 2, key('pay-2'))).size, 0, 'also once the run is over')
    await assert.rejects(run.sendEvent('paid', 3, key('pay-3')), { code: 'RUN_ENDED' })
    await assert.rejects(run.sendEvent('paid', 3), { code: 'RUN_ENDED' })
  })

  it('is kept once where it comes too early, from whichever side', async (t) => {
    const adapter = await servers.workerFor(t, paying, { started: false })
    const client = clientFor(t, servers, paying)
    const run = await client.start('paying')
    await run.sendEvent('paid', 1, key('pay-1'))
    await adapter.sendEvent(run.runId, 'paid', 1, key('pay-1'))
    await adapter.sendEvent(run.runId, 'paid', 2, key('pay-2'))
    adapter.start()
    const { context } = await run.result(ENDS)
    assert.deepEqual([context['_outputs.first'], context['_outputs.second']], [1, 2])
  })

  it('leaves a run that is over as it is, also where the adapter publishes results itself', async (t) => {
    for (const options of [{}, { serializer: { serialize: JSON.stringify, deserialize: JSON.parse } }]) {
      await servers.workerFor(t, paying, options)
      const client = clientFor(t, servers, paying)
      const run = await client.start('paying')
      for (const number of [1, 2]) await run.sendEvent('paid', number, key(`pay-${number}`))
      await run.result(ENDS)
      const before = await run.describe()
      await run.sendEvent('paid', 2, key('pay-2'))
      assert.deepEqual(await run.describe(), before)
    }
  })

  it('is refused where its key is none', async (t) => {
    const client = clientFor(t, servers, paying)
    const run = client.run('any')
    for (const wrong of ['', 7, 'x'.repeat(256), null]) {
      await assert.rejects(run.sendEvent('paid', 1, key(wrong)), { code: 'INVALID_ARGUMENT' })
    }
    await assert.rejects(run.sendEvent('paid', 1, { idempotencykey: 'a' }), /idempotencyKey/)
  })
})
