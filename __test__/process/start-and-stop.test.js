// start() and stop() in any order, overlapping: what was called last is what the worker comes to, and nothing dies quietly.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A flow whose node says that it runs, and ends when it is let go. */
function held() {
  let letGo
  const gate = new Promise((resolve) => {
    letGo = resolve
  })
  const running = { now: false }
  const flow = createFlow('held').node('only', async () => {
    running.now = true
    await gate
    return { output: 'done' }
  })
  return { flow, running, letGo }
}

const quick = createFlow('quick').node('only', async () => ({ output: 1 }))

/** A worker that is in the middle of a node. */
async function busyWorker(t, options) {
  const { flow, running, letGo } = held()
  const adapter = await servers.workerFor(t, [flow, quick], options)
  const runId = await servers.begin(flow)
  await until(() => running.now)
  return { adapter, runId, letGo }
}

const completes = async (timeout) =>
  assert.equal((await servers.settled(await servers.begin(quick), undefined, timeout)).status, 'completed')

describe('a start during a stop', () => {
  it('begins when the stop is done, and works from then on', async (t) => {
    const { adapter, runId, letGo } = await busyWorker(t, { eventLoopTimeout: 1000 })
    const stopping = adapter.stop()
    adapter.start()
    letGo()
    await stopping
    assert.equal(await servers.statusOf(runId), 'completed')
    await completes()
    // The event loop is still known to turn once the time without a sign of it is over.
    await sleep(1500)
    await completes()
  })

  it('is taken back by another stop, which is done when the first one is', async (t) => {
    const { adapter, runId, letGo } = await busyWorker(t)
    const order = []
    const first = adapter.stop().then(() => order.push('first'))
    adapter.start()
    const second = adapter.stop().then(() => order.push('second'))
    await sleep(50)
    assert.deepEqual(order, [], 'neither is done while a node is in flight')
    letGo()
    await Promise.all([first, second])
    assert.equal(await servers.statusOf(runId), 'completed')
    await servers.begin(quick)
    await sleep(200)
    assert.equal(await servers.waiting(), 1)
  })

  it('keeps what the stop is still doing', async (t) => {
    const { adapter, letGo } = await busyWorker(t, { concurrency: 1 })
    const waiting = await servers.begin(quick)
    const stopping = adapter.stop()
    adapter.start()
    adapter.start()
    letGo()
    await stopping
    assert.equal((await servers.settled(waiting)).status, 'completed', 'what the stop handed back')
  })
})

describe('any order of starts and stops', () => {
  const orders = [
    ['stop', 'start'],
    ['start', 'stop', 'start', 'stop', 'start'],
    ['start', 'start', 'stop', 'stop', 'start', 'start'],
    ['start', 'stop', 'start', 'stop'],
    ['stop', 'stop', 'start', 'stop', 'stop'],
  ]
  for (const order of orders) {
    for (const waits of [false, true]) {
      it(`${order.join(', ')}${waits ? ', each awaited' : ''}: comes to the last`, async (t) => {
        const adapter = await servers.workerFor(t, quick, { started: false })
        const stops = []
        for (const step of order) {
          if (step === 'start') adapter.start()
          else stops.push(adapter.stop())
          if (waits) await stops.at(-1)
        }
        await Promise.all(stops)
        if (order.at(-1) === 'start') return completes()
        await servers.begin(quick)
        await sleep(100)
        assert.equal(await servers.waiting(), 1)
      })
    }
  }
})
