// A worker's health: from what the engine knows, at once, with the reasons, and told when it changes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { freshMemory } from '../memory/support.js'
import { counting, environmentFor } from '../testing/support.js'
import { codes, heard, served } from './support.js'

/** A worker over an environment's servers, whose servers can be put out of reach. */
async function watched(t, options) {
  const env = await environmentFor(t, { counting }, { workers: 0 })
  const { events, next, bus } = heard()
  const { servers } = env
  const runtimeOptions = {
    blueprints: { counting: counting.toBlueprint() },
    registry: Object.fromEntries(counting.getFunctionRegistry()),
    logger: new NullLogger(),
  }
  const adapter = new RabbitMqAdapter({ runtimeOptions, ...servers, eventBus: bus, ...options })
  t.after(() => adapter.stop())
  return { env, adapter, events, next }
}

/** Asks a server something through the worker, so that it hears that the server is away. */
const ask = (adapter) => assert.rejects(adapter.client.run('nobody').describe())

describe('the health of a worker', () => {
  it('says before, during and after what it is good for', async (t) => {
    const { adapter, next } = await watched(t)
    const before = adapter.health()
    assert.deepEqual([before.live, before.ready, codes(before.reasons)], [true, false, ['NOT_STARTED']])
    assert.ok(before.reasons[0].since instanceof Date)
    adapter.start()
    const { live, ready, reasons, warnings } = await adapter.ready({ timeoutMs: 5_000 })
    assert.deepEqual({ live, ready, reasons, warnings }, { live: true, ready: true, reasons: [], warnings: [] })
    const { payload } = await next('worker:ready')
    assert.equal(payload.queueName, adapter.queueName)
    assert.match(payload.worker, new RegExp(`:${process.pid}:`))
    await adapter.stop()
    assert.deepEqual((await next('worker:stopped')).payload, payload)
    assert.deepEqual(codes(adapter.health().reasons), ['NOT_STARTED'])
  })

  it('is ready again after a second start', async (t) => {
    const { adapter, events, next } = await watched(t)
    for (let count = 0; count < 2; count += 1) {
      const from = events.length
      adapter.start()
      await adapter.ready({ timeoutMs: 5_000 })
      // The bus hears of it a moment later: one that is stopped by then says nothing.
      await next('worker:ready', from)
      await adapter.stop()
    }
    const told = events.map(({ type }) => type).filter((type) => type.startsWith('worker:'))
    assert.deepEqual(told, ['worker:ready', 'worker:stopped', 'worker:ready', 'worker:stopped'])
  })

  it('names PostgreSQL and since when while it is away, and finds by itself that it is back', async (t) => {
    const { env, adapter, events, next } = await watched(t)
    adapter.start()
    await adapter.ready({ timeoutMs: 5_000 })
    await env.fail('postgres')
    await ask(adapter)
    const { ready, live, reasons } = adapter.health()
    assert.deepEqual([live, ready, codes(reasons)], [true, false, ['DATABASE_UNREACHABLE']])
    assert.match(reasons[0].message, /^PostgreSQL is out of reach/)
    assert.ok(Date.now() - reasons[0].since < 5_000)
    const told = await next('worker:reconnecting')
    assert.deepEqual(codes(told.payload.reasons), ['DATABASE_UNREACHABLE'])
    const before = events.length
    await env.restore('postgres')
    assert.equal((await adapter.ready({ timeoutMs: 5_000 })).ready, true)
    await next('worker:ready', before)
  })

  for (const [withoutRedis, isReady] of [
    ['continue', true],
    ['wait', false],
  ]) {
    it(`is ${isReady ? 'ready, with a warning,' : 'not ready'} without Redis where withoutRedis is '${withoutRedis}'`, async (t) => {
      const { env, adapter } = await watched(t, { withoutRedis })
      adapter.start()
      await adapter.ready({ timeoutMs: 5_000 })
      await env.fail('redis')
      await env.client.start('counting', { runId: 'r' })
      // The worker asks for the lease, and hears.
      const found = isReady ? 'warnings' : 'reasons'
      const deadline = Date.now() + 5_000
      while (adapter.health()[found].length === 0 && Date.now() < deadline) await new Promise(setImmediate)
      const health = adapter.health()
      assert.deepEqual([health.ready, codes(health[found])], [isReady, ['REDIS_UNREACHABLE']])
      await env.restore('redis')
    })
  }

  it('is not live where only a new process helps', async (t) => {
    const { adapter } = await watched(t, { eventLoopTimeout: 1_000 })
    adapter.start()
    await adapter.ready({ timeoutMs: 5_000 })
    const end = performance.now() + 1_100
    while (performance.now() < end);
    const { live, ready, reasons } = adapter.health()
    assert.deepEqual([live, ready, codes(reasons)], [false, false, ['EVENT_LOOP_STUCK']])
  })
})

describe('ready()', () => {
  it('rejects with the reasons when the time is over', async (t) => {
    const { adapter } = await watched(t)
    await assert.rejects(adapter.ready({ timeoutMs: 20 }), {
      code: 'NOT_READY',
      message: /NOT_STARTED/,
      retryable: true,
    })
    await assert.rejects(adapter.ready({ timeoutMs: -1 }), { code: 'INVALID_ARGUMENT' })
  })

  it('ends with its signal', async (t) => {
    const { adapter } = await watched(t)
    const controller = new AbortController()
    const waiting = adapter.ready({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    await assert.rejects(adapter.ready({ signal: AbortSignal.abort() }), { name: 'AbortError' })
  })

  it('may wait from before the start', async (t) => {
    const { adapter } = await watched(t)
    const waiting = adapter.ready({ timeoutMs: 5_000 })
    adapter.start()
    assert.equal((await waiting).ready, true)
  })
})

describe('the handler of probes', () => {
  it('answers behind any prefix with the state and its reasons', async (t) => {
    const { worker } = freshMemory(t)
    const adapter = worker(counting)
    const ask = await served(t, adapter.healthHandler())
    await adapter.ready({ timeoutMs: 5_000 })
    for (const path of ['/ready', '/live', '/some/prefix/ready?from=probe']) {
      const response = await ask(path)
      assert.deepEqual([response.status, response.headers.get('cache-control')], [200, 'no-store'])
      assert.equal((await response.json()).ready, true)
    }
    assert.equal((await ask('/ready', { method: 'HEAD' })).status, 200)
    assert.equal((await ask('/other')).status, 404)
    assert.equal((await ask('/ready', { method: 'POST' })).status, 405)
    await adapter.stop()
    const response = await ask('/ready')
    assert.equal(response.status, 503)
    assert.deepEqual(codes((await response.json()).reasons), ['NOT_STARTED'])
    assert.equal((await ask('/live')).status, 200)
  })
})
