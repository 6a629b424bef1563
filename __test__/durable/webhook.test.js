// Runs that wait for a call from outside: the examples of "Durable primitives", `createWebhook`, behind `node:http`.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
let server
/** The handler that is mounted at the moment. */
let mounted
let webhook
before(async () => {
  servers = await openSharedServers()
  server = createServer((request, response) => mounted(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  webhook = {
    baseUrl: `http://127.0.0.1:${server.address().port}/hooks`,
    secret: 'a secret of the whole fleet',
    maxBodyBytes: 256,
  }
})
after(async () => {
  server.close()
  await servers.close()
})

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** A payment is asked for; the provider calls; the order is shipped, and signed for. */
function orders({ preparing = 0, shipped = [] } = {}) {
  return declared(
    {
      id: 'orders',
      nodes: [
        { id: 'order', uses: 'order' },
        { id: 'hook', uses: 'webhook' },
        { id: 'ship', uses: 'ship' },
        { id: 'sign', uses: 'wait' },
      ],
      edges: [
        { source: 'order', target: 'hook' },
        { source: 'hook', target: 'ship' },
        { source: 'ship', target: 'sign' },
      ],
    },
    {
      order: async ({ dependencies }) => {
        // Whoever is to call is told the URL before the webhook's node is reached.
        const { url } = await dependencies.adapter.registerWebhookEndpoint(dependencies.runtime.executionId, 'hook')
        await sleep(preparing)
        return { output: { url } }
      },
      ship: async ({ input }) => {
        shipped.push(input)
        return { output: input }
      },
    },
  )
}

/** A worker with its handler mounted. */
async function mount(t, flow, options) {
  const adapter = await servers.workerFor(t, flow, { webhook, ...options })
  mounted = adapter.webhookHandler()
  return adapter
}

const post = (url, body, headers = { 'content-type': 'application/json' }) =>
  fetch(url, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('a webhook node', () => {
  it('waits for its delivery, whose request is its output', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    const { context } = await awaiting(runId)
    const endpoint = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.ok(endpoint.url.startsWith(`${webhook.baseUrl}/`))
    assert.deepEqual(context['_outputs.order'], { url: endpoint.url }, 'a node before it knew the URL')
    assert.deepEqual(context._awaitingDetails.hook, { reason: 'webhook', ...endpoint })

    const response = await post(
      endpoint.url,
      { type: 'payment', orderId: 7 },
      {
        'content-type': 'application/json; charset=utf-8',
        'x-provider': 'bank',
      },
    )
    assert.equal(response.status, 202)
    await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'sign')
    const { url, event, request } = (await servers.look(runId)).context['_outputs.ship']
    assert.deepEqual({ url, event }, endpoint)
    assert.equal(request.method, 'POST')
    assert.equal(request.headers['x-provider'], 'bank')
    assert.deepEqual(request.body, { type: 'payment', orderId: 7 })
    await adapter.resumeWithAction(runId, 'signed')
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('takes a body that is not JSON as text', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, 'paid=yes', { 'content-type': 'text/plain' })).status, 202)
    const seen = await until(async () => (await servers.look(runId)).context['_outputs.ship'])
    assert.equal(seen.request.body, 'paid=yes')
  })

  it('takes a body that a framework has read before', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const handler = mounted
    mounted = async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      request.body = JSON.parse(Buffer.concat(chunks))
      await handler(request, response)
    }
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, { type: 'refund' })).status, 202)
    const seen = await until(async () => (await servers.look(runId)).context['_outputs.ship'])
    assert.deepEqual(seen.request.body, { type: 'refund' })
  })

  it('keeps a delivery that comes before the node is reached', async (t) => {
    const shipped = []
    const flow = orders({ preparing: 500, shipped })
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    await until(async () => (await servers.look(runId)).context.blueprintId)
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, 1)).status, 202)
    assert.equal((await post(url, 1)).status, 202)
    assert.deepEqual(shipped, [])
    await until(() => shipped.length > 0)
    assert.equal(shipped[0].request.body, 1)
    await awaiting(runId)
    assert.deepEqual((await servers.look(runId)).context._awaitingNodeIds, ['sign'])
    assert.equal(shipped.length, 1)
  })

  it('resumes once by the same delivery twice', async (t) => {
    const shipped = []
    const flow = orders({ shipped })
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    const responses = await Promise.all([post(url, 'a', {}), post(url, 'a', {}), post(url, 'a', {})])
    assert.deepEqual(
      responses.map(({ status }) => status),
      [202, 202, 202],
    )
    await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'sign')
    assert.equal((await post(url, 'a', {})).status, 202, 'when the node is past it')
    await sleep(200)
    assert.equal(shipped.length, 1)
    await adapter.resumeWithAction(runId, 'signed')
    assert.equal((await servers.settled(runId)).status, 'completed')
    assert.equal((await post(url, 'a', {})).status, 409, 'when the run is over')
    assert.equal(shipped.length, 1)
  })

  it('takes deliveries in a process without a worker', async (t) => {
    const flow = orders()
    await servers.workerFor(t, flow, { webhook })
    const website = servers.adapter(flow, { started: false, webhook })
    mounted = website.webhookHandler()
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const { url } = await website.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, { from: 'outside' })).status, 202)
    const seen = await until(async () => (await servers.look(runId)).context['_outputs.ship'])
    assert.deepEqual(seen.request.body, { from: 'outside' })
    await website.stop()
  })
})

