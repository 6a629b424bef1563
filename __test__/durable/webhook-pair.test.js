// Which node of a blueprint waits for a webhook's delivery: the `wait` that names its event, or the webhook node itself, by
// name and by class, at the top of a run and inside subflows.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { createFlow, WebhookNode } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
let server
/** The handler that is mounted at the moment. */
let mounted
let webhook
before(async () => {
  servers = await openSharedServers()
  server = createServer((request, response) => mounted(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  webhook = { baseUrl: `http://127.0.0.1:${server.address().port}/hooks`, secret: 'a secret of the whole fleet' }
})
after(async () => {
  server.close()
  await servers.close()
})

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** A worker with its handler mounted. */
async function mount(t, flow, options) {
  const adapter = await servers.workerFor(t, flow, { webhook, ...options })
  mounted = adapter.webhookHandler()
  return adapter
}

async function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status
}

/** A latch that a node waits at. */
function latch() {
  let open
  const reached = new Promise((resolve) => {
    open = resolve
  })
  return { reached, open }
}

/** What the guide's `createWebhook` becomes: a webhook, what is done with its URL, and the wait for its delivery. */
function payment({ told = [], telling, done = [] } = {}) {
  return declared(
    {
      id: 'payment',
      nodes: [
        { id: 'hook', uses: 'webhook' },
        { id: 'tell', uses: 'tell' },
        { id: 'paid', uses: 'wait', params: { eventName: 'webhook:hook' } },
        { id: 'done', uses: 'done' },
      ],
      edges: [
        { source: 'hook', target: 'tell' },
        { source: 'tell', target: 'paid' },
        { source: 'paid', target: 'done' },
      ],
    },
    {
      tell: async ({ input }) => {
        told.push(input)
        await telling
        return { output: 'told' }
      },
      done: async ({ input }) => {
        done.push(input)
        return { output: input }
      },
    },
  )
}

describe('a webhook whose event a wait names', () => {
  it('passes its URL on, and the wait waits for the delivery', async (t) => {
    const told = []
    const flow = payment({ told })
    const adapter = await mount(t, flow)
    const runId = await servers.begin(flow)
    const { context } = await awaiting(runId)
    const endpoint = await adapter.registerWebhookEndpoint(runId, 'hook')
    assert.deepEqual(told, [endpoint])
    assert.deepEqual(context['_outputs.hook'], endpoint)
    assert.deepEqual(context._awaitingNodeIds, ['paid'])

    assert.equal(await post(told[0].url, { orderId: 7 }), 202)
    const { status, context: ended } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(ended['_outputs.done'].method, 'POST')
    assert.deepEqual(ended['_outputs.done'].body, { orderId: 7 })
  })

  it('has a delivery kept that comes before the wait is reached, once', async (t) => {
    const [told, done] = [[], []]
    const telling = latch()
    const flow = payment({ told, done, telling: telling.reached })
    await mount(t, flow)
    const runId = await servers.begin(flow)
    await until(() => told.length > 0)
    assert.equal(await post(told[0].url, 1), 202)
    assert.equal(await post(told[0].url, 1), 202)
    telling.open()
    assert.equal((await servers.settled(runId)).status, 'completed')
    assert.deepEqual(
      done.map(({ body }) => body),
      [1],
    )
  })

  it('has it kept by a process that does not have the blueprint', async (t) => {
    const told = []
    const telling = latch()
    const flow = payment({ told, telling: telling.reached })
    await mount(t, flow)
    const website = servers.adapter(declared({ id: 'another', nodes: [{ id: 'a', uses: 'wait' }], edges: [] }), {
      started: false,
      webhook,
    })
    mounted = website.webhookHandler()
    const runId = await servers.begin(flow)
    await until(() => told.length > 0)
    assert.equal(await post(told[0].url, 'early'), 202)
    telling.open()
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.done'].body, 'early')
    await website.stop()
  })

  it('waits once a round of a loop, each time for a delivery of its own', async (t) => {
    const told = []
    const flow = declared(
      {
        id: 'rounds',
        nodes: [
          { id: 'start', uses: 'start' },
          { id: 'loop', uses: 'loop-controller', params: { condition: 'more' }, config: { joinStrategy: 'any' } },
          { id: 'hook', uses: 'webhook' },
          { id: 'tell', uses: 'tell' },
          { id: 'paid', uses: 'wait', params: { eventName: 'webhook:hook' } },
          { id: 'count', uses: 'count' },
        ],
        edges: [
          { source: 'start', target: 'loop' },
          { source: 'loop', target: 'hook', action: 'continue' },
          { source: 'hook', target: 'tell' },
          { source: 'tell', target: 'paid' },
          { source: 'paid', target: 'count' },
          { source: 'count', target: 'loop' },
        ],
      },
      {
        start: async ({ context }) => {
          await context.set('more', true)
          return { output: null }
        },
        tell: async ({ input }) => {
          told.push(input.url)
          return { output: null }
        },
        count: async ({ context, input }) => {
          const bodies = [...((await context.get('bodies')) ?? []), input.body]
          await context.set('bodies', bodies)
          if (bodies.length === 2) await context.set('more', false)
          return { output: bodies.length }
        },
      },
    )
    await mount(t, flow)
    const runId = await servers.begin(flow)
    for (const body of ['first', 'second']) {
      await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'paid')
      assert.equal(await post(told.at(-1), body), 202)
      if (body === 'second') break
      await until(() => told.length === 2)
    }
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(context.bodies, ['first', 'second'])
  })

  it('inside a subflow too', async (t) => {
    const told = []
    const outer = declared({
      id: 'outer',
      nodes: [
        { id: 'inside', uses: 'subflow', params: { blueprintId: 'payment' } },
        { id: 'last', uses: 'done' },
      ],
      edges: [{ source: 'inside', target: 'last' }],
    })
    await mount(t, [outer, payment({ told })])
    const runId = await servers.begin(outer)
    assert.deepEqual((await awaiting(runId)).context._awaitingNodeIds, ['inside'])
    assert.equal(await post(told[0].url, 'inside'), 202)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.last'].body, 'inside')
  })
})

