// Runs that may take a certain time only: by `timeoutMs` of their start.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { childRun } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }
const HOUR = 3_600_000
const DAY = 24 * HOUR

const asking = createFlow('asking')
  .node('ask', async () => ({ output: 'asked' }))
  .wait('answer', { params: { eventName: 'answer' } })
  .edge('ask', 'answer')

async function scene(t, flows, options) {
  await servers.workerFor(t, flows, options)
  return clientFor(t, servers, flows)
}

describe('a run with a time limit', () => {
  it('fails when its time is over, whatever it waits for, and has all the time once it is retried', async (t) => {
    const client = await scene(t, asking)
    const run = await client.start('asking', { timeoutMs: 400 })
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED', message: /not over when its time was \(timeoutMs/ })
    await assert.rejects(run.sendEvent('answer', 1), { code: 'RUN_ENDED' })
    await run.retry()
    await sleep(600)
    assert.equal((await run.describe()).status, 'awaiting')
    await run.sendEvent('answer', 'late')
    assert.equal((await run.result(ENDS)).context['_outputs.answer'], 'late')
  })

  it('is as any other where it ends in time', async (t) => {
    const client = await scene(t, asking)
    const run = await client.start('asking', { timeoutMs: 1_500 })
    await run.sendEvent('answer', 'in time')
    assert.equal((await run.result(ENDS)).context['_outputs.answer'], 'in time')
    await sleep(1_700)
    assert.equal((await run.describe()).status, 'completed')
  })

  it('leaves nothing where it is removed before its time', async (t) => {
    const adapter = await servers.workerFor(t, asking)
    const client = clientFor(t, servers, asking)
    const run = await client.start('asking', { timeoutMs: 1_000 })
    await run.sendEvent('answer', 1)
    await run.result(ENDS)
    await run.delete()
    await sleep(1_500)
    assert.deepEqual(await adapter.listDeadLetters(), [])
  })

  it('has its nodes stop, and what they answer counts no more', async (t) => {
    let aborted = false
    const slow = createFlow('slow')
      .node('work', async ({ signal }) => {
        await sleep(15_000, undefined, { signal }).catch(() => {
          aborted = true
        })
        return { output: 'done' }
      })
      .node('after', async () => ({ output: 'after' }))
      .edge('work', 'after')
    const client = await scene(t, slow)
    const run = await client.start('slow', { timeoutMs: 500 })
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    await until(() => aborted)
    const { status, nodes } = await run.describe()
    assert.deepEqual([status, nodes.map(({ nodeId }) => nodeId)], ['failed', ['work']])
  })

  it('may be one of many, each with its own; and a run that waits for a child has one, too', async (t) => {
    const parent = createFlow('parent').node('ask', childRun('asking'))
    const client = await scene(t, [asking, parent])
    const [short, long] = await client.startMany('asking', [{ timeoutMs: 300 }, { timeoutMs: 60_000 }])
    await assert.rejects(short.result(ENDS), { code: 'RUN_FAILED' })
    assert.equal((await long.describe()).status, 'awaiting')
    const run = await client.start('parent', { timeoutMs: 300 })
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
  })

  it('may have days, from when its start is due', async (t) => {
    const env = await createTestEnvironment({ flows: { asking } })
    t.after(() => env.close())
    const startAt = new Date(env.clock.now().getTime() + DAY)
    const run = await env.client.start('asking', { startAt, timeoutMs: 3 * DAY })
    await env.clock.advance(4 * DAY - HOUR)
    await env.settle()
    assert.equal((await run.describe()).status, 'awaiting')
    await env.clock.advance(2 * HOUR)
    await env.settle()
    assert.equal((await run.describe()).status, 'failed')
  })

  it('refuses a time that is none', async (t) => {
    const client = clientFor(t, servers, asking)
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, '1000', 2 ** 53]) {
      await assert.rejects(client.start('asking', { timeoutMs }), { code: 'INVALID_ARGUMENT' })
    }
  })
})
