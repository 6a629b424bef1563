// The guide's pages "Distributed Execution" and "Runtime Adapter: RabbitMQ & PostgreSQL".
import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  createRabbitMqReconciler,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import { analyzeBlueprint, BaseDistributedAdapter, createFlow, FlowRuntime } from 'flowcraft'
import { until, urls } from '../fixtures/shared-servers.js'
import { openPage, pass, value } from './support.js'

const ONE_ARRIVED = { executed: { a: 1, b: 1, c: 1 }, outputs: { b: 'b', c: 'result: b' } }

const page = openPage({
  'a failed predecessor cancels an `any` join': {
    because:
      'the join runs by the predecessor that succeeds, in memory too; on version 1 it depends on who is faster. The run' +
      ' fails either way',
    memory: ONE_ARRIVED,
    distributed: ONE_ARRIVED,
  },
})

const pipeline = () =>
  createFlow('pipeline')
    .node('fetch', async ({ context }) => {
      await context.set('source', 'the web')
      return { output: [3, 1, 2] }
    })
    .node('sort', async ({ input }) => ({ output: input.toSorted() }))
    .node('sum', async ({ input }) => ({ output: input.reduce((a, b) => a + b) }))
    .node('report', async ({ input, context }) => ({ output: `${input.sum} from ${await context.get('source')}` }), {
      inputs: { sum: 'sum', sorted: 'sort' },
    })
    .edge('fetch', 'sort')
    .edge('fetch', 'sum')
    .edge('sort', 'report')
    .edge('sum', 'report')

page.runs(
  'the code of the nodes is the same, in memory and on three workers',
  {
    status: 'completed',
    outputs: { fetch: [3, 1, 2], sort: [1, 2, 3], sum: 6, report: '6 from the web' },
    keys: { source: 'the web' },
    executed: { fetch: 1, sort: 1, sum: 1, report: 1 },
  },
  () => ({ flow: pipeline(), workers: 3 }),
)

it('the adapter is one of core’s', () => {
  assert.ok(RabbitMqAdapter.prototype instanceof BaseDistributedAdapter)
})

it('a worker may be made of a runtime’s options', async () => {
  const flow = pipeline()
  const runtime = new FlowRuntime({
    blueprints: { pipeline: flow.toBlueprint() },
    registry: Object.fromEntries(flow.getFunctionRegistry()),
  })
  await page.servers.freshQueue()
  const adapter = new RabbitMqAdapter({
    runtimeOptions: runtime.options,
    coordinationStore: new RedisCoordinationStore(urls.redis),
    amqpConnection: urls.amqp,
    pgClient: page.servers.database,
    contextTableName: page.servers.contextTable,
    statusTableName: page.servers.statusTable,
    queueName: page.servers.queue,
  })
  adapter.start()
  try {
    // A client asks the blueprint where it begins, and writes and publishes no more than this.
    const { startNodeIds } = analyzeBlueprint(flow.toBlueprint())
    const { status, context } = await page.servers.run(flow, {}, { starts: startNodeIds })
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.report'], '6 from the web')
  } finally {
    await adapter.stop()
  }
})

page.runs(
  'a failed predecessor keeps an `all` join from running',
  { status: 'failed', executed: { a: 1, b: 1 }, outputs: { b: 'b' }, errors: ['a'] },
  () => ({
    flow: createFlow('all')
      .node('a', async () => Promise.reject(new Error('a is down')))
      .node('b', value('b'))
      .node('c', pass)
      .edge('a', 'c')
      .edge('b', 'c'),
  }),
)

page.runs(
  'a failed predecessor cancels an `any` join',
  { status: 'failed', errors: ['a'], executed: { a: 1, b: 1 }, outputs: { b: 'b' } },
  () => ({
    flow: createFlow('any')
      .node('a', async () => Promise.reject(new Error('a is down')))
      .node('b', value('b'))
      .node('c', async ({ input }) => ({ output: `result: ${input}` }), { config: { joinStrategy: 'any' } })
      .edge('a', 'c')
      .edge('b', 'c'),
  }),
)

it('a run whose job was lost goes on when it is reconciled', async (t) => {
  const flow = pipeline()
  const adapter = await page.servers.workerFor(t, flow, { repairInterval: 0 })
  const runId = page.servers.runId()
  // The client died after its insert.
  await page.servers.insert(runId, JSON.stringify({ blueprintId: 'pipeline' }))
  await page.servers.insertStatus(runId)
  assert.deepEqual([...(await adapter.reconcile(runId))], ['fetch'])
  assert.equal((await page.servers.settled(runId)).status, 'completed')
})

it('the reconciler finds such runs by itself', async (t) => {
  const flow = pipeline()
  const adapter = await page.servers.workerFor(t, flow, { repairInterval: 0 })
  const runId = page.servers.runId()
  await page.servers.insert(runId, JSON.stringify({ blueprintId: 'pipeline' }))
  await page.servers.insertStatus(runId)
  const reconciler = createRabbitMqReconciler({
    adapter,
    pgClient: page.servers.database,
    statusTableName: page.servers.statusTable,
    stalledThresholdSeconds: 0,
  })
  // Nothing has happened to the run for as long as the threshold says: at the next tick of the clock.
  const stats = await until(async () => {
    const found = await reconciler.run()
    return found.stalledRuns > 0 && found
  })
  assert.deepEqual(stats, { stalledRuns: 1, reconciledRuns: 1, failedRuns: 0 })
  assert.equal((await page.servers.settled(runId)).status, 'completed')
})

it('the context of a run can be read and written from outside', async (t) => {
  const flow = createFlow('outside')
    .wait('pause')
    .node('read', async ({ context }) => ({ output: await context.get('said') }))
    .edge('pause', 'read')
  const adapter = await page.servers.workerFor(t, flow)
  const runId = await page.servers.begin(flow, { asked: 'what' })
  await page.servers.settled(runId, ['awaiting'])
  const tableName = page.servers.contextTable
  const context = new PostgresContext(runId, { client: page.servers.database, tableName })
  assert.equal(await context.get('asked'), 'what')
  await context.patch([
    { op: 'set', key: 'said', value: 'this' },
    { op: 'delete', key: 'asked' },
  ])
  assert.equal(await context.has('asked'), false)
  await adapter.resumeWithAction(runId, '')
  const seen = await page.servers.settled(runId)
  assert.equal(seen.context['_outputs.read'], 'this')
  assert.equal('asked' in seen.context, false)
})