/** A webhook that nobody else waits for, and a node after it. */
function lone(id, implementation) {
  const flow = createFlow(id).node('after', async ({ input }) => ({ output: input ?? null }))
  const named = declared({
    id,
    nodes: [{ id: 'hook', uses: 'webhook' }, ...flow.toBlueprint().nodes],
    edges: [{ source: 'hook', target: 'after' }],
  })
  if (implementation) return flow.node('hook', implementation).edge('hook', 'after')
  return { ...named, getFunctionRegistry: () => flow.getFunctionRegistry() }
}

/** A webhook of the user's own, which remembers what it prepared. */
class SignedWebhook extends WebhookNode {
  async exec(prepared, context) {
    await context.context.set('prepared', prepared.event)
    return super.exec(prepared, context)
  }
}

describe('a webhook that no wait names waits itself', () => {
  const kinds = { 'by name': undefined, 'by class': WebhookNode, 'by a class of one’s own': SignedWebhook }
  for (const [kind, implementation] of Object.entries(kinds)) {
    it(kind, async (t) => {
      const flow = lone('lone', implementation)
      const adapter = await mount(t, flow)
      const runId = await servers.begin(flow)
      const { context } = await awaiting(runId)
      const endpoint = await adapter.registerWebhookEndpoint(runId, 'hook')
      assert.deepEqual(context._awaitingDetails.hook, { reason: 'webhook', ...endpoint })
      if (implementation === SignedWebhook) assert.equal(context.prepared, endpoint.event)

      assert.equal(await post(endpoint.url, { paid: true }), 202)
      const { status, context: ended } = await servers.settled(runId)
      assert.equal(status, 'completed')
      const { request, ...rest } = ended['_outputs.after']
      assert.deepEqual(rest, endpoint)
      assert.deepEqual(request.body, { paid: true })
    })

    for (const [subflows, path] of [
      ['whole', 'hook'],
      ['jobs', 'in middle/in lone/hook'],
    ])
      it(`${kind}, inside a subflow of a subflow (${subflows})`, async (t) => {
        const outer = (id, inner) => {
          const inside = { id: `in ${inner}`, uses: 'subflow', params: { blueprintId: inner } }
          return declared({ id, nodes: [inside], edges: [] })
        }
        const flows = [outer('outermost', 'middle'), outer('middle', 'lone'), lone('lone', implementation)]
        const adapter = await mount(t, flows, { subflows })
        const runId = await servers.begin(flows[0])
        const { context } = await awaiting(runId)
        assert.deepEqual(context._awaitingNodeIds, ['in middle'])
        // Whoever sends it need not know the path.
        const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
        assert.equal(await post(url, 'deep'), 202)
        const { status, context: ended } = await servers.settled(runId)
        assert.equal(status, 'completed')
        const { request, ...rest } = ended['_outputs.in middle']
        assert.deepEqual(rest, await adapter.registerWebhookEndpoint(runId, path))
        assert.equal(request.body, 'deep')
      })
  }

  it('not where the name webhook is given to a node of another kind', async (t) => {
    const flow = declared(
      { id: 'own', nodes: [{ id: 'hook', uses: 'webhook' }], edges: [] },
      { webhook: async () => ({ output: 'done by me' }) },
    )
    await mount(t, flow)
    const runId = await servers.begin(flow)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.hook'], 'done by me')
  })
})
