// A run's trace: from a client's start through three workers, a retry, a wait and a webhook, to its last node.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { createFlow } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { freshMemory, QUEUE, TABLES } from '../memory/support.js'
import { environmentFor } from '../testing/support.js'
import { collectSpans, named, one, workerOf } from './spans.js'

const collected = collectSpans()

/** Code of a user's that is instrumented by itself. */
const instrumented = async (name) => {
  await new Promise(setImmediate)
  trace.getTracer('user').startSpan(name).end()
  return { output: name }
}

/** `fetch` fails once; `sleep` waits a day; `callback` is a webhook. */
const blueprint = {
  id: 'journey',
  nodes: [
    { id: 'fetch', uses: 'fetch', config: { maxRetries: 2, retryDelay: 10 } },
    { id: 'sleep', uses: 'sleep', params: { duration: 86_400_000 } },
    { id: 'callback', uses: 'webhook' },
    { id: 'last', uses: 'last' },
  ],
  edges: [
    { source: 'fetch', target: 'sleep' },
    { source: 'sleep', target: 'callback' },
    { source: 'callback', target: 'last' },
  ],
}

/** Sends a run on its way, and answers with its spans. */
async function travelled(t, mode, options = {}) {
  collected.reset()
  let tries = 0
  const registry = {
    fetch: async () => {
      tries += 1
      if (tries === 1) throw new Error('not yet')
      return instrumented('GET /prices')
    },
    last: () => instrumented('SELECT'),
  }
  const telemetry = { traces: mode }
  const env = await environmentFor(
    t,
    { journey: blueprint },
    { workers: 3, runtime: { registry }, adapter: { retryMode: 'queue', telemetry, ...options } },
  )
  const { client } = env
  const tracer = trace.getTracer('application')
  const runId = await tracer.startActiveSpan('POST /orders', async (span) => {
    const run = await client.start('journey')
    span.end()
    return run.runId
  })
  await env.clock.advance('1 second')
  await env.expectRun(runId).toAwait('sleep')
  await env.clock.advance('1 day')
  await env.expectRun(runId).toAwait('callback')
  const { status } = await tracer.startActiveSpan('POST /webhooks', async (span) => {
    const delivered = await env.deliver({ runId, nodeId: 'callback' }, { body: {} })
    span.end()
    return delivered
  })
  assert.equal(status, 202)
  await env.expectRun(runId).toHaveCompleted()
  const commits = () => named(collected.spans(), 'commit').length
  await until(() => commits() >= 6, { what: 'every commit to be told' })
  return { spans: collected.spans(), runId }
}

/** The messages that wait in one of the queues of delays: second attempts. */
function delayed(memory) {
  const delays = Array.from({ length: 12 }, (_, step) => `${QUEUE}.delay.${100 * 2 ** step}`)
  return delays.flatMap((queue) => memory.queue(queue)?.ready ?? [])
}

describe('a run as one trace', () => {
  for (const continuation of [false, true]) {
    it(`goes from a client's start to the last node ${continuation ? 'where workers go on with it' : 'job by job'}`, async (t) => {
      const { spans, runId } = await travelled(t, 'parent', { continuation })
      const start = one(spans, 'start journey')
      assert.equal(start.parent, one(spans, 'POST /orders').id)
      const own = spans.filter(({ attributes }) => attributes['flowcraft.run.id'] === runId)
      const outside = ['webhook']
      for (const span of own.filter(({ name }) => !outside.includes(name)))
        assert.equal(span.trace, start.trace, span.name)
      const byId = new Map(spans.map((span) => [span.id, span]))
      const nodes = spans.filter(({ name }) => name.startsWith('journey/'))
      for (const node of nodes) {
        const process = byId.get(node.parent)
        assert.deepEqual([process.name, process.kind], ['process jobs', SpanKind.CONSUMER])
      }
      // What led to each: the first attempt was started, the second follows from the first, and so on.
      const cause = (node) => byId.get(byId.get(node.parent).parent)?.name
      assert.deepEqual(
        named(spans, 'journey/fetch').map((node) => [
          node.attributes['flowcraft.node.attempt'],
          node.status,
          cause(node),
        ]),
        [
          [1, SpanStatusCode.ERROR, 'start journey'],
          [2, SpanStatusCode.UNSET, 'journey/fetch'],
        ],
      )
      assert.deepEqual(named(spans, 'journey/sleep').map(cause)[0], 'journey/fetch')
      assert.equal(cause(one(spans, 'journey/last')), 'journey/callback')
      // The queue gives its messages to the three in turn.
      assert.equal(new Set(nodes.map(workerOf)).size, 3)
      const [first, second] = named(spans, 'journey/fetch').map(workerOf)
      assert.notEqual(first, second, 'another worker tries again')
      for (const node of nodes) assert.equal(workerOf(byId.get(node.parent)), workerOf(node))
      // What came from outside is linked.
      const webhook = one(spans, 'webhook')
      assert.equal(webhook.parent, one(spans, 'POST /webhooks').id)
      const resumed = spans.filter(({ links }) => links.includes(webhook.id))
      assert.deepEqual(
        resumed.map(({ attributes }) => attributes['flowcraft.node.id']),
        ['callback'],
      )
    })
  }

  it("has a user's own spans under the node that they belong to, commits beside them, and jobs that were published", async (t) => {
    const { spans } = await travelled(t, 'parent', { continuation: false })
    const [, fetched] = named(spans, 'journey/fetch')
    assert.equal(one(spans, 'GET /prices').parent, fetched.id)
    assert.equal(one(spans, 'SELECT').parent, one(spans, 'journey/last').id)
    const after = spans.filter(({ parent }) => parent === fetched.id).map(({ name }) => name)
    assert.deepEqual(after.sort(), ['GET /prices', 'commit', 'process jobs', 'publish jobs'])
    const published = named(spans, 'publish jobs')[0]
    assert.equal(published.kind, SpanKind.PRODUCER)
    const messaging = Object.entries(published.attributes).filter(([name]) => name.startsWith('messaging.'))
    assert.deepEqual(Object.fromEntries(messaging), {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': QUEUE,
    })
  })
})

