// Durable timers: the examples of "Pausing and resuming workflows", sleep nodes. They end by themselves, in time.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const delayed = (duration, id = `delayed-${duration}`) =>
  createFlow(id)
    .node('start', () => ({ output: { task: 'Review quarterly report', begun: Date.now() } }))
    .sleep('delay', { duration })
    .node('finish', async ({ input }) => ({ output: { ...input, ended: Date.now() } }))
    .edge('start', 'delay')
    .edge('delay', 'finish')

/** Runs flows that sleep; asserts that each wakes in time, with what came before the sleep. */
async function wakesInTime(t, durations, options) {
  const flows = durations.map(([duration]) => delayed(duration))
  await servers.workerFor(t, flows, options)
  const runs = await Promise.all(flows.map((flow) => servers.begin(flow)))
  for (const [index, [duration, milliseconds]] of durations.entries()) {
    const { status, context } = await servers.settled(runs[index], undefined, 5000)
    assert.equal(status, 'completed')
    const { task, begun, ended } = context['_outputs.finish']
    assert.equal(task, 'Review quarterly report', 'the input passes through')
    const late = ended - begun - milliseconds
    t.diagnostic(`${JSON.stringify(duration)}: ${late} ms late`)
    assert.ok(late >= 0, `slept ${-late} ms too short`)
    assert.ok(late < 1000, `${late} ms late`)
  }
}

describe('a sleep node', () => {
  it('ends by itself, within a second of its time', (t) =>
    wakesInTime(t, [
      [0, 0],
      [50, 50],
      [700, 700],
      [1500, 1500],
      ['1s', 1000],
    ]))

  it('does so on a live amqplib connection too', onServers('a live connection'), async (t) => {
    await wakesInTime(
      t,
      [
        [0, 0],
        [50, 50],
        [700, 700],
      ],
      { amqpConnection: servers.amqp },
    )
  })

  it('makes the run await meanwhile, and says until when', async (t) => {
    const flow = delayed(1000)
    await servers.workerFor(t, flow)
    const begun = Date.now()
    const runId = await servers.begin(flow)
    const { context } = await servers.settled(runId, ['awaiting'])
    assert.deepEqual(context._awaitingNodeIds, ['delay'])
    assert.equal(context._awaitingDetails.delay.reason, 'timer')
    const wakeUpAt = Date.parse(context._awaitingDetails.delay.wakeUpAt)
    assert.ok(wakeUpAt >= begun + 1000 && wakeUpAt < begun + 3000)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('holds no worker: twenty sleep at a time where one node runs at a time', async (t) => {
    const flow = delayed('1s')
    await servers.workerFor(t, flow, { concurrency: 1 })
    const begun = Date.now()
    const runs = await Promise.all(Array.from({ length: 20 }, () => servers.begin(flow)))
    for (const runId of runs) assert.equal((await servers.settled(runId)).status, 'completed')
    const took = Date.now() - begun
    t.diagnostic(`${took} ms`)
    assert.ok(took < 4000, `${took} ms`)
  })

  it('of a week is asleep, and holds nothing up', async (t) => {
    const flow = delayed('7d')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    const { context } = await servers.settled(runId, ['awaiting'])
    const days = (Date.parse(context._awaitingDetails.delay.wakeUpAt) - Date.now()) / 86_400_000
    assert.ok(days > 6.99 && days <= 7)
    await pause(300)
    assert.equal((await servers.look(runId)).status, 'awaiting')
    await adapter.cancel(runId)
  })

  it('with a duration that is none fails the run, and says why', async (t) => {
    const flow = delayed('soon')
    await servers.workerFor(t, flow)
    const { status, result } = await servers.run(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'delay'.*'soon'/)
  })
})

describe('resumeWithAction', () => {
  it('wakes a sleeping node early, and its timer does nothing then', async (t) => {
    let finished = 0
    const flow = createFlow('early')
      .node('start', () => ({ output: 'report' }))
      .sleep('delay', { duration: 1000 })
      .node('finish', async ({ input }) => {
        finished += 1
        return { output: input }
      })
      .wait('sign')
      .edge('start', 'delay')
      .edge('delay', 'finish')
      .edge('finish', 'sign')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    const begun = Date.now()
    assert.deepEqual([...(await adapter.resumeWithAction(runId, 'now'))], ['delay'])
    await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'sign')
    assert.ok(Date.now() - begun < 800)
    assert.equal((await servers.look(runId)).context['_outputs.finish'], 'report', 'it keeps the output it had')
    await pause(1300)
    assert.equal(finished, 1)
    assert.equal((await servers.look(runId)).status, 'awaiting')
    await adapter.resumeWithAction(runId, 'signed')
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('leaves the sleep of the next round its full time', async (t) => {
    const flow = createFlow('rounds')
      .node('init', async ({ context }) => {
        await context.set('wakes', [])
        return {}
      })
      .sleep('nap', { duration: 900 })
      .node('awake', async ({ context }) => {
        await context.set('wakes', [...(await context.get('wakes')), Date.now()])
        return {}
      })
      .loop('naps', { startNodeId: 'nap', endNodeId: 'awake', condition: 'wakes.length < 2' })
      .edge('init', 'naps')
      .edge('nap', 'awake')
    const adapter = await servers.workerFor(t, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await pause(300)
    await adapter.resumeWithAction(runId, 'now')
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    const [first, second] = context.wakes
    assert.ok(second - first >= 900, `the second nap took ${second - first} ms`)
    assert.ok(second - first < 1900, `the second nap took ${second - first} ms`)
  })
})
