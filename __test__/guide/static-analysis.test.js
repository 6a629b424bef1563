// The guide's pages "Static Analysis", "Visualizing Workflows" and "Orchestrators": what is said of a blueprint holds for
// its runs.
import assert from 'node:assert/strict'
import {
  analyzeBlueprint,
  checkForCycles,
  createFlow,
  FlowRuntime,
  generateMermaid,
  generateMermaidForRun,
  lintBlueprint,
} from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { inMemory, openPage, pass, Recorder, value } from './support.js'

const page = openPage({})

const line = () => createFlow('line').node('a', value(1)).node('b', pass).node('c', pass).edge('a', 'b').edge('b', 'c')

page.it('a run begins with the nodes that the analysis begins with, and ends with those it ends with', async () => {
  const { startNodeIds, terminalNodeIds, isDag, nodeCount } = analyzeBlueprint(line().toBlueprint())
  assert.deepEqual([startNodeIds, terminalNodeIds, isDag], [['a'], ['c'], true])
  const recorder = new Recorder()
  const run = await page.servers.runAlone(line(), { starts: startNodeIds, runtime: { eventBus: recorder.bus } })
  const order = recorder.of('node:start').map(({ payload }) => payload.nodeId)
  assert.equal(run.status, 'completed')
  assert.deepEqual([order.at(0), order.at(-1), order.length], [startNodeIds[0], terminalNodeIds[0], nodeCount])
})

page.it('a cycle is found before it runs', () => {
  const cyclic = {
    id: 'cyclic',
    nodes: [
      { id: 'a', uses: 'x' },
      { id: 'b', uses: 'x' },
    ],
    edges: [
      { source: 'a', target: 'b' },
      { source: 'b', target: 'a' },
    ],
  }
  assert.equal(checkForCycles(cyclic).length, 1)
  assert.equal(analyzeBlueprint(cyclic).isDag, false)
})

page.it('what the linter refuses fails a run, and says the same', async () => {
  const flow = createFlow('broken').node('a', value(1)).edge('a', 'c')
  const { isValid, issues } = lintBlueprint(flow.toBlueprint(), flow.getFunctionRegistry())
  assert.deepEqual([isValid, issues.map(({ code }) => code)], [false, ['INVALID_EDGE_TARGET']])
  const { status, result } = await page.servers.runAlone(flow)
  assert.equal(status, 'failed')
  assert.match(result.reason, /'c'/)
})

for (const [name, node, code] of [
  [
    'a batch without its worker',
    { id: 'part', uses: 'batch-scatter', inputs: 'items', params: { workerUsesKey: 'nobody', gatherNodeId: 'gather' } },
    'INVALID_BATCH_WORKER_KEY',
  ],
  [
    'a subflow without its blueprint',
    { id: 'part', uses: 'subflow', params: { blueprintId: 'nobody' } },
    'INVALID_SUBFLOW_BLUEPRINT_ID',
  ],
  ['a node without its function', { id: 'part', uses: 'nobody' }, 'MISSING_NODE_IMPLEMENTATION'],
]) {
  page.it(`the linter and a run both name what is missing: ${name}`, async () => {
    const gather = { id: 'gather', uses: 'batch-gather', params: { gatherNodeId: 'gather', outputKey: 'all' } }
    const parts = node.params?.gatherNodeId
      ? { nodes: [node, gather], edges: [{ source: 'part', target: 'gather' }] }
      : { nodes: [node], edges: [] }
    const flow = declared({ id: 'missing', ...parts })
    const { issues } = lintBlueprint(flow.toBlueprint(), new Map(), {})
    assert.ok(
      issues.some((issue) => issue.code === code),
      JSON.stringify(issues),
    )
    const context = { items: [1] }
    const memory = await new FlowRuntime().run(flow.toBlueprint(), context).catch(() => ({ status: 'failed' }))
    const run = await page.servers.runAlone(flow, { context, blueprintTimeout: 100 })
    assert.deepEqual([run.status, memory.status], ['failed', 'failed'])
    assert.match(run.result.reason, /nobody/)
  })
}

const sizes = () =>
  createFlow('sizes')
    .node('fetch', value({ size: 10 }))
    .node('check', async ({ input }) => ({ output: input.size, action: input.size > 5 ? 'big' : 'small' }))
    .node('big', pass)
    .node('small', pass)
    .edge('fetch', 'check')
    .edge('check', 'big', { action: 'big', condition: 'result.output' })
    .edge('check', 'small', { action: 'small' })

page.it('a diagram shows actions and conditions, and that of a run the way it took', async () => {
  assert.match(generateMermaid(sizes().toBlueprint()), /check -- "big \| result\.output" --> big/)
  const recorder = new Recorder()
  await page.servers.runAlone(sizes(), { runtime: { eventBus: recorder.bus } })
  const memory = await inMemory({ flow: sizes() })
  const drawn = generateMermaidForRun(sizes().toBlueprint(), recorder.events)
  assert.equal(drawn, generateMermaidForRun(sizes().toBlueprint(), memory.events))
  for (const node of ['fetch', 'check', 'big']) assert.match(drawn, new RegExp(`style ${node} fill`))
  assert.doesNotMatch(drawn, /style small/)
})

page.it('a flow runs the same after it was drawn for a user interface', async () => {
  const flow = createFlow('drawn')
    .node('list', value([1, 2]))
    .batch('double', async ({ input }) => ({ output: input * 2 }), { inputKey: 'list', outputKey: 'doubled' })
    .edge('list', 'double')
  const { nodes } = flow.toGraphRepresentation()
  assert.deepEqual(nodes.map(({ id }) => id).sort(), ['double', 'list'])
  const { status, context } = await page.servers.runAlone(flow)
  assert.equal(status, 'completed')
  assert.deepEqual(context.doubled, [2, 4])
})

/** A run that was interrupted: what is done stands among its outputs. */
const interrupted = { '_outputs.a': 1, '_inputs.b': 1 }

page.it('a run that is started with outputs goes on behind them', async () => {
  const recorder = new Recorder()
  const run = await page.servers.runAlone(line(), {
    context: interrupted,
    starts: ['b'],
    runtime: { eventBus: recorder.bus },
  })
  assert.equal(run.status, 'completed')
  assert.deepEqual(recorder.executed('line'), { b: 1, c: 1 })
  assert.equal(run.context['_outputs.c'], 1)
})
