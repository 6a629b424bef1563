// What goes over between the engine and JavaScript goes over together, and nobody waits for it. The engine's side of the
// channel is two functions here: what is promised is when they are called.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { Channel } from '../../dist/bridge/channel.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

/** A channel; `run` is a node's code. */
function channel(run) {
  const side = { messages: [], left: [], heard: [] }
  const engine = {
    fetch: () => JSON.stringify(side.messages.splice(0)),
    answer: (lines) => side.left.push(lines.trimEnd().split('\n')),
  }
  const made = new Channel(() => engine, {
    async run(job, controller) {
      await run(job, controller.signal)
      made.answer(job, `${job.number} done\n`)
    },
    hear: (notice) => side.heard.push(notice),
  })
  const jobs = (...numbers) => side.messages.push(...numbers.map((number) => ({ job: { number, nodeId: 'a' } })))
  return { ...side, jobs, wake: () => made.wake() }
}

const line = (number) => `${number} done`

describe('the channel', () => {
  it('lets a lone answer leave in the turn of the event loop it was given in', async () => {
    const { jobs, wake, left } = channel(async () => {})
    jobs(1)
    wake()
    await turn()
    assert.deepEqual(left, [[line(1)]])
  })

  it('takes answers that are given one after the other over together', async () => {
    const { jobs, wake, left } = channel(async () => {})
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1)
    jobs(...numbers)
    wake()
    await turn()
    assert.deepEqual(left.flat(), numbers.map(line))
    assert.ok(left.length < 100, `${left.length} calls`)
  })

  it('keeps no answer while the next job keeps the event loop', async () => {
    const seen = []
    const side = channel(async ({ number }) => {
      seen.push(side.left.flat().length)
      const begun = performance.now()
      while (performance.now() - begun < 5);
      if (number === 1) await null
    })
    side.jobs(1, 2, 3)
    side.wake()
    await turn()
    assert.deepEqual(seen, [0, 1, 2])
  })

  it('does not wait for a job that waits', async () => {
    let goOn
    const { jobs, wake, left } = channel(async ({ number }) => {
      if (number === 1) {
        await new Promise((resolve) => {
          goOn = resolve
        })
      }
    })
    jobs(1, 2)
    wake()
    await turn()
    assert.deepEqual(left, [[line(2)]])
    goOn()
    await turn()
    assert.deepEqual(left, [[line(2)], [line(1)]])
  })

  it('tells a job to stop before it begins', async () => {
    const seen = []
    const { messages, jobs, wake } = channel(async (_, signal) => seen.push(signal.aborted))
    jobs(1, 2)
    messages.push({ abort: 2 })
    wake()
    await turn()
    assert.deepEqual(seen, [false, true])
  })
})

describe('a node that goes on after its answer', () => {
  let servers
  before(async () => {
    servers = await openSharedServers()
  })
  after(() => servers.close())

  it('reads what is on record', async () => {
    const read = []
    const flow = createFlow('late').node(
      'a',
      async ({ context }) => {
        await sleep(400)
        read.push(await context.get('known'), await context.has('missing'), (await context.toJSON()).known)
      },
      { config: { timeout: 50 } },
    )
    servers.adapter(flow)
    const runId = await servers.begin(flow, { known: 7 })
    assert.equal((await servers.settled(runId)).status, 'failed')
    await until(() => read.length === 3, { what: 'what the node read' })
    assert.deepEqual(read, [7, false, 7])
  })
})
