// RabbitMQ fails in every way it can: the worker reconnects and goes on consuming, by URL and on a live amqplib connection
// that recovers; on one that does not, it says so.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { rabbitmq } from './support/faults.js'
import { flowsFor, outcomes } from './support/flows.js'
import { Log } from './support/log.js'

let site
let flows
before(async () => {
  site = await openPrivateServers()
  flows = flowsFor(site.executions)
})
after(() => site?.close())

/** A live connection, as a user opens it; `fails` resolves when it does. */
async function live(t, recovery) {
  const connection = await amqplib.connect(site.urls.amqp, recovery && { recovery })
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  return connection
}

const KINDS = {
  'by URL': () => site.urls.amqp,
  'on a live connection with recovery': (t) => live(t, { initialDelay: 50, maxDelay: 1000 }),
}

const FAULTS = {
  'its connections are closed': () => rabbitmq.connectionsClosed(site),
  'its channels are closed by an error': () => rabbitmq.channelsClosed(site),
  'the broker restarts': () => rabbitmq.restarted(site),
  'a memory alarm blocks who publishes': () => rabbitmq.memoryAlarm(site),
  'the queue is deleted, messages and all': async () => assert.ok((await rabbitmq.queueDeleted(site)) > 0),
}

/** Five runs, two of them in the middle of a node and the others waiting for one. */
async function runsUnderWay() {
  const runs = await Promise.all(Array.from({ length: 5 }, () => site.begin('line', { ms: 600 })))
  const executed = (node) => site.executions.all(runs).filter((each) => each.node === node).length
  await until(() => executed('start') === 5 && executed('work') >= 2, { what: 'the runs to be under way' })
  return runs
}

async function assertOnce(runs) {
  for (const run of runs) {
    assert.equal((await site.look(run)).status, 'completed')
    assert.deepEqual(site.executions.perNode(run), outcomes.line().nodes)
  }
}

for (const [kind, connection] of Object.entries(KINDS)) {
  describe(`a worker ${kind} goes on`, () => {
    for (const [what, strike] of Object.entries(FAULTS)) {
      it(`when ${what}: every node runs once`, async (t) => {
        site.freshQueue()
        const adapter = site.adapter(flows, { amqpConnection: await connection(t), concurrency: 2 })
        const runs = await runsUnderWay()
        const moment = await strike()
        const over = typeof moment === 'number' ? moment : Date.now()
        const next = await site.begin('line')
        await site.ended([next])
        const back = Date.now() - over
        await site.ended(runs)
        t.diagnostic(`${kind}, ${what}: a new run ends ${back} ms after it, those under way ${Date.now() - over} ms`)
        await assertOnce([...runs, next])
        await adapter.stop()
      })
    }
  })
}

describe('a worker by URL', () => {
  it('tries again and again, less and less often, until there is a broker', async (t) => {
    site.freshQueue()
    await site.rabbitmq.stop()
    const log = new Log()
    const adapter = site.adapter(flows, log.options())
    await sleep(3000)
    const tries = log.said('warn', /No jobs are received/).length
    assert.ok(tries >= 3 && tries <= 12, `${tries} tries in three seconds`)
    await site.rabbitmq.start()
    const over = Date.now()
    await site.ended([await site.begin('line')])
    t.diagnostic(`the first run ends ${Date.now() - over} ms after the broker came`)
    assert.deepEqual(log.errors, [])
    await adapter.stop()
  })
})

describe('a live connection that can not come back', () => {
  /** The adapter says so in each of the three ways, and a worker on a new connection finishes what is left. */
  async function saysSo(t, connection, fail) {
    site.freshQueue()
    const log = new Log()
    const adapter = site.adapter(flows, { ...log.options(), amqpConnection: connection })
    await site.ended([await site.begin('line')])
    await fail()
    await until(() => log.errors.length > 0, { timeout: 10_000, what: 'onError' })
    assert.equal(log.errors.length, 1)
    assert.ok(log.errors[0] instanceof Error)
    assert.match(log.errors[0].message, /amqplib connection/)
    assert.equal(log.said('error', /no more jobs/).length, 1)
    const [event] = log.events.filter(({ type }) => type === 'worker:failed')
    assert.deepEqual(event.payload, { queueName: site.queue, error: log.errors[0] })
    await adapter.stop()

    if (!site.rabbitmq.pid) await site.rabbitmq.start()
    const run = await site.begin('line')
    const second = site.adapter(flows, { amqpConnection: await live(t) })
    await site.ended([run])
    await second.stop()
  }

  it('without recovery, closed by the broker: onError, the logger and the event bus hear of it', async (t) => {
    await saysSo(t, await live(t), () => rabbitmq.connectionsClosed(site))
  })

  it('without recovery, closed by its owner: the same', async (t) => {
    const connection = await live(t)
    await saysSo(t, connection, () => connection.close())
  })

  it('with recovery that gives up: the same', async (t) => {
    const connection = await live(t, { initialDelay: 20, maxDelay: 50, maxRetries: 3 })
    await saysSo(t, connection, async () => {
      const gaveUp = once(connection, 'reconnect-failed')
      await site.rabbitmq.stop()
      await gaveUp
    })
  })
})
