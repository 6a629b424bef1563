// RabbitMQ fails in every way it can: the worker reconnects and goes on consuming, by URL and on a live amqplib connection
// that recovers; on one that does not, it says so.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { rabbitmq } from './support/faults.js'
import { flowsFor, outcomes } from './support/flows.js'
import { Log } from './support/log.js'

let servers
let flows
before(async () => {
  servers = await openPrivateServers()
  flows = flowsFor(servers.executions)
})
after(() => servers?.close())

/** A live connection, as a user opens it; `fails` resolves when it does. */
async function live(t, recovery) {
  const connection = await amqplib.connect(servers.urls.amqp, recovery && { recovery })
  connection.on('error', () => {})
  t.after(() => connection.close().catch(() => {}))
  return connection
}

const KINDS = {
  'by URL': () => servers.urls.amqp,
  'on a live connection with recovery': (t) => live(t, { initialDelay: 50, maxDelay: 1000 }),
}

const DELETED = 'the queue is deleted, messages and all'

const FAULTS = {
  'its connections are closed': () => rabbitmq.connectionsClosed(servers),
  'its channels are closed by an error': () => rabbitmq.channelsClosed(servers),
  'the broker restarts': () => rabbitmq.restarted(servers),
  'a memory alarm blocks who publishes': () => rabbitmq.memoryAlarm(servers),
  [DELETED]: async (queues) => {
    for (const queue of queues) assert.ok((await rabbitmq.queueDeleted(servers, queue)) > 0, queue)
  },
}

/** Five runs, two of them in the middle of a node and the others waiting for one. */
async function runsUnderWay(queue) {
  const begin = () => servers.begin('line', { ms: 600 }, { queue })
  const runs = await Promise.all(Array.from({ length: 5 }, begin))
  const executed = (node) => servers.executions.all(runs).filter((each) => each.node === node).length
  await until(() => executed('start') === 5 && executed('work') >= 2, { what: 'the runs to be under way' })
  return runs
}

async function assertOnce(runs) {
  for (const run of runs) {
    assert.equal((await servers.look(run)).status, 'completed')
    assert.deepEqual(servers.executions.perNode(run), outcomes.line().nodes)
  }
}

describe(`workers go on, ${Object.keys(KINDS).join(' and ')}`, () => {
  for (const [what, strike] of Object.entries(FAULTS)) {
    it(`when ${what}: every node runs once`, async (t) => {
      // The broker fails once, for all of them; each has a queue of its own.
      const workers = []
      for (const [kind, connection] of Object.entries(KINDS)) {
        const queue = servers.freshQueue()
        // Where the queue is to be deleted, jobs must wait in it.
        const continuation = strike !== FAULTS[DELETED]
        const options = { amqpConnection: await connection(t), concurrency: 2, continuation }
        const adapter = servers.adapter(flows, options)
        workers.push({ kind, queue, adapter })
      }
      const underWay = await Promise.all(workers.map(({ queue }) => runsUnderWay(queue)))
      const moment = await strike(workers.map(({ queue }) => queue))
      const over = typeof moment === 'number' ? moment : Date.now()
      const goesOn = async ({ kind, queue, adapter }, index) => {
        const runs = underWay[index]
        const next = await servers.begin('line', {}, { queue })
        await servers.ended([next])
        const back = Date.now() - over
        await servers.ended(runs)
        t.diagnostic(`${kind}, ${what}: a new run ends ${back} ms after it, those under way ${Date.now() - over} ms`)
        await assertOnce([...runs, next])
        await adapter.stop()
      }
      await Promise.all(workers.map(goesOn))
    })
  }
})

describe('a worker by URL', () => {
  it('tries again and again, less and less often, until there is a broker', async (t) => {
    servers.freshQueue()
    await servers.rabbitmq.stop()
    const log = new Log()
    const adapter = servers.adapter(flows, log.options())
    await sleep(3000)
    const tries = log.said('warn', /No jobs are received/).length
    assert.ok(tries >= 3 && tries <= 12, `${tries} tries in three seconds`)
    await servers.rabbitmq.start()
    const over = Date.now()
    await servers.ended([await servers.begin('line')])
    t.diagnostic(`the first run ends ${Date.now() - over} ms after the broker came`)
    assert.deepEqual(log.errors, [])
    await adapter.stop()
  })
})

describe('a live connection that cannot come back', () => {
  /** The adapter says so in each of the three ways, and a worker on a new connection finishes what is left. */
  async function saysSo(t, connection, fail) {
    servers.freshQueue()
    const log = new Log()
    const adapter = servers.adapter(flows, { ...log.options(), amqpConnection: connection })
    await servers.ended([await servers.begin('line')])
    await fail()
    await until(() => log.errors.length > 0, { timeout: 10_000, what: 'onError' })
    assert.equal(log.errors.length, 1)
    assert.ok(log.errors[0] instanceof Error)
    assert.match(log.errors[0].message, /amqplib connection/)
    assert.equal(log.said('error', /no more jobs/).length, 1)
    const [event] = log.events.filter(({ type }) => type === 'worker:failed')
    assert.deepEqual(event.payload, { queueName: servers.queue, error: log.errors[0] })
    await adapter.stop()

    if (!servers.rabbitmq.pid) await servers.rabbitmq.start()
    const run = await servers.begin('line')
    const second = servers.adapter(flows, { amqpConnection: await live(t) })
    await servers.ended([run])
    await second.stop()
  }

  it('without recovery, closed by the broker: onError, the logger and the event bus hear of it', async (t) => {
    await saysSo(t, await live(t), () => rabbitmq.connectionsClosed(servers))
  })

  it('without recovery, closed by its owner: the same', async (t) => {
    const connection = await live(t)
    await saysSo(t, connection, () => connection.close())
  })

  it('with recovery that gives up: the same', async (t) => {
    const connection = await live(t, { initialDelay: 20, maxDelay: 50, maxRetries: 3 })
    await saysSo(t, connection, async () => {
      // Not `once` of node:events: on its way there the connection may tell of an error, which that takes for the end.
      const gaveUp = new Promise((resolve) => connection.once('reconnect-failed', resolve))
      await servers.rabbitmq.stop()
      await gaveUp
    })
  })
})
