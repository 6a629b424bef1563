// The guide's page "Time-Travel Debugging", and the replay of "Observability".
import assert from 'node:assert/strict'
import {
  createFlow,
  FlowRuntime,
  generateMermaidForRun,
  InMemoryEventStore,
  PersistentEventBusAdapter,
} from 'flowcraft'
import { createStepper } from 'flowcraft/testing'
import { inMemory, openPage, pass, plain, value } from './support.js'

const page = openPage()

const processing = () =>
  createFlow('processing')
    .node('process', async ({ context }) => {
      await context.set('result', 'processed')
      await context.set('scratch', 1)
      return { output: 'done' }
    })
    .node('clean', async ({ context, input }) => {
      await context.delete('scratch')
      return { output: [input] }
    })
    .edge('process', 'clean')

/** Runs a flow on a worker whose bus is this store's; answers with the run, and the events of its execution. */
async function recorded(flow, store, options) {
  const eventBus = new PersistentEventBusAdapter(store)
  const run = await page.servers.runAlone(flow, { runtime: { eventBus }, ...options })
  return { run, events: await store.retrieve(run.runId) }
}

const own = (context) => {
  const kept = Object.entries(plain(context)).filter(
    ([key]) => !/^(_flowcraft|_executionId|blueprintId|blueprintVersion)$/.test(key),
  )
  return Object.fromEntries(kept.sort(([one], [other]) => (one < other ? -1 : 1)))
}

page.it('replay makes the final context again, without running a node', async () => {
  const flow = processing()
  const { run, events } = await recorded(flow, new InMemoryEventStore())
  const replayed = await new FlowRuntime().replay(flow.toBlueprint(), events, run.runId)
  assert.equal(replayed.status, 'completed')
  assert.equal(replayed.context.result, 'processed')
  assert.equal('scratch' in replayed.context, false)
  // In memory an output stands under its node's id, too.
  const { process: one, clean: two, ...rest } = own(replayed.context)
  assert.deepEqual([one, two], ['done', ['done']])
  assert.deepEqual(rest, own(run.result.payload.context))
})

page.it('replay needs no execution id: the events name it', async () => {
  const flow = processing()
  const { run, events } = await recorded(flow, new InMemoryEventStore())
  const { context } = await new FlowRuntime().replay(flow.toBlueprint(), events)
  assert.equal(context._executionId, run.runId)
  assert.equal(context.result, 'processed')
})

page.it('several executions are kept apart in one store', async () => {
  const flow = createFlow('numbered').node('only', async ({ context }) => ({ output: await context.get('n') }))
  const store = new InMemoryEventStore()
  const runs = []
  for (const n of [1, 2, 3]) runs.push((await recorded(flow, store, { context: { n } })).run.runId)
  const runtime = new FlowRuntime()
  for (const [index, [runId, events]] of [...(await store.retrieveMultiple(runs))].entries()) {
    const { context } = await runtime.replay(flow.toBlueprint(), events, runId)
    assert.equal(context['_outputs.only'], index + 1)
  }
})

page.it('a store of one’s own hears of every event with its execution', async () => {
  const heard = new Map()
  const store = {
    store: async (event, id) => void heard.set(id, [...(heard.get(id) ?? []), event]),
    retrieve: async (id) => heard.get(id) ?? [],
    retrieveMultiple: async (ids) => new Map(ids.map((id) => [id, heard.get(id) ?? []])),
  }
  const { run } = await recorded(processing(), store)
  // What core says of edges names no execution, and this flow's have no conditions.
  assert.deepEqual([...heard.keys()], [run.runId])
})

/** How often each type of event is in a stream, without those of jobs. */
const counts = (events) => {
  const counted = {}
  for (const { type } of events) if (!type.startsWith('job:')) counted[type] = (counted[type] ?? 0) + 1
  return counted
}

page.it('the events can be counted, as in memory', async () => {
  const flow = processing()
  const { events } = await recorded(flow, new InMemoryEventStore())
  const memory = await inMemory({ flow })
  assert.deepEqual(counts(events), counts(memory.events))
  assert.equal(counts(events)['node:finish'], 2)
})

page.it('the path that was taken can be drawn', async () => {
  const flow = createFlow('paths')
    .node('check', value({ n: 10 }, { action: 'big' }))
    .node('big', pass)
    .node('small', pass)
    .edge('check', 'big', { action: 'big' })
    .edge('check', 'small', { action: 'small' })
  const { events } = await recorded(flow, new InMemoryEventStore())
  const memory = await inMemory({ flow })
  const drawn = generateMermaidForRun(flow.toBlueprint(), events)
  assert.equal(drawn, generateMermaidForRun(flow.toBlueprint(), memory.events))
  assert.match(drawn, /style big fill/)
  assert.doesNotMatch(drawn, /style small/)
})

page.it('the times of nodes can be told from their events', async () => {
  const { run, events } = await recorded(processing(), new InMemoryEventStore())
  assert.ok(run.runId)
  const order = events
    .filter(({ type }) => /^node:(start|finish)$/.test(type))
    .map(({ type, payload }) => [payload.nodeId, type])
  assert.deepEqual(order, [
    ['process', 'node:start'],
    ['process', 'node:finish'],
    ['clean', 'node:start'],
    ['clean', 'node:finish'],
  ])
})

page.it('stepping through a flow comes to the same end as a run of it', async () => {
  const flow = processing()
  const store = new InMemoryEventStore()
  const runtime = new FlowRuntime({ eventBus: new PersistentEventBusAdapter(store) })
  const stepper = await createStepper(runtime, flow.toBlueprint(), flow.getFunctionRegistry())
  let last
  while (!stepper.isDone()) last = await stepper.next()
  const { run } = await recorded(flow, new InMemoryEventStore())
  assert.equal(last.status, run.status)
  const { process: _, clean: __, ...stepped } = own(last.context)
  delete stepped['_inputs.clean']
  const ended = own(run.context)
  delete ended['_inputs.clean']
  assert.deepEqual(stepped, ended)
})
