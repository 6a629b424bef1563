// With a codec nothing of a run's values can be read where it is stored: in no table, queue or key, while the run goes on and
// after its end. And all that runs it sees what it sees without one.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { UnsafeEvaluator } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { taggedSerializer } from '../fixtures/serializers.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { codecOf, everything, heldBy, SECRET, secret } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Lines of a log, as text. */
function log() {
  const lines = []
  const keep = (...line) => void lines.push(JSON.stringify(line))
  return { lines, logger: { debug: keep, info: keep, warn: keep, error: keep } }
}

/** An adapter whose webhooks are delivered over HTTP. */
async function listening(t, adapter) {
  const server = createServer(adapter.webhookHandler())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (url, body) =>
    fetch(`http://127.0.0.1:${server.address().port}${new URL(url).pathname}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
}

/** Runs it all, and looks into the servers at every stop. */
async function runThrough(t, { codec, runtime = {}, look, ...options }) {
  const { lines, logger } = log()
  const webhook = { baseUrl: 'https://example.com/hooks', secret: 'a secret of the whole fleet' }
  const settings = { codec, webhook, runtime: { evaluator: new UnsafeEvaluator(), logger, ...runtime }, ...options }
  const adapter = await servers.workerFor(t, everything, settings)
  const { serializer } = runtime
  const client = clientFor(t, servers, everything, { codec, logger, ...(serializer && { serializer }) })
  const runId = servers.runId()
  servers.known = [runId]
  const run = await client.start('everything', { runId, context: { card: secret('card') } })
  const waits = async (node) => {
    await until(async () =>
      (await run.describe()).nodes.some((each) => each.nodeId === node && each.state === 'awaiting'),
    )
    await look()
  }
  await waits(options.subflows === 'whole' ? 'pay' : 'pay/ask')
  await run.resume({ output: secret('asked') })
  await waits('approve')
  await adapter.resumeWithAction(runId, '', secret('approval'))
  await waits('hear')
  await run.sendEvent('kept for later', secret('kept event'))
  await look()
  await run.sendEvent('charged', secret('event'))
  await waits('hook')
  const deliver = await listening(t, adapter)
  const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
  assert.equal((await deliver(url, secret('hook'))).status, 202)
  const result = await run.result({ timeoutMs: 20_000 })
  await look()
  return { adapter, client, runId, result, lines }
}

const LAST = {
  card: secret('card'),
  approval: secret('approval'),
  event: secret('event'),
  hook: secret('hook'),
  total: {
    nested: { deep: secret('card'), number: SECRET },
    asked: secret('asked'),
    number: SECRET,
  },
  never: null,
  pair: { one: secret('one'), two: null },
  items: [
    { ...secret('item 1'), done: true },
    { ...secret('item 2'), done: true },
  ],
  number: SECRET,
}

describe('a run with a value of every kind', () => {
  const kinds = {
    'nodes of subflows as jobs': {},
    'subflows whole': { subflows: 'whole' },
    'chains that are not carried': { continuation: false },
    'a serializer of its own': { runtime: { serializer: taggedSerializer() } },
  }
  for (const [name, options] of Object.entries(kinds)) {
    it(`leaves nothing readable: ${name}`, async (t) => {
      let looks = 0
      const look = async () => {
        const held = await heldBy(servers)
        looks += 1
        assert.ok(held.includes('_flowcraft.encrypted'), held)
        assert.ok(!held.includes(SECRET), shownAround(held))
      }
      const { result, lines, runId, client } = await runThrough(t, { codec: codecOf(), look, ...options })
      assert.ok(looks > 5)
      const { input, ...last } = result.context['_outputs.last']
      assert.deepEqual(last, LAST)
      assert.deepEqual(input.request.body, secret('hook'))
      assert.deepEqual(result.context.card, secret('card'))
      assert.ok(result.serializedContext.includes(SECRET), 'the client has it')
      assert.ok(!('_outputs.wrong' in result.context))
      assert.deepEqual(
        lines.filter((line) => line.includes(SECRET)),
        [],
      )
      assert.equal((await client.run(runId).describe()).status, 'completed')
    })
  }

  it('is found without a codec: this test can fail', async (t) => {
    let found = 0
    const look = async () => {
      if ((await heldBy(servers)).includes(SECRET)) found += 1
    }
    const { result } = await runThrough(t, { look })
    assert.ok(found > 5)
    const { input: _, ...last } = result.context['_outputs.last']
    assert.deepEqual(last, LAST)
  })

  it('has the same outputs, keys, statuses and actions in its record as without one', async (t) => {
    const keys = async (options) => {
      const { runId } = await runThrough(t, { look: async () => {}, ...options })
      const { context, status } = await servers.look(runId)
      const named = Object.keys(context).map((key) => key.replace(/[0-9a-f-]{36}/, 'batch'))
      return { status, keys: named.sort() }
    }
    assert.deepEqual(await keys({ codec: codecOf() }), await keys({}))
  })
})

function shownAround(held) {
  const at = held.indexOf(SECRET)
  return held.slice(Math.max(0, at - 300), at + 100)
}

describe('from outside', () => {
  it('a context with the codec reads and writes; without it shows the envelope, and never the value', async (t) => {
    const codec = codecOf()
    const look = async () => {}
    const { runId, client } = await runThrough(t, { codec, look })
    const { pgClient, contextTableName } = servers.options(everything)
    const where = { client: pgClient, tableName: contextTableName }
    const reading = new PostgresContext(runId, { ...where, codec })
    assert.deepEqual(await reading.get('card'), secret('card'))
    await reading.set('later', secret('later'))
    assert.deepEqual((await reading.toJSON()).later, secret('later'))
    assert.deepEqual(await reading.get('_resume.output'), secret('approval'))
    const blind = new PostgresContext(runId, where)
    assert.deepEqual(Object.keys(await blind.get('later')), ['_flowcraft.encrypted'])
    assert.ok(!JSON.stringify(await blind.toJSON()).includes(SECRET))
    const other = clientFor(t, servers, everything)
    const { context, serializedContext } = await other.run(runId).result()
    assert.deepEqual(Object.keys(context.card), ['_flowcraft.encrypted'])
    assert.ok(!serializedContext.includes(SECRET))
    assert.deepEqual((await client.run(runId).result()).context.card, secret('card'))
  })
})

describe('the queue', () => {
  it('has no value in a message: of a start, a resume, an event', async (t) => {
    const codec = codecOf()
    const options = { codec, runtime: { evaluator: new UnsafeEvaluator() } }
    await servers.freshQueue()
    const client = clientFor(t, servers, everything, options)
    const run = await client.start('everything', { context: { card: secret('card') } })
    const taken = [await servers.take(servers.queue)]
    const worker = servers.adapter(everything, options)
    t.after(() => worker.stop())
    await servers.send(taken[0].content)
    const awaits = (node) =>
      run.describe().then(({ nodes }) => nodes.some((each) => each.nodeId === node && each.waitsFor))
    await until(() => awaits('pay/ask'))
    await run.resume()
    await until(() => awaits('approve'))
    await worker.stop()
    await run.resume({ output: secret('approval') })
    taken.push(await servers.take(servers.queue))
    worker.start()
    await servers.send(taken[1].content)
    await until(() => awaits('hear'))
    await worker.stop()
    await run.sendEvent('charged', secret('event'))
    taken.push(await servers.take(servers.queue))
    const texts = taken.map(({ content, headers }) => `${content}${JSON.stringify(headers)}`)
    assert.equal(texts.length, 3)
    for (const text of texts) assert.ok(text.includes('everything') && !text.includes(SECRET), text)
  })
})
