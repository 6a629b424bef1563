// What the guide says of the container of dependencies, in "Core Concepts" and "Unit & Integration Testing".
import assert from 'node:assert/strict'
import { createDefaultContainer, createFlow, FlowRuntime, NullLogger, ServiceTokens, UnsafeEvaluator } from 'flowcraft'
import { openPage, value } from './support.js'

const page = openPage({})

const asking = () =>
  createFlow('asking')
    .node('fetch', async ({ dependencies }) => ({ output: await dependencies.rates.of('EUR') }))
    .node('many', value('many'))
    .node('few', value('few'))
    .edge('fetch', 'many', { condition: 'result.output > 1' })
    .edge('fetch', 'few', { condition: 'result.output <= 1' })

/** What a runtime is made of: the same parts, in a container and as options. */
const parts = (flow, heard) => ({
  blueprints: { asking: flow.toBlueprint() },
  registry: Object.fromEntries(flow.getFunctionRegistry()),
  dependencies: { rates: { of: async (currency) => ({ EUR: 1.1 })[currency] } },
  evaluator: new UnsafeEvaluator(),
  logger: Object.assign(new NullLogger(), { info: (message) => void heard.push(message) }),
  middleware: [{ beforeNode: (_, nodeId) => void heard.push(nodeId) }],
  eventBus: { emit: async ({ type }) => void heard.push(type) },
})

page.it('the parts of a container are those of a runtime’s options', async () => {
  const flow = asking()
  const container = createDefaultContainer(parts(flow, []))
  const runtime = new FlowRuntime(container)
  const memory = await runtime.run(flow.toBlueprint(), {})
  // A worker takes the options. It may take them out of the container.
  const resolved = {
    blueprints: container.resolve(ServiceTokens.BlueprintRegistry),
    registry: container.resolve(ServiceTokens.NodeRegistry),
    dependencies: container.resolve(ServiceTokens.Dependencies),
    evaluator: container.resolve(ServiceTokens.Evaluator),
    logger: container.resolve(ServiceTokens.Logger),
    middleware: container.resolve(ServiceTokens.Middleware),
    eventBus: container.resolve(ServiceTokens.EventBus),
    serializer: container.resolve(ServiceTokens.Serializer),
  }
  const run = await page.servers.runAlone(flow, { runtime: resolved })
  assert.deepEqual([run.status, memory.status], ['completed', 'completed'])
  assert.deepEqual([run.context['_outputs.fetch'], memory.context['_outputs.fetch']], [1.1, 1.1])
  assert.deepEqual([run.context['_outputs.many'], memory.context['_outputs.many']], ['many', 'many'])
  assert.equal('_outputs.few' in run.context, false)
})

page.it('a worker hears through its logger, its middleware and its bus', async () => {
  const heard = []
  const flow = asking()
  await page.servers.runAlone(flow, { runtime: parts(flow, heard) })
  for (const what of ['fetch', 'many', 'node:start', 'node:finish', 'edge:evaluate']) {
    assert.ok(heard.includes(what), `${what} among ${heard}`)
  }
})

const mocked = (rate) => ({ dependencies: { rates: { of: async () => rate } }, evaluator: new UnsafeEvaluator() })

for (const [rate, last] of [
  [5, 'many'],
  [0.5, 'few'],
]) {
  page.runs(
    `a mock stands for a dependency: ${rate} is ${last}`,
    { status: 'completed', outputs: { fetch: rate, [last]: last } },
    () => ({ flow: asking(), runtime: mocked(rate) }),
  )
}

page.runs(
  'a dependency that fails fails the node',
  { status: 'failed', errors: ['fetch'], outputs: {} },
  () => ({
    flow: asking(),
    runtime: { ...mocked(1), dependencies: { rates: { of: async () => Promise.reject(new Error('no rates today')) } } },
  }),
  ({ distributed }) => assert.match(distributed.seen.result.reason, /no rates today/),
)

page.runs(
  'a node finds its logger and its runtime among its dependencies',
  { status: 'completed', outputs: { only: ['function', 'finder', true] } },
  () => ({
    flow: createFlow('finder').node('only', async ({ dependencies }) => ({
      output: [
        typeof dependencies.logger.info,
        dependencies.runtime.blueprint.id,
        typeof dependencies.runtime.executionId === 'string',
      ],
    })),
  }),
)
