// The guide's page "Durable Primitives": what its functions become as nodes.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { it } from 'node:test'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openPage, pass, value } from './support.js'

const PAID = {
  approval: { approved: true, by: 'ada' },
  decide: { approved: true, by: 'ada' },
  payment: { amount: 42 },
  paid: { status: 'paid', amount: 42 },
}
const ENDPOINT = { url: 'https://example.com/webhook_1', event: 'webhook:webhook_1' }
const NOTIFIED = {
  wait_1: { paid: true },
  webhook_1: ENDPOINT,
  notify: ENDPOINT,
  sleep_1: ENDPOINT,
  wait_for_webhook_1: { type: 'refund' },
  end: 'refund',
}

const page = openPage({
  'waitForEvent: what came is the node’s output': {
    because: 'core’s `resume` starts every node whose predecessors are done, also behind edges that were not taken',
    memory: {
      outputs: { ...PAID, rejected: { status: 'rejected' } },
      executed: { approval: 1, decide: 1, payment: 1, paid: 1, rejected: 1 },
    },
  },
  'all three together end as they should': {
    because: 'in memory a webhook’s output has a promise beside its URL, which no row can hold',
    memory: {
      outputs: {
        ...NOTIFIED,
        webhook_1: { ...ENDPOINT, request: {} },
        notify: { ...ENDPOINT, request: {} },
        sleep_1: { ...ENDPOINT, request: {} },
      },
    },
  },
})

const sleeping = (duration) =>
  declared(
    {
      id: 'sleeping',
      nodes: [
        { id: 'begin', uses: 'begin' },
        { id: 'sleep_1', uses: 'sleep', params: { duration } },
        { id: 'end', uses: 'end' },
      ],
      edges: [
        { source: 'begin', target: 'sleep_1' },
        { source: 'sleep_1', target: 'end' },
      ],
    },
    { begin: value('begun'), end: value({ status: 'completed' }) },
  )

