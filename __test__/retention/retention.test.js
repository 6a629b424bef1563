// Retention: a worker removes runs that have been over for long enough, whole, and no others.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { environmentFor } from '../testing/support.js'

const DAY = 24 * 3_600_000
const works = createFlow('works').node('a', () => ({ output: 1 }))
const fails = createFlow('fails').node('a', () => Promise.reject(new Error('no')))
const waits = createFlow('waits').wait('approval')
const flows = { works, fails, waits }

/** The ids of all runs that are there. */
async function ids(client) {
  return (await client.list()).runs.map(({ runId }) => runId)
}

describe('runs that are over', () => {
  it('are removed when their time is over, by how they ended; those that go on stay', async (t) => {
    const retention = { completed: 7 * DAY, failed: 30 * DAY }
    const { client, clock, expectRun, servers } = await environmentFor(t, flows, { adapter: { retention } })
    await client.start('works', { runId: 'completed' })
    await client.start('fails', { runId: 'failed' })
    await client.start('waits', { runId: 'cancelled' })
    await client.start('waits', { runId: 'waiting' })
    await expectRun('waiting').toAwait('approval')
    await client.run('cancelled').cancel()
    await clock.advance(6 * DAY)
    assert.deepEqual(await ids(client), ['cancelled', 'completed', 'failed', 'waiting'])
    await clock.advance(2 * DAY)
    assert.deepEqual(await ids(client), ['cancelled', 'failed', 'waiting'])
    await clock.advance(30 * DAY)
    assert.deepEqual(await ids(client), ['cancelled', 'waiting'])
    await assert.rejects(client.run('completed').describe(), { code: 'RUN_NOT_FOUND' })
    assert.equal(await servers.coordinationStore.get('flowcraft:blueprint:completed'), undefined)
    // The id is free, and nothing of the former run is left.
    const again = await client.start('works', { runId: 'completed' })
    assert.equal(again.outcome, 'new')
    await expectRun(again).toHaveCompleted()
  })

  it('are removed by the thousand, and by several workers', async (t) => {
    const options = { adapter: { retention: { completed: DAY } }, workers: 3 }
    const { client, clock, settle } = await environmentFor(t, flows, options)
    await client.startMany(
      'works',
      Array.from({ length: 1_200 }, () => ({})),
    )
    await settle()
    await clock.advance(DAY + 60_000)
    assert.deepEqual(await ids(client), [])
  })

  it('stay for ever without the option', async (t) => {
    const { client, clock, expectRun } = await environmentFor(t, flows)
    await expectRun(await client.start('works', { runId: 'kept' })).toHaveCompleted()
    await clock.advance(3_650 * DAY)
    assert.deepEqual(await ids(client), ['kept'])
  })
})

describe('the history', () => {
  it('goes when its time is over, and its run stays', async (t) => {
    const adapter = { history: { keepMs: 7 * DAY } }
    const { client, clock, expectRun, servers } = await environmentFor(t, flows, { adapter })
    await migrate(servers)
    const run = await client.start('works')
    await expectRun(run).toHaveCompleted()
    const kept = async () => (await run.history()).attempts.length
    await until(async () => (await kept()) === 1)
    await clock.advance(6 * DAY)
    assert.equal(await kept(), 1)
    await clock.advance(2 * DAY)
    assert.equal(await kept(), 0)
    assert.deepEqual(await ids(client), [run.runId])
  })
})
