// What comes from outside a run: people, events, webhooks.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { AROUND, around, counting, environmentFor } from './support.js'

describe('an approval', () => {
  const approval = createFlow('approval')
    .wait('decision')
    .node('publish', ({ input }) => ({ output: `published by ${input.by}` }))
    .node('discard', () => ({ output: 'discarded' }))
    .edge('decision', 'publish', { action: 'approve' })
    .edge('decision', 'discard', { action: 'reject' })

  it('is given with an action, which chooses the edge', async (t) => {
    const { client, expectRun } = await environmentFor(t, { approval })
    const run = await client.start('approval')
    await expectRun(run).toAwait('decision')
    await run.resume({ action: 'approve', output: { by: 'Ada' } })
    await expectRun(run).toHaveCompleted({ outputs: { publish: 'published by Ada' }, order: ['decision', 'publish'] })
    await expectRun(run).notToHaveRun('discard')
  })

  it('may be asked for in a way that a test looks at', async (t) => {
    const asked = []
    const flow = createFlow('asking')
      .node('ask', ({ dependencies }) => {
        dependencies.mail.send('please')
        return { output: 'asked' }
      })
      .wait('decision')
      .edge('ask', 'decision')
    const runtime = { dependencies: { mail: { send: (text) => asked.push(text) } } }
    const { client, expectRun } = await environmentFor(t, { asking: flow }, { runtime })
    await expectRun(await client.start('asking')).toAwait('decision')
    assert.deepEqual(asked, ['please'])
  })
})

describe('an event', () => {
  it('moves on who waits for it, and is kept for who will', async (t) => {
    const flows = { paid: around('paid', 'wait', { eventName: 'paid' }) }
    const { client, expectRun } = await environmentFor(t, flows, { runtime: { registry: AROUND } })
    const [early, late] = await client.startMany('paid', [{}, {}])
    await early.sendEvent('paid', 'early')
    await expectRun(late).toAwait('wait')
    await late.sendEvent('paid', 'late')
    await expectRun(early).toHaveCompleted({ outputs: { after: 'early' } })
    await expectRun(late).toHaveCompleted({ outputs: { after: 'late' } })
  })
})

describe('a webhook', () => {
  const flows = { hook: around('hook', 'webhook') }
  const runtime = { registry: AROUND }

  it('is delivered without a port', async (t) => {
    const { client, deliver, expectRun } = await environmentFor(t, flows, { runtime })
    const run = await client.start('hook')
    await expectRun(run).toAwait('webhook')
    const to = { runId: run.runId, nodeId: 'webhook' }
    const answer = await deliver(to, { body: { paid: 42 }, headers: { 'X-Trace': 'abc' } })
    assert.deepEqual(answer, { status: 202, body: 'accepted\n' })
    const { context } = await run.result()
    const { method, body, headers } = context['_outputs.after'].request
    assert.deepEqual([method, body, headers['x-trace']], ['POST', { paid: 42 }, 'abc'])
  })

  it('takes text and bytes as they are, by its URL', async (t) => {
    const { adapter, client, deliver } = await environmentFor(t, flows, { runtime })
    for (const body of ['plain', Buffer.from('plain')]) {
      const run = await client.start('hook')
      const { url } = await adapter.registerWebhookEndpoint(run.runId, 'webhook')
      assert.equal((await deliver(url, { body })).status, 202)
      const { context } = await run.result()
      assert.equal(context['_outputs.after'].request.body, 'plain')
    }
  })

  it('answers as over HTTP', async (t) => {
    const seen = []
    const webhook = {
      baseUrl: 'https://example.com/hooks',
      secret: 'a secret of this test',
      verify: ({ headers, rawBody }) => headers['x-signature'] === `signed ${rawBody}`,
    }
    const { adapter, client, deliver, expectRun } = await environmentFor(t, flows, { runtime, adapter: { webhook } })
    const run = await client.start('hook')
    const { url } = await adapter.registerWebhookEndpoint(run.runId, 'webhook')
    assert.match(url, /^https:\/\/example\.com\/hooks\//)
    const good = { body: 'x', headers: { 'x-signature': 'signed x' } }
    for (const [to, delivery] of [
      [url, { ...good, method: 'GET' }],
      [`${url}x`, good],
      [url, { body: 'x' }],
      [url, good],
    ]) {
      seen.push((await deliver(to, delivery)).status)
    }
    await expectRun(run).toHaveCompleted()
    seen.push((await deliver(url, good)).status)
    assert.deepEqual(seen, [405, 404, 401, 202, 409])
  })
})

describe('an environment', () => {
  it('shares nothing with another', async (t) => {
    const [one, other] = [await environmentFor(t, { counting }), await environmentFor(t, { counting })]
    await one.client.start('counting', { runId: 'same' })
    await other.client.start('counting', { runId: 'same' })
    await one.clock.advance('1 day')
    await one.expectRun('same').toHaveCompleted()
    assert.ok(other.clock.now() - Date.now() < 60_000)
  })

  it('listens at no port', async (t) => {
    const listen = t.mock.method(createServer().constructor.prototype, 'listen')
    const { client, expectRun } = await environmentFor(t, { counting })
    await expectRun(await client.start('counting')).toHaveCompleted()
    assert.equal(listen.mock.callCount(), 0)
  })

  it('is ready at once', async (t) => {
    await environmentFor(t, { counting })
    const took = []
    for (let count = 0; count < 20; count += 1) {
      const began = performance.now()
      const { client, settle } = await environmentFor(t, { counting })
      took.push(performance.now() - began)
      await client.start('counting')
      await settle()
    }
    const median = took.sort((one, other) => one - other)[10]
    assert.ok(median < 50, `${median} ms`)
  })

  it('closes with its scope, and once', async () => {
    let client
    const { createTestEnvironment } = await import('@flowcraft/rabbitmq-adapter/testing')
    const env = await createTestEnvironment({ flows: { counting } })
    client = env.client
    await env[Symbol.asyncDispose]()
    await env.close()
    await assert.rejects(() => client.run('any').describe())
  })

  it('takes a class of adapters, and tells a bus of your own', async (t) => {
    const { RabbitMqAdapter } = await import('@flowcraft/rabbitmq-adapter')
    const seen = []
    class Adapter extends RabbitMqAdapter {
      async onJobStart(_runId, _blueprintId, nodeId) {
        seen.push(`job ${nodeId}`)
      }
    }
    const eventBus = {
      emit: ({ type, payload }) => void (type === 'node:start' && seen.push(`node ${payload.nodeId}`)),
    }
    const { client, expectRun } = await environmentFor(t, { counting }, { Adapter, runtime: { eventBus } })
    await expectRun(await client.start('counting')).toHaveCompleted()
    assert.deepEqual(seen, ['job first', 'node first', 'job second', 'node second'])
  })

  for (const [what, options, option] of [
    ['no flows', {}, 'flows'],
    ['no workers', { flows: {}, workers: -1 }, 'workers'],
    ['no patience', { flows: {}, patience: 0 }, 'patience'],
    ['an option that is misspelt', { flows: {}, worker: 2 }, 'worker'],
    ['half of the servers', { flows: {}, servers: { amqp: 'amqp://localhost' } }, 'servers.database'],
  ]) {
    it(`refuses ${what}`, async () => {
      const { createTestEnvironment } = await import('@flowcraft/rabbitmq-adapter/testing')
      await assert.rejects(
        () => createTestEnvironment(options),
        (error) => error instanceof TypeError && error.option === option && error.code === 'INVALID_OPTION',
      )
    })
  }
})