for (const [duration, milliseconds] of [
  ['45s', 45_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  [90_000, 90_000],
]) {
  page.runs(
    `sleep: ${JSON.stringify(duration)} pauses for so long`,
    { status: 'awaiting', awaiting: { sleep_1: 'timer' }, outputs: { begin: 'begun', sleep_1: 'begun' } },
    () => ({ flow: sleeping(duration), ends: 'awaiting' }),
    ({ memory, distributed }) => {
      for (const context of [memory.result.context, distributed.seen.context]) {
        const wait = Date.parse(context._awaitingDetails.sleep_1.wakeUpAt) - Date.now()
        assert.ok(wait > milliseconds - 20_000 && wait <= milliseconds, `wakes in ${wait} ms`)
      }
    },
  )
}

page.runs('sleep: then the run goes on', { status: 'completed', executed: { begin: 1, sleep_1: 1, end: 1 } }, () => ({
  flow: sleeping(1),
  steps: [{ timer: 'sleep_1' }],
}))

for (const duration of ['soon', '5 m', -1, null]) {
  page.runs(
    `sleep: ${JSON.stringify(duration)} is no duration, and fails the node`,
    { status: 'failed', errors: ['sleep_1'], awaiting: {}, outputs: { begin: 'begun' } },
    () => ({ flow: sleeping(duration) }),
  )
}

/** Waits for a payment once somebody approved. */
const order = () =>
  createFlow('order')
    .wait('approval', { params: { eventName: 'approval' } })
    .node('decide', async ({ input }) => ({ output: input, action: input.approved ? 'yes' : 'no' }))
    .wait('payment', { params: { eventName: 'paid' } })
    .node('paid', async ({ input }) => ({ output: { status: 'paid', amount: input.amount } }))
    .node('rejected', value({ status: 'rejected' }))
    .edge('approval', 'decide')
    .edge('decide', 'payment', { action: 'yes' })
    .edge('decide', 'rejected', { action: 'no' })
    .edge('payment', 'paid')

page.runs(
  'waitForEvent: the run waits at a wait node',
  { status: 'awaiting', awaiting: { approval: 'external_event' }, outputs: {} },
  () => ({ flow: order(), ends: 'awaiting' }),
)

page.runs(
  'waitForEvent: what came is the node’s output',
  {
    status: 'completed',
    outputs: PAID,
    executed: { approval: 1, decide: 1, payment: 1, paid: 1 },
  },
  () => ({
    flow: order(),
    steps: [
      { node: 'approval', output: { approved: true, by: 'ada' } },
      { node: 'payment', output: { amount: 42 } },
    ],
  }),
)

page.runs(
  'waitForEvent: what is not needed any more is not waited for',
  {
    status: 'completed',
    outputs: { approval: { approved: false }, decide: { approved: false }, rejected: { status: 'rejected' } },
  },
  () => ({ flow: order(), steps: [{ node: 'approval', output: { approved: false } }] }),
)

it('waitForEvent: an event goes to the node that waits for its name', async (t) => {
  const flow = order()
  const adapter = await page.servers.workerFor(t, flow)
  const runId = await page.servers.begin(flow)
  await page.servers.settled(runId, ['awaiting'])
  // One that comes too early is kept.
  assert.deepEqual([...(await adapter.sendEvent(runId, 'paid', { amount: 42 }))], [])
  assert.deepEqual([...(await adapter.sendEvent(runId, 'approval', { approved: true }))], ['approval'])
  const { context } = await page.servers.settled(runId)
  assert.deepEqual(context['_outputs.paid'], { status: 'paid', amount: 42 })
})

/** What the page's complete example becomes: an event, a webhook that somebody is told of, a sleep, and the delivery. */
const processing = () =>
  declared(
    {
      id: 'processing',
      nodes: [
        { id: 'wait_1', uses: 'wait', params: { eventName: 'payment_completed' } },
        { id: 'webhook_1', uses: 'webhook' },
        { id: 'notify', uses: 'notify' },
        { id: 'sleep_1', uses: 'sleep', params: { duration: 1 } },
        { id: 'wait_for_webhook_1', uses: 'wait', params: { eventName: 'webhook:webhook_1' } },
        { id: 'end', uses: 'end' },
      ],
      edges: [
        { source: 'wait_1', target: 'webhook_1', condition: 'result.output.paid' },
        { source: 'webhook_1', target: 'notify' },
        { source: 'notify', target: 'sleep_1' },
        { source: 'sleep_1', target: 'wait_for_webhook_1' },
        { source: 'wait_for_webhook_1', target: 'end' },
      ],
    },
    {
      notify: async ({ input }) => ({ output: input }),
      end: async ({ input }) => ({ output: input.type ?? input.body.type }),
    },
  )

/** Webhooks that nobody serves: in memory the runtime is given who registers them. */
const registerWebhookEndpoint = async () => ENDPOINT
class Registering extends RabbitMqAdapter {
  registerWebhookEndpoint = registerWebhookEndpoint
}

page.runs(
  'all three together end as they should',
  {
    status: 'completed',
    executed: { wait_1: 1, webhook_1: 1, notify: 1, sleep_1: 1, wait_for_webhook_1: 1, end: 1 },
    outputs: NOTIFIED,
    errors: [],
  },
  () => ({
    flow: processing(),
    runtime: { dependencies: { adapter: { registerWebhookEndpoint } } },
    adapter: { Adapter: Registering },
    steps: [
      { node: 'wait_1', output: { paid: true } },
      { timer: 'sleep_1' },
      { node: 'wait_for_webhook_1', output: { type: 'refund' } },
    ],
  }),
)

it('createWebhook: a request to the URL is what the run waits for', async (t) => {
  let handler
  const server = createServer((request, response) => handler(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const baseUrl = `http://127.0.0.1:${server.address().port}`
  const adapter = await page.servers.workerFor(t, processing(), {
    webhook: { baseUrl, secret: 'a secret of the fleet' },
  })
  handler = adapter.webhookHandler()
  const runId = await page.servers.begin(processing())
  await page.servers.settled(runId, ['awaiting'])
  await adapter.sendEvent(runId, 'payment_completed', { paid: true })
  const { url, event } = await adapter.registerWebhookEndpoint(runId, 'webhook_1')
  const headers = { 'content-type': 'application/json' }
  const { status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ type: 'payment' }) })
  assert.equal(status, 202)
  const { context } = await page.servers.settled(runId)
  assert.deepEqual(context['_outputs.notify'], { url, event })
  assert.deepEqual(context['_outputs.wait_for_webhook_1'].body, { type: 'payment' })
  assert.equal(context['_outputs.end'], 'payment')
})

page.runs(
  'a run that is over says so in its status',
  { status: 'completed', outputs: { only: 'in' }, awaiting: {} },
  () => ({ flow: createFlow('over').node('only', pass), context: { '_inputs.only': 'in' } }),
)
