// The guide's pages "Unit & Integration Testing" and "Interactive Debugging": its tools see on a worker what they see in
// memory.
import assert from 'node:assert/strict'
import { createErrorMapper, createFlow, FlowRuntime, generateMermaidForRun } from 'flowcraft'
import { createStepper, InMemoryEventLogger, runWithTrace } from 'flowcraft/testing'
import { inMemory, openPage, plain, value } from './support.js'

const page = openPage()

const users = (format) =>
  createFlow('users')
    .node('fetch', value({ name: 'Ada' }))
    .node('format', format)
    .edge('fetch', 'format')

const formatted = async ({ input }) => ({ output: `formatted: ${input.name.toUpperCase()}` })
/** As the page's: there is no such method. */
const mistaken = async ({ input }) => ({ output: input.name.toUppercase() })

/** Runs a flow on a worker whose bus is an event logger. */
async function traced(flow) {
  const logger = new InMemoryEventLogger()
  const run = await page.servers.runAlone(flow, { runtime: { eventBus: logger } })
  return { logger, run }
}

page.it('the first event is that of the run', async () => {
  const { logger } = await traced(users(formatted))
  assert.equal(logger.find('workflow:start')?.payload.blueprintId, 'users', 'workflow:start is told')
})

page.it('an event logger finds and filters what a worker tells', async () => {
  const { logger } = await traced(users(formatted))
  assert.deepEqual(logger.find('node:start').payload.nodeId, 'fetch')
  assert.deepEqual(
    logger.filter('node:finish').map(({ payload }) => payload.result.output),
    [{ name: 'Ada' }, 'formatted: ADA'],
  )
  logger.clear()
  assert.deepEqual(logger.events, [])
})

page.it('its trace of a worker is that of memory, but for its jobs', async (t) => {
  const lines = []
  t.mock.method(console, 'log', (line) => void lines.push(line))
  const printed = (events) => {
    const logger = new InMemoryEventLogger()
    for (const event of events) logger.emit(event)
    logger.printLog('a run')
    return lines.splice(0).map(plain)
  }
  const { logger } = await traced(users(formatted))
  const memory = await inMemory({ flow: users(formatted) })
  const there = logger.events.filter(({ type }) => !type.startsWith('job:'))
  assert.deepEqual(printed(there), printed(memory.events))
})

page.it('a run that is traced ends as one on a worker', async () => {
  const flow = users(formatted)
  const runtime = new FlowRuntime({ registry: Object.fromEntries(flow.getFunctionRegistry()) })
  const memory = await runWithTrace(runtime, flow.toBlueprint())
  const { run } = await traced(users(formatted))
  assert.deepEqual([run.status, memory.status], ['completed', 'completed'])
  assert.equal(run.context['_outputs.format'], memory.context['_outputs.format'])
})

page.runs(
  'a mistake in a node is its failure, in the words of the mistake',
  { status: 'failed', errors: ['format'], outputs: { fetch: { name: 'Ada' } } },
  () => ({ flow: users(mistaken) }),
  ({ memory, distributed }) => {
    const said = /toUppercase is not a function/
    assert.match(memory.result.errors[0].originalError.cause.message, said)
    assert.match(distributed.seen.result.reason, said)
    const { error } = distributed.events.find(({ type }) => type === 'node:error').payload
    assert.match(error.cause.message, said)
  },
)

page.it('stepping shows the states that a run goes through', async () => {
  const flow = createFlow('steps')
    .node('a', value(10))
    .node('b', async ({ context }) => ({ output: (await context.get('a')) * 2 }))
    .edge('a', 'b')
  const stepper = await createStepper(new FlowRuntime(), flow.toBlueprint(), flow.getFunctionRegistry())
  const first = await stepper.next()
  assert.deepEqual([first.status, stepper.isDone()], ['stalled', false])
  assert.equal(await stepper.state.getContext().get('_outputs.a'), 10)
  const second = await stepper.next()
  assert.deepEqual([second.status, stepper.isDone(), await stepper.next()], ['completed', true, null])
  // On a worker the same states follow each other: what a node sees is what the last step left.
  const { logger, run } = await traced(flow)
  assert.deepEqual(
    logger.filter('node:start').map(({ payload }) => [payload.nodeId, payload.input]),
    [
      ['a', undefined],
      ['b', 10],
    ],
  )
  assert.equal(run.context['_outputs.b'], await stepper.state.getContext().get('_outputs.b'))
})

page.it('a failed run is drawn as in memory', async () => {
  const { logger, run } = await traced(users(mistaken))
  assert.equal(run.status, 'failed')
  const blueprint = users(mistaken).toBlueprint()
  const memory = await inMemory({ flow: users(mistaken) })
  const drawn = generateMermaidForRun(blueprint, logger.events)
  assert.equal(drawn, generateMermaidForRun(blueprint, memory.events))
  assert.match(drawn, /style fetch fill/)
})

page.it('an error can be mapped to where its node was written', async () => {
  const map = createErrorMapper({ users: { ...users(mistaken).toBlueprint(), nodes: located() } })
  const { logger } = await traced(users(mistaken))
  const there = map(logger.find('node:error').payload.error)
  const memory = await inMemory({ flow: users(mistaken) })
  const inside = map(memory.events.find(({ type }) => type === 'node:error').payload.error)
  assert.equal(there.message, inside.message)
  assert.match(there.message, /users\.ts:12:3/)
})

/** The nodes as a compiler writes them, with their places. */
function located() {
  const nodes = users(mistaken).toBlueprint().nodes
  return nodes.map((node) => ({ ...node, _sourceLocation: { file: 'users.ts', line: 12, column: 3 } }))
}
