// The guide's page "Observability and Events": every event that it describes, told by workers as in memory.
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { FLOWS } from './event-flows.js'
import { distributed, inMemory, openPage, pass, value } from './support.js'

const page = openPage()

/** The events of one type, without what differs from run to run. */
const told = (events, type) =>
  events
    .filter((event) => event.type === type)
    .map(({ payload: { executionId, result, error, results, workerNodeIds, ...payload } }) => payload)

for (const [type, name] of [
  ['workflow:start', 'a chain'],
  ['workflow:resume', 'a chain'],
  ['workflow:finish', 'a chain'],
  ['node:start', 'a chain'],
  ['node:finish', 'a chain'],
  ['node:error', 'a node that fails'],
  ['node:fallback', 'a fallback'],
  ['node:retry', 'a node that is tried again'],
  ['node:skipped', 'conditions, of which one is false'],
  ['edge:evaluate', 'conditions, of which one is false'],
  ['context:change', 'keys set and deleted'],
  ['batch:start', 'a batch'],
  ['batch:finish', 'a batch'],
]) {
  page.it(`${type} is told`, async () => {
    const memory = told((await inMemory(FLOWS[name]())).events, type)
    const there = told((await distributed(page.servers, FLOWS[name]())).events, type)
    assert.ok(memory.length > 0, 'told in memory')
    assert.deepEqual(there, memory, 'told by workers')
  })
}

page.it('workflow:pause is told of a cancelled run', async (t) => {
  let cancel
  const begun = new Promise((resolve) => {
    cancel = resolve
  })
  // It is done when its run is cancelled.
  const held = createFlow('held').node('only', ({ signal }) => {
    cancel()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const heard = []
  const adapter = await page.servers.workerFor(t, held, {
    runtime: { eventBus: { emit: async ({ type }) => void heard.push(type) } },
  })
  const runId = await page.servers.begin(held)
  await begun
  assert.equal(await adapter.cancel(runId), true)
  assert.equal((await page.servers.settled(runId)).status, 'cancelled')
  assert.ok(heard.includes('workflow:pause'), 'workflow:pause is told by workers')
})

page.it('a bus that throws, or is slow, changes nothing of the run', async () => {
  const flow = () => createFlow('heard').node('a', value(1)).node('b', pass).edge('a', 'b')
  const run = await page.servers.runAlone(flow(), {
    runtime: { eventBus: { emit: () => new Promise((resolve) => setImmediate(resolve)) } },
    eventBus: { emit: async () => Promise.reject(new Error('nobody is listening')) },
  })
  assert.equal(run.status, 'completed')
  assert.equal(run.context['_outputs.b'], 1)
})

page.it('the bus of a worker hears of its jobs', async () => {
  const { events } = await distributed(page.servers, FLOWS['a node that fails']())
  const jobs = events.filter(({ type }) => type.startsWith('job:')).map(({ type, payload }) => [type, payload.nodeId])
  assert.deepEqual(
    jobs.filter(([type]) => type === 'job:failed'),
    [['job:failed', 'b']],
  )
  assert.ok(jobs.some(([type, node]) => type === 'job:processed' && node === 'a'))
})
