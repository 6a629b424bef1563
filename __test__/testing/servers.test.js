// The same test on real servers, by one option; what only memory can do is refused there.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { onServers, urls } from '../fixtures/shared-servers.js'
import { counting, environmentFor, held } from './support.js'

const servers = { amqp: urls.amqp, database: urls.database, redis: urls.redis }
const approval = createFlow('approval')
  .wait('decision')
  .node('publish', ({ input }) => ({ output: input }))
  .edge('decision', 'publish')

describe('an environment on real servers', onServers('servers'), () => {
  it('runs what one in memory runs', async (t) => {
    const declined = createFlow('declined').node('charge', () => Promise.reject(new Error('no')), {
      config: { maxRetries: 2 },
    })
    const { client, expectRun } = await environmentFor(t, { counting, approval, declined }, { servers, workers: 2 })
    const run = await client.start('counting')
    await expectRun(run).toHaveCompleted({ outputs: { second: 2 }, order: ['first', 'second'], attempts: { first: 1 } })
    const paused = await client.start('approval')
    await expectRun(paused).toAwait('decision')
    await paused.resume({ output: 'yes' })
    await expectRun(paused).toHaveCompleted({ outputs: { publish: 'yes' } })
    await expectRun(await client.start('declined')).toHaveFailed({ reason: 'no', attempts: { charge: 2 } })
  })

  it('says what does not come within its patience', async (t) => {
    const { client, expectRun, untilExecuting } = await environmentFor(t, { approval }, { servers, patience: 300 })
    const run = await client.start('approval')
    await expectRun(run).toAwait('decision')
    await assert.rejects(() => expectRun(run).toHaveCompleted(), /it waits at 'decision'/)
    await assert.rejects(() => untilExecuting('publish'), /Nobody executes the node 'publish'/)
  })

  it('refuses what only memory can do, and says so', async (t) => {
    const { clock, fail, killWorker } = await environmentFor(t, {}, { servers, workers: 0 })
    assert.ok(Math.abs(clock.now() - Date.now()) < 1_000)
    for (const refused of [() => clock.advance('1 day'), () => fail('redis'), () => killWorker()]) {
      await assert.rejects(refused, (error) => {
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, 'INVALID_ARGUMENT')
        assert.match(error.message, /real servers/)
        return true
      })
    }
  })

  it('takes down what it made', async (t) => {
    const { flow, letGo } = held()
    const env = await environmentFor(t, { held: flow }, { servers })
    await env.client.start('held')
    await env.untilExecuting('hold')
    const sleeping = createFlow('sleeping').sleep('pause', { duration: 60_000 })
    const other = await environmentFor(t, { sleeping }, { servers })
    await other.expectRun(await other.client.start('sleeping')).toAwait('pause')
    letGo('done')
    await env.settle()
    const names = [env, other].map(({ servers: { queueName } }) => queueName)
    await Promise.all([env.close(), other.close()])
    const client = new pg.Client(urls.direct)
    await client.connect()
    const { rows } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = ANY ($1)', [names])
    await client.end()
    assert.deepEqual(rows, [])
    const connection = await amqplib.connect(urls.amqp)
    for (const name of names) {
      const channel = await connection.createChannel()
      channel.on('error', () => {})
      await assert.rejects(() => channel.checkQueue(name), /NOT_FOUND/)
    }
    await connection.close()
  })
})
