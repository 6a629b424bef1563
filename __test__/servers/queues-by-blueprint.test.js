// Queues by blueprint: the jobs of a blueprint travel through the queue it was given, workers take from the queues they
// were told to, and what is promised of one queue is promised of each.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'

let servers
const made = []
before(async () => {
  servers = await openSharedServers()
})
after(async () => {
  const queues = made.flatMap((queue) => [queue, `${queue}.dead`])
  await servers.close({ queues })
})

/** Two nodes; `gate` holds up the second. */
const twoSteps = (id, gate) =>
  createFlow(id)
    .node(`${id}-a`, () => ({ output: 1 }))
    .node(`${id}-b`, async ({ input }) => {
      await gate
      return { output: input + 1 }
    })
    .edge(`${id}-a`, `${id}-b`)

const usual = twoSteps('usual')
const heavy = twoSteps('heavy')

/** Two queues nobody else uses: the one of everything, and the one of `heavy`. */
async function twoQueues() {
  await servers.freshQueue()
  const other = `${servers.queue}_heavy`
  await servers.channel.assertQueue(other, { durable: true })
  made.push(servers.queue, other)
  return { other, options: { queues: { heavy: other } } }
}

/** Starts a run by a message in that queue. */
async function begin(flow, queue) {
  const own = servers.queue
  servers.queue = queue
  const run = await servers.begin(flow)
  servers.queue = own
  return run
}

/** An event bus that remembers which job was published where. */
function listener() {
  const published = []
  const emit = ({ type, payload }) => {
    if (type === 'job:enqueued') published.push([payload.nodeId, payload.queueName])
  }
  return { published, emit }
}

for (const [way, connect] of [
  ['by URL', async () => undefined],
  ['on a live connection', () => amqplib.connect(urls.amqp)],
]) {
  describe(`two queues, ${way}`, () => {
    let live
    before(async () => {
      live = await connect()
    })
    after(async () => {
      await Promise.all(servers.adapters.map((adapter) => adapter.stop()))
      await live?.close()
    })

    const worker = (flows, options) => servers.adapter(flows, { ...(live && { amqpConnection: live }), ...options })

    it('carry the jobs of their blueprints, and one worker takes from both', async () => {
      const { other, options } = await twoQueues()
      const bus = listener()
      const adapter = worker([usual, heavy], { ...options, eventBus: bus })
      const runs = [await begin(usual, servers.queue), await begin(heavy, other)]
      for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
      assert.deepEqual(bus.published.sort(), [
        ['heavy-b', other],
        ['usual-b', servers.queue],
      ])
      assert.equal((await servers.look(runs[1])).context._flowcraft.queue, other)
      await adapter.stop()
    })

    it('a worker takes from those it is told to, and leaves the other alone', async () => {
      const { other, options } = await twoQueues()
      const runs = [await begin(usual, servers.queue), await begin(heavy, other)]
      const pool = worker([usual, heavy], { ...options, consume: [other] })
      await servers.settled(runs[1])
      assert.equal(await servers.waiting(), 1)
      assert.equal((await servers.look(runs[0])).context['_outputs.usual-a'], undefined)
      const rest = worker([usual, heavy], { ...options, consume: [servers.queue] })
      await servers.settled(runs[0])
      await Promise.all([pool.stop(), rest.stop()])
    })

    it('have dead letters of their own, and each goes back to where it was', async () => {
      const { other, options } = await twoQueues()
      const both = worker([usual, heavy], options)
      for (const [queue, body] of [
        [servers.queue, 'first'],
        [other, 'second'],
        [servers.queue, 'third'],
      ]) {
        const before = (await both.listDeadLetters()).length
        servers.channel.sendToQueue(queue, Buffer.from(body))
        await until(async () => (await both.listDeadLetters()).length > before, { what: 'the dead letter' })
      }
      const seen = (await both.listDeadLetters()).map(({ queue, body }) => [queue, body])
      assert.deepEqual(seen, [
        [servers.queue, 'first'],
        [other, 'second'],
        [servers.queue, 'third'],
      ])
      assert.equal((await both.listDeadLetters({ limit: 2 })).length, 2)
      await both.stop()

      const pool = worker([usual, heavy], { ...options, consume: [other], started: false })
      assert.deepEqual(
        (await pool.listDeadLetters()).map(({ body }) => body),
        ['second'],
      )
      assert.equal(await pool.replayDeadLetters(), 1)
      assert.deepEqual([await servers.waiting(other), await servers.waiting()], [1, 0])
    })
  })
}

describe('of two queues', () => {
  it('one limit is shared: no more nodes run at a time than the worker may', async () => {
    const { other, options } = await twoQueues()
    let running = 0
    let most = 0
    const busy = (id) =>
      createFlow(id).node(`${id}-only`, async () => {
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setTimeout(resolve, 100))
        running -= 1
        return {}
      })
    const flows = [busy('usual'), busy('heavy')]
    const runs = []
    for (let count = 0; count < 6; count++)
      runs.push(await begin(flows[0], servers.queue), await begin(flows[1], other))
    const adapter = servers.adapter(flows, { ...options, concurrency: 3 })
    for (const run of runs) await servers.settled(run)
    await adapter.stop()
    assert.equal(most, 3)
  })

  it('a job lost in the second is published again there, while the first is full', async () => {
    const { other, options } = await twoQueues()
    let open
    const gate = new Promise((resolve) => {
      open = resolve
    })
    const first = servers.adapter([usual, twoSteps('heavy', gate)], { ...options, stopTimeout: 0 })
    const run = await begin(heavy, other)
    await until(async () => (await servers.look(run)).context['_outputs.heavy-a'] === 1)
    await first.stop()
    open()
    await until(async () => (await servers.waiting(other)) >= 1, { what: 'the job, handed back' })
    // The one before it may come back too, if it was not acknowledged yet.
    await sleep(500)
    await servers.channel.purgeQueue(other)

    // A queue nobody empties says nothing about the other.
    const waiting = await begin(usual, servers.queue)
    const bus = listener()
    const pool = servers.adapter([usual, heavy], { ...options, consume: [other], repairInterval: 500, eventBus: bus })
    await servers.settled(run)
    // It is told once the broker has confirmed it; by then the job may be done.
    await until(() => bus.published.length > 0, { what: 'the notice of the job' })
    assert.deepEqual(bus.published, [['heavy-b', other]])
    assert.equal((await servers.look(waiting)).status, 'running')
    await pool.stop()
  })
})

describe('what cannot work is refused', () => {
  for (const [option, options] of [
    ['queues', { queues: ['jobs'] }],
    ['queues', { queues: { heavy: 7 } }],
    ['queues', { queues: { heavy: 'a\nb' } }],
    ['consume', { consume: [] }],
    ['consume', { consume: 'jobs' }],
    ['consume', { queues: { heavy: 'heavy-jobs' }, consume: ['heavy_jobs'] }],
  ]) {
    it(`${JSON.stringify(options)}`, () => {
      const refused = { name: 'TypeError', message: new RegExp(`'${option}'`) }
      assert.throws(() => servers.adapter([usual, heavy], { ...options, started: false }), refused)
    })
  }
})
