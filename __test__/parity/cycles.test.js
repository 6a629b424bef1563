// Cycles without a loop controller: a node leads back to one that is done, at once, after a sleep, or after a person.
// How often the cycle goes round is as in memory.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createFlow, FlowRuntime, GraphTraverser, NullLogger } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'

const SLEEP_MS = 20
const ENDED_OR_AWAITING = ['completed', 'failed', 'awaiting']

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const middles = {
  'a node': (flow) => flow.node('between', async () => ({ output: 'between' })),
  'a sleep': (flow) => flow.sleep('between', { duration: SLEEP_MS }),
  'a wait': (flow) => flow.wait('between'),
}

const entries = {
  'the cycle itself': { drawn: false, config: {} },
  'a node before it, any of its edges enough': { drawn: true, config: { joinStrategy: 'any' } },
  'a node before it, all edges needed': { drawn: true, config: {} },
}

/** A node that asks three times to be tried again, and counts how often it is. */
function cycle(id, middle, { drawn, config }) {
  const counted = { attempts: 0 }
  const attempt = async () => {
    counted.attempts += 1
    return counted.attempts < 4 ? { output: 'no', action: 'again' } : { output: 'yes', action: 'done' }
  }
  const flow = middle(createFlow(id).node('attempt', attempt, { config }))
  flow.node('after', async () => ({ output: 'over' }))
  flow.edge('attempt', 'between', { action: 'again' }).edge('between', 'attempt')
  flow.edge('attempt', 'after', { action: 'done' })
  if (drawn) flow.node('first', async () => ({ output: 1 })).edge('first', 'attempt')
  return { flow, counted }
}

async function inMemory({ flow, counted }) {
  const runtime = new FlowRuntime({
    logger: new NullLogger(),
    registry: Object.fromEntries(flow.getFunctionRegistry()),
  })
  const blueprint = flow.toBlueprint()
  let result = await runtime.run(structuredClone(blueprint), {})
  while (result.status === 'awaiting') {
    await pause(SLEEP_MS + 1)
    result = await runtime.resume(structuredClone(blueprint), result.serializedContext, { output: 'on' })
  }
  return { status: result.status, attempts: counted.attempts, output: result.context['_outputs.attempt'] }
}

async function distributed(t, { flow, counted }, resumes) {
  const adapter = await servers.workerFor(t, flow)
  const starts = new GraphTraverser(flow.toBlueprint()).getReadyNodes().map(({ nodeId }) => nodeId)
  const runId = await servers.begin(flow, {}, { starts })
  let row = await servers.settled(runId, resumes ? ENDED_OR_AWAITING : undefined)
  while (row.status === 'awaiting') {
    await adapter.resumeWithAction(runId, '', 'on')
    row = await servers.settled(runId, ENDED_OR_AWAITING)
  }
  return { status: row.status, attempts: counted.attempts, output: row.context['_outputs.attempt'] }
}

/** A cycle that goes round three times, and an `any` join behind it and beside it. */
function joined() {
  const counted = { attempts: 0, joins: 0 }
  const any = { config: { joinStrategy: 'any' } }
  const attempt = async () => {
    counted.attempts += 1
    return { output: counted.attempts, action: counted.attempts < 3 ? 'again' : 'done' }
  }
  const join = async () => {
    counted.joins += 1
    return { output: 'joined' }
  }
  const flow = createFlow('cycle and join')
    .node('first', async () => ({ output: 1 }))
    .node('attempt', attempt, any)
    .node('between', async () => ({ output: 'between' }), any)
    .node('behind', async () => ({ output: 'behind' }))
    .node('beside', async () => ({ output: 'beside' }))
    .node('join', join, any)
    .edge('first', 'attempt')
    .edge('first', 'beside')
    .edge('attempt', 'between', { action: 'again' })
    .edge('between', 'attempt')
    .edge('attempt', 'behind', { action: 'done' })
    .edge('behind', 'join')
    .edge('beside', 'join')
  return { flow, counted }
}

describe('a cycle', () => {
  it('has an any join behind it run at every arrival: each may be of another lap', async (t) => {
    const [here, memory] = [joined(), joined()]
    await distributed(t, here)
    await inMemory(memory)
    assert.deepEqual(here.counted, memory.counted)
    assert.deepEqual(here.counted, { attempts: 3, joins: 2 })
  })

  for (const [middle, add] of Object.entries(middles)) {
    for (const [entry, how] of Object.entries(entries)) {
      it(`through ${middle}, entered by ${entry}`, async (t) => {
        const id = `cycle ${middle} ${entry}`
        const memory = await inMemory(cycle(id, add, how))
        assert.deepEqual(await distributed(t, cycle(id, add, how), middle === 'a wait'), memory)
      })
    }
  }
})
