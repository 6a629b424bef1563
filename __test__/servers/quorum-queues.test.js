// Quorum queues: with queueType 'quorum' jobs, dead letters and delays travel through them, by URL and on a live
// connection, and nothing is dropped for having been delivered often.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { openPrivateServers, until } from '../fixtures/private-servers.js'

/** What RabbitMQ 4 allows by default, and a few more. */
const OFTEN = 25

let servers
let client
before(async () => {
  servers = await openPrivateServers()
  client = await amqplib.connect(servers.urls.amqp)
})
after(async () => {
  await client?.close()
  await servers?.close()
})

/** Publishes to a queue as it is. */
async function send(queue, message) {
  const channel = await client.createConfirmChannel()
  channel.sendToQueue(queue, Buffer.from(JSON.stringify(message)), { persistent: true, mandatory: true })
  await channel.waitForConfirms()
  await channel.close()
}

async function begin(queue, blueprintId) {
  const run = `${blueprintId} on ${queue}`
  await servers.insert(run)
  await send(queue, { runId: run, blueprintId, nodeId: 'start' })
  return run
}

/** A node that sleeps, and one whose first attempt fails and whose second comes through the queue. */
function nap() {
  let attempts = 0
  const flow = createFlow('nap')
    .node('start', () => ({ output: 1 }))
    .sleep('sleep', { duration: 300 })
    .node(
      'twice',
      () => {
        attempts += 1
        if (attempts === 1) throw new Error('not at first')
        return { output: attempts }
      },
      { config: { maxRetries: 2, retryDelay: 100 } },
    )
    .edge('start', 'sleep')
    .edge('sleep', 'twice')
  return { blueprints: { nap: flow.toBlueprint() }, registry: Object.fromEntries(flow.getFunctionRegistry()) }
}

/** Every queue whose name begins so: its type and its arguments, as the broker tells them. */
async function queues(prefix) {
  const table = await servers.rabbitmq.ctl(
    ...['list_queues', '--quiet', '--no-table-headers', 'name', 'type', 'arguments'],
  )
  const lines = table.split('\n').map((line) => line.split('\t'))
  return lines.filter(([name]) => name.startsWith(prefix)).map(([name, type, given]) => ({ name, type, given }))
}

const waiting = async (queue) => (await servers.lookAtQueue(queue)).ready

// Side by side: most of their time is the broker's, which hands a message on a moment after its channel closed.
describe('quorum queues', { concurrency: true }, () => {
  for (const [way, connect] of [
    ['by URL', async () => undefined],
    ['on a live connection', () => amqplib.connect(servers.urls.amqp)],
  ]) {
    describe(way, { concurrency: 1 }, () => {
      let live
      let queue
      before(async () => {
        live = await connect()
        live?.setMaxListeners(0) // one after the other, many workers share it
        queue = servers.freshQueue()
      })
      after(() => live?.close())

      const worker = (flow, options) =>
        servers.adapter(flow, {
          queueName: queue,
          queueType: 'quorum',
          retryMode: 'queue',
          ...(live && { amqpConnection: live }),
          ...options,
        })

      it('carry jobs, timers, retries and dead letters, and all of them are of that type', async () => {
        const adapter = worker(nap())
        await until(() => servers.lookAtQueue(queue), { what: 'the queue' })
        const run = await begin(queue, 'nap')
        await send(queue, { no: 'job' })
        await servers.ended([run])
        const { status, context } = await servers.look(run)
        assert.deepEqual([status, context['_outputs.twice']], ['completed', 2])
        await until(async () => (await adapter.listDeadLetters()).length === 1, { what: 'the dead letter' })
        await adapter.stop()

        const declared = await queues(queue)
        assert.ok(
          declared.some(({ name }) => name.includes('.delay.')) && declared.length >= 3,
          JSON.stringify(declared),
        )
        for (const { name, type, given } of declared) {
          assert.equal(type, 'quorum', name)
          if (name.includes('.delay.')) assert.match(given, /at-least-once/)
          else assert.match(given, /"x-delivery-limit",2147483647/)
        }
      })

      it('keep a dead letter, however often it is looked at, until it is put back', async () => {
        const adapter = worker(nap(), { started: false })
        const [first] = await adapter.listDeadLetters()
        // A quorum queue puts back what a closed channel held a moment after the channel is closed.
        const isBack = () =>
          until(async () => (await waiting(`${queue}.dead`)) === 1, { what: 'the letter to be back' })
        for (let times = 0; times < OFTEN; times++) {
          await isBack()
          assert.deepEqual(await adapter.listDeadLetters(), [first])
        }
        await isBack()
        assert.equal(await adapter.replayDeadLetters(), 1)
        await until(async () => (await waiting(queue)) === 1, { timeout: 5000, what: 'the letter in the queue' })
        await adapter.stop()
      })

      it('keep a job that workers hand back again and again', async () => {
        let executions = 0
        let patient = false
        const flow = createFlow('held').node('start', async () => {
          executions += 1
          if (!patient) await new Promise(() => {}) // its worker stops first
          return { output: executions }
        })
        const held = {
          blueprints: { held: flow.toBlueprint() },
          registry: Object.fromEntries(flow.getFunctionRegistry()),
        }
        const run = await begin(queue, 'held')
        // Repair would hide that the job was dropped.
        const start = () => worker(held, { stopTimeout: 0, repairInterval: 0 })
        for (let times = 1; times <= OFTEN; times++) {
          const adapter = start()
          await until(() => executions === times, { what: `delivery ${times}` })
          await adapter.stop()
        }
        patient = true
        const adapter = start()
        await servers.ended([run])
        assert.equal((await servers.look(run)).status, 'completed')
        await adapter.stop()
      })
    })
  }
})

describe('queueType', () => {
  it('takes a queue that exists as it is', async () => {
    const queue = servers.freshQueue()
    const run = await servers.begin('nap', {}, { queue })
    const adapter = servers.adapter(nap(), { queueName: queue, queueType: 'quorum', retryMode: 'queue' })
    await servers.ended([run])
    await adapter.stop()
    const { type } = (await queues(queue)).find(({ name }) => name === queue)
    assert.equal(type, 'classic')
  })

  it('is one of two', () => {
    assert.throws(() => servers.adapter(nap(), { queueType: 'stream', started: false }), {
      name: 'TypeError',
      message: /'queueType'/,
    })
  })
})