describe('the handler', () => {
  it('knows only URLs that were signed', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const [runId, other] = [await servers.begin(flow), await servers.begin(flow)]
    await Promise.all([awaiting(runId), awaiting(other)])
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    const [target, signature] = url.split('/').at(-1).split('.')
    const [otherTarget] = (await adapter.registerWebhookEndpoint(other, 'hook')).url.split('/').at(-1).split('.')
    const node = (await adapter.registerWebhookEndpoint(runId, 'sign')).url.split('/').at(-1).split('.')[0]
    const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    const paths = [
      `${target}.${flipped}`,
      `${target}.`,
      target,
      `${target}.${signature}x`,
      `${otherTarget}.${signature}`,
      `${node}.${signature}`,
      '',
      '%00%ff',
      '..%2f..%2fetc%2fpasswd',
      'x'.repeat(5000),
    ]
    for (const path of paths) {
      const { status } = await post(`${webhook.baseUrl}/${path}`, {})
      assert.equal(status, 404, path.slice(0, 80))
    }
    for (const run of [runId, other]) {
      assert.deepEqual((await servers.look(run)).context._awaitingNodeIds, ['hook'])
    }
  })

  it('lets the URL of one run resume that run only', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const [runId, other] = [await servers.begin(flow), await servers.begin(flow)]
    await Promise.all([awaiting(runId), awaiting(other)])
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, {})).status, 202)
    await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'sign')
    assert.deepEqual((await servers.look(other)).context._awaitingNodeIds, ['hook'])
  })

  it('refuses a body over the limit', async (t) => {
    const flow = orders()
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, 'x'.repeat(257), {})).status, 413)
    assert.deepEqual((await servers.look(runId)).context._awaitingNodeIds, ['hook'])
    assert.equal((await post(url, 'x'.repeat(256), {})).status, 202)
  })

  it('signs with the fleet’s secret: one of another fleet does not fit', async (t) => {
    const flow = orders()
    await mount(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const stranger = servers.adapter(flow, {
      started: false,
      webhook: { ...webhook, secret: 'another fleet’s secret' },
    })
    const { url } = await stranger.registerWebhookEndpoint(runId, 'hook')
    assert.equal((await post(url, {})).status, 404)
    await stranger.stop()
  })
})

describe('without the option', () => {
  it('there are no webhooks, and the error is the original’s', async (t) => {
    const flow = orders()
    const adapter = await servers.workerFor(t, flow)
    await assert.rejects(adapter.registerWebhookEndpoint('run', 'hook'), /not implemented/)
    assert.throws(() => adapter.webhookHandler(), /webhook: \{ baseUrl, secret \}/)
    const { status, result } = await servers.run(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'order'.*not implemented/)
  })

  it('nor with half of it', () => {
    for (const half of [
      {},
      { baseUrl: 'https://example.com' },
      { baseUrl: 'nowhere', secret: 'long enough a secret' },
    ]) {
      assert.throws(() => servers.adapter(orders(), { started: false, webhook: half }), TypeError)
    }
  })
})
