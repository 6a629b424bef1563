// A worker's health on real servers that go away and come back.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { codes, heard } from '../operating/support.js'

let servers
before(async () => {
  servers = await openPrivateServers()
})
after(() => servers?.close())

const built = createFlow('healthy').node('start', () => ({ output: 1 }))
const flow = { blueprints: { healthy: built.toBlueprint() }, registry: Object.fromEntries(built.getFunctionRegistry()) }

/** A worker that is ready, and what its event bus hears. */
async function ready() {
  servers.freshQueue()
  const { events, next, bus } = heard()
  const adapter = servers.adapter(flow, { eventBus: bus })
  await adapter.ready({ timeoutMs: 10_000 })
  return { adapter, events, next }
}

const OUTAGES = {
  RabbitMQ: { server: () => servers.rabbitmq, expected: /^(NO_CONSUMER|BROKER_UNREACHABLE)$/ },
  PostgreSQL: { server: () => servers.postgres, expected: /^DATABASE_UNREACHABLE$/ },
}

describe('the health of a worker', () => {
  for (const [name, { server, expected }] of Object.entries(OUTAGES)) {
    it(`says that ${name} is away, and since when, and is ready once it is back`, async () => {
      const { adapter, events, next } = await ready()
      const begun = Date.now()
      await server().stop()
      await until(() => !adapter.health().ready, { what: 'the worker to notice' })
      const { live, reasons } = adapter.health()
      assert.equal(live, true)
      for (const { code, since, message } of reasons) {
        assert.match(code, expected)
        assert.ok(since.getTime() >= begun - 1_000 && message.length > 0)
      }
      const { payload } = await next('worker:reconnecting')
      assert.ok(codes(payload.reasons).every((code) => expected.test(code)))
      const before = events.length
      await server().start()
      const back = await adapter.ready({ timeoutMs: 30_000 })
      assert.deepEqual([back.ready, back.reasons], [true, []])
      await next('worker:ready', before)
      await servers.ended([await servers.begin('healthy')])
      await adapter.stop()
    })
  }

  it('names a table that is missing, and is ready once it is there', async () => {
    await servers.sql('ALTER TABLE statuses RENAME TO hidden')
    servers.freshQueue()
    const { bus, next } = heard()
    const adapter = servers.adapter(flow, { eventBus: bus })
    await next('worker:failed')
    const { live, ready, reasons } = adapter.health()
    assert.deepEqual([live, ready, codes(reasons)], [true, false, ['TABLE_MISSING']])
    await servers.sql('ALTER TABLE hidden RENAME TO statuses')
    await adapter.ready({ timeoutMs: 10_000 })
    await next('worker:ready')
    await adapter.stop()
  })
})