describe('a run as traces that link to each other', () => {
  it('has a trace for each job, each linked to what led to it', async (t) => {
    const { spans } = await travelled(t, 'links')
    const byId = new Map(spans.map((span) => [span.id, span]))
    const processed = named(spans, 'process jobs')
    assert.equal(new Set(processed.map(({ trace }) => trace)).size, processed.length)
    assert.ok(processed.every(({ parent, links }) => parent === undefined && links.length >= 1))
    const [first] = processed
    assert.deepEqual(
      first.links.map((id) => byId.get(id).name),
      ['start journey'],
    )
    const last = byId.get(one(spans, 'journey/last').parent)
    assert.deepEqual(
      last.links.map((id) => byId.get(id).name),
      ['journey/callback'],
    )
    assert.equal(last.attributes['messaging.destination.name'], 'jobs')
  })
})

describe('a process that collects no spans, or not those of a run', () => {
  /** The trace that a run's messages carry: of its start, and of the next attempt of its node. */
  async function carried(t, traceparent) {
    const { memory, worker } = freshMemory(t)
    const failing = createFlow('failing').node(
      'first',
      () => {
        throw new Error('no')
      },
      { config: { maxRetries: 2, retryDelay: 60_000 } },
    )
    worker(failing, { retryMode: 'queue', telemetry: { traces: 'parent' } })
    memory.insert(TABLES, 'r', '{}', 'running')
    const body = Buffer.from(JSON.stringify({ runId: 'r', blueprintId: 'failing', nodeId: 'first' }))
    memory.publish(QUEUE, body, { traceparent })
    const [message] = await until(() => delayed(memory).length > 0 && delayed(memory), { what: 'the next attempt' })
    return message.headers.traceparent
  }
  const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']

  it('hands on the trace that it was given where it has no SDK', async (t) => {
    trace.disable()
    t.after(() => collected.again())
    assert.equal(await carried(t, `00-${traceId}-${spanId}-01`), `00-${traceId}-${spanId}-01`)
  })

  it('hands on that a trace is not kept, and has no spans of it', async (t) => {
    collected.reset()
    const [, id, , flags] = (await carried(t, `00-${traceId}-${spanId}-00`)).split('-')
    assert.deepEqual([id, flags], [traceId, '00'])
    assert.deepEqual(collected.spans(), [])
  })
})

describe('what a message carries', () => {
  it('goes along: the headers of the message that started the run, but for those of the broker', async (t) => {
    const { memory, worker } = freshMemory(t)
    const retried = createFlow('retried')
      .node('before', () => ({ output: 1 }))
      .node(
        'first',
        () => {
          throw new Error('no')
        },
        { config: { maxRetries: 2, retryDelay: 60_000 } },
      )
      .edge('before', 'first')
    worker(retried, { continuation: false, retryMode: 'queue' })
    memory.insert(TABLES, 'r', '{}', 'running')
    const body = Buffer.from(JSON.stringify({ runId: 'r', blueprintId: 'retried', nodeId: 'before' }))
    memory.publish(QUEUE, body, { tenant: 'a', 'x-other': 'b' })
    const [message] = await until(() => delayed(memory).length > 0 && delayed(memory), { what: 'the next attempt' })
    assert.deepEqual(message.headers, { tenant: 'a' })
  })
})
