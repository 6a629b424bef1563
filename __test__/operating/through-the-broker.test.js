// What travels in the messages of a real RabbitMQ: a run's trace, and the headers and priority of the message that started it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { trace } from '@opentelemetry/api'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { collectSpans, named, one, workerOf } from './spans.js'

const collected = collectSpans()
const BROKER = onServers('the messages are those of RabbitMQ')
const DELAY = 60_000

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** `before`, and a node whose second attempt waits for a minute. */
const retried = createFlow('retried')
  .node('before', () => ({ output: 1 }))
  .node(
    'first',
    () => {
      throw new Error('not yet')
    },
    { config: { maxRetries: 2, retryDelay: DELAY } },
  )
  .edge('before', 'first')

const hops = createFlow('hops')
  .node('one', () => ({ output: 1 }))
  .node('two', () => ({ output: 2 }))
  .node('three', () => ({ output: 3 }))
  .edge('one', 'two')
  .edge('two', 'three')

const OPTIONS = { continuation: false, retryMode: 'queue', telemetry: { traces: 'parent' } }

/** The message of the next attempt, in whichever queue of delays it waits. */
async function nextAttempt() {
  const delays = Array.from({ length: 12 }, (_, step) => `${servers.queue}.delay.${100 * 2 ** step}`)
  for (const queue of delays) servers.queues.add(queue)
  // Looking for a queue that is not there closes the channel.
  const look = async (queue) => {
    const channel = await servers.amqp.createChannel()
    channel.on('error', () => {})
    try {
      return await channel.get(queue, { noAck: true })
    } catch {
      return false
    } finally {
      await channel.close().catch(() => {})
    }
  }
  const first = async () => {
    for (const queue of delays) {
      const message = await look(queue)
      if (message) return message
    }
    return undefined
  }
  return until(first, { what: 'the next attempt to wait' })
}

describe('a message that starts a run, published without this package', () => {
  it('hands its headers, its priority and its trace to the messages of later jobs', BROKER, async (t) => {
    collected.reset()
    await servers.workerFor(t, retried, OPTIONS)
    const runId = servers.runId()
    await servers.insert(runId, '{}')
    await servers.insertStatus(runId)
    const own = trace.getTracer('application').startSpan('POST /orders')
    own.end()
    const { traceId, spanId } = own.spanContext()
    servers.channel.sendToQueue(
      servers.queue,
      Buffer.from(JSON.stringify({ runId, blueprintId: 'retried', nodeId: 'before' })),
      {
        persistent: true,
        priority: 7,
        headers: { tenant: 'a', 'x-other': 'b', traceparent: `00-${traceId}-${spanId}-01` },
      },
    )
    await servers.channel.waitForConfirms()
    const { properties } = await nextAttempt()
    const failed = one(collected.spans(), 'retried/first')
    assert.equal(failed.trace, traceId)
    assert.equal(properties.priority, 7)
    const { traceparent, ...others } = properties.headers
    assert.equal(traceparent, `00-${traceId}-${failed.id}-01`)
    assert.deepEqual(others, { tenant: 'a' })
  })
})

describe('the trace of a run', () => {
  it('goes from its client through several workers', BROKER, async (t) => {
    collected.reset()
    const first = await servers.workerFor(t, hops, OPTIONS)
    const second = servers.adapter(hops, OPTIONS)
    t.after(() => second.stop())
    await Promise.all([first.ready(), second.ready()])
    const client = clientFor(t, servers, hops, { telemetry: OPTIONS.telemetry })
    const run = await client.start('hops')
    assert.equal((await run.result({ timeoutMs: 20_000 })).status, 'completed')
    const spans = await until(() => named(collected.spans(), 'hops/three').length > 0 && collected.spans(), {
      what: 'the last span',
    })
    const start = one(spans, 'start hops')
    const byId = new Map(spans.map((span) => [span.id, span]))
    const cause = (node) => byId.get(byId.get(node.parent).parent)?.name
    const nodes = ['one', 'two', 'three'].map((node) => one(spans, `hops/${node}`))
    assert.deepEqual(nodes.map(cause), ['start hops', 'hops/one', 'hops/two'])
    assert.deepEqual(new Set(nodes.map((node) => node.trace)), new Set([start.trace]))
    // RabbitMQ gives the messages of a queue to its consumers in turn.
    assert.equal(new Set(nodes.map(workerOf)).size, 2)
  })
})
