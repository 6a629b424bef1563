// Keys that are replaced, that a worker lacks, and values that somebody changed or moved; with what was stored before.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MissingKeyError, PostgresContext, ValueUnreadableError } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'
import { codecOf, KEYS, SECRET, secret } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A node, a wait, and a node that reads: its fallback must not stand in for a value that was changed. */
const asking = (executed = []) =>
  createFlow('asking')
    .node('give', async ({ context }) => {
      await context.set('kept', secret('kept'))
      return { output: secret('given') }
    })
    .wait('ask')
    .node(
      'read',
      async ({ context }) => {
        executed.push('read')
        const [card, kept, given] = [await context.get('card'), await context.get('kept'), await context.get('give')]
        return { output: { card, kept, given } }
      },
      { config: { maxRetries: 3, fallback: 'instead' } },
    )
    .node('instead', async () => ({ output: 'instead' }))
    .edge('give', 'ask')
    .edge('ask', 'read')

const READ = { card: secret('card'), kept: secret('kept'), given: secret('given') }

/** A run that waits, with a client. */
async function paused(t, flow, { codec, runId = servers.runId(), worker = { codec } } = {}) {
  const adapter = await servers.workerFor(t, flow, worker)
  const client = clientFor(t, servers, flow, { codec })
  const run = await client.start('asking', { runId, context: { card: secret('card') } })
  await servers.settled(runId, ['awaiting'])
  return { adapter, client, run, runId }
}

/** Changes a run's row, as whoever can write into the table may. */
async function changed(runId, change) {
  const { context } = await servers.look(runId)
  await servers.replaceContext(runId, change(context) ?? context)
}

const next = (lines) => lines.join('\n')

describe('a key that was replaced', () => {
  it('still reads what it encrypted; what is new is of the current one', async (t) => {
    const flow = asking()
    const { adapter, runId } = await paused(t, flow, { codec: codecOf('k1') })
    await adapter.stop()
    const rotated = servers.adapter(flow, { codec: codecOf('k2') })
    t.after(() => rotated.stop())
    await rotated.resumeWithAction(runId, '')
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.match(context.card['_flowcraft.encrypted'], /^A1\.k1\./)
    assert.match(context['_outputs.read']['_flowcraft.encrypted'], /^A1\.k2\./)
    const client = clientFor(t, servers, flow, { codec: codecOf('k2') })
    assert.deepEqual((await client.run(runId).result()).context['_outputs.read'], READ)
    const without = clientFor(t, servers, flow, { codec: codecOf('k2', { keys: { k2: KEYS.k2 } }) })
    const error = await without
      .run(runId)
      .result()
      .then(assert.fail, (caught) => caught)
    assert.ok(error instanceof ValueUnreadableError && error.cause instanceof MissingKeyError)
    assert.deepEqual([error.code, error.retryable, error.runId], ['VALUE_KEY_MISSING', true, runId])
    assert.ok(error.key in context && error.message.includes(`'${error.key}' of run '${runId}'`), error.message)
    assert.match(error.message, /no key 'k1'/)
  })
})

describe('a worker that lacks the key', () => {
  for (const [name, lacking] of Object.entries({
    'because it has another one': () => codecOf('k2', { keys: { k2: KEYS.k2 } }),
    'because it has no codec': () => undefined,
  })) {
    it(`${name} leaves the node to one that has it, and no attempt counts`, async (t) => {
      const executed = []
      const events = []
      const lines = []
      const log = (line, meta) => lines.push(`${line} ${meta?.code}`)
      const logger = { debug: log, info: log, warn: log, error: log }
      const flow = asking(executed)
      const { adapter, runId } = await paused(t, flow, { codec: codecOf('k1') })
      await adapter.stop()
      const eventBus = { emit: async (event) => void events.push(event.type) }
      const blind = servers.adapter(flow, { codec: lacking(), runtime: { logger }, eventBus })
      t.after(() => blind.stop())
      const client = clientFor(t, servers, flow, { codec: codecOf('k1') })
      await client.run(runId).resume({ output: secret('approved') })
      await until(() => lines.filter((line) => line.includes('VALUE_KEY_MISSING')).length >= 2, 20_000)
      const { status, nodes } = await client.run(runId).describe()
      assert.equal(status, 'running')
      assert.ok(nodes.every(({ state, error }) => state !== 'failed' && error === undefined))
      assert.ok(!next(lines).includes(SECRET))
      for (const type of ['node:error', 'node:retry', 'node:fallback', 'job:failed'])
        assert.ok(!events.includes(type), type)
      const seeing = servers.adapter(flow, { codec: codecOf('k1') })
      t.after(() => seeing.stop())
      await blind.stop()
      const { context } = await client.run(runId).result({ timeoutMs: 30_000 })
      assert.deepEqual(context['_outputs.read'], READ)
      assert.equal(executed.length, 1)
    })
  }

  it('in the middle of a node that has begun: the attempt counts as none either', async (t) => {
    let attempts = 0
    const flow = createFlow('asking')
      .node('give', async () => ({ output: 1 }))
      .wait('ask')
      .node(
        'read',
        async ({ context }) => {
          attempts += 1
          try {
            return { output: await context.get('card') }
          } catch (error) {
            throw new Error('wrapped', { cause: error })
          }
        },
        { config: { maxRetries: 1 } },
      )
      .edge('give', 'ask')
      .edge('ask', 'read')
    const readable = ['_inputs.ask', '_outputs.ask', '_outputs.give', '_inputs.read', '_inputs.give']
    const { adapter, run } = await paused(t, flow, { codec: codecOf('k1', { readable }) })
    await adapter.stop()
    const blind = servers.adapter(flow, { codec: codecOf('k2', { keys: { k2: KEYS.k2 }, readable }) })
    t.after(() => blind.stop())
    await run.resume()
    await until(() => attempts >= 2, 20_000)
    await blind.stop()
    const seeing = servers.adapter(flow, { codec: codecOf('k1', { readable }) })
    t.after(() => seeing.stop())
    assert.deepEqual((await run.result({ timeoutMs: 30_000 })).context['_outputs.read'], secret('card'))
  })
})

describe('a value that somebody', () => {
  const cases = {
    changed: ({ card }) => {
      const text = card['_flowcraft.encrypted']
      const at = text.length - 8
      card['_flowcraft.encrypted'] = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    },
    'moved to another key': (context) => {
      context.card = context.kept
    },
    'moved there from an output': (context) => {
      context.kept = context['_outputs.give']
    },
    'cut off': ({ card }) => {
      card['_flowcraft.encrypted'] = card['_flowcraft.encrypted'].slice(0, 20)
    },
    'said to be of another key': (context) => {
      context.card = { '_flowcraft.encrypted': { as: 'kept', text: context.kept['_flowcraft.encrypted'] } }
    },
  }
  for (const [name, change] of Object.entries(cases)) {
    it(`${name} fails the node at once, by its key, and no fallback takes over`, async (t) => {
      const executed = []
      const { run, runId } = await paused(t, asking(executed), { codec: codecOf() })
      await changed(runId, change)
      await run.resume()
      const error = await run.result({ timeoutMs: 20_000 }).then(assert.fail, (caught) => caught)
      assert.equal(error.code, 'RUN_FAILED')
      assert.match(error.reason, /context key '(card|kept)' of run '.*changed, or moved/)
      assert.ok(!error.reason.includes(SECRET))
      assert.equal(executed.length, 1, 'no second attempt')
      const { context } = await servers.look(runId)
      assert.ok(!('_outputs.instead' in context))
    })
  }

  it('moved there from another run, or another event, fails the node too', async (t) => {
    const codec = codecOf()
    const one = await paused(t, asking(), { codec })
    const other = await paused(t, asking(), { codec })
    const { context: theirs } = await servers.look(other.runId)
    await changed(one.runId, (context) => void Object.assign(context, { card: theirs.card }))
    await servers.freshQueue()
    const worker = servers.adapter(asking(), { codec })
    t.after(() => worker.stop())
    const client = clientFor(t, servers, asking(), { codec })
    await client.run(one.runId).resume()
    await assert.rejects(client.run(one.runId).result({ timeoutMs: 20_000 }), /moved there from another key or run/)
    const { pgClient, contextTableName } = servers.options(asking())
    const context = new PostgresContext(one.runId, { client: pgClient, tableName: contextTableName, codec })
    const caught = await context.get('card').then(assert.fail, (error) => error)
    assert.ok(caught instanceof ValueUnreadableError)
    assert.deepEqual(
      [caught.code, caught.retryable, caught.runId, caught.key],
      ['VALUE_UNREADABLE', false, one.runId, 'card'],
    )
  })

  it('kept as another event is refused by the node that waits for its own', async (t) => {
    const codec = codecOf()
    const flow = createFlow('asking')
      .node('give', async () => ({ output: 1 }))
      .wait('ask')
      .wait('hear', { params: { eventName: 'paid' } })
      .edge('give', 'ask')
      .edge('ask', 'hear')
    const { run, runId } = await paused(t, flow, { codec })
    await run.sendEvent('refused', secret('refused'))
    await changed(runId, (context) => {
      for (const event of context._flowcraft.ledger.events) event.name = 'paid'
    })
    await run.resume()
    await assert.rejects(run.result({ timeoutMs: 20_000 }), /moved there from another key/)
  })
})

describe('what was stored without a codec', () => {
  it('is read as it is, by workers and clients that have one', async (t) => {
    const { adapter, runId } = await paused(t, asking(), {})
    await adapter.stop()
    const worker = servers.adapter(asking(), { codec: codecOf() })
    t.after(() => worker.stop())
    const client = clientFor(t, servers, asking(), { codec: codecOf() })
    await client.run(runId).resume()
    assert.deepEqual((await client.run(runId).result()).context['_outputs.read'], READ)
    const { context } = await servers.look(runId)
    assert.deepEqual(context.card, secret('card'))
    assert.equal(typeof context['_outputs.read']['_flowcraft.encrypted'], 'string')
  })

  const LIKE = {
    'an envelope': { '_flowcraft.encrypted': 'A1.k1.AAAA' },
    'an envelope with a place': { '_flowcraft.encrypted': { as: 'card', text: 'x' } },
    'the envelope of such a value': { '_flowcraft.plain': { '_flowcraft.encrypted': 'x' } },
    'an envelope of nothing': { '_flowcraft.plain': null },
    'an envelope with more': { '_flowcraft.encrypted': 'x', more: 1 },
    'nothing at all': null,
  }
  for (const [name, like] of Object.entries(LIKE)) {
    it(`a value of yours that looks like ${name} stays what it is, with a codec and without`, async (t) => {
      const flow = createFlow('asking')
        .node('give', async ({ context }) => {
          await context.set('kept', like)
          return { output: like }
        })
        .node('read', async ({ context, input }) => ({
          output: [input, await context.get('kept'), await context.get('card'), (await context.toJSON()).kept],
        }))
        .edge('give', 'read')
      const memory = await inMemory(flow, { card: like })
      const decodes = codecOf(undefined, { keys: KEYS })
      for (const codec of [
        undefined,
        codecOf('k1'),
        codecOf('k1', { readable: ['kept', 'card', '_outputs.give'] }),
        decodes,
      ]) {
        const worker = await servers.workerFor(t, flow, { codec })
        const client = clientFor(t, servers, flow, { codec })
        const run = await client.start('asking', { context: { card: like } })
        const { context } = await run.result()
        assert.deepEqual(context['_outputs.read'], memory.context['_outputs.read'])
        assert.deepEqual([context.kept, context.card], [like, like])
        await worker.stop()
        // Once more by one that has the keys.
        const reading = clientFor(t, servers, flow, { codec: codecOf('k2') })
        assert.deepEqual((await reading.run(run.runId).result()).context.kept, like)
      }
    })
  }
})

describe('a codec of your own', () => {
  const reversed = (text) => [...text].reverse().join('')
  it('is given the place of each value, and one that fails fails the node and says where', async (t) => {
    const places = new Set()
    const codec = {
      encode: (json, { runId, key }) => {
        places.add(`${runId} ${key}`)
        return reversed(json)
      },
      decode: (text) => reversed(text),
    }
    const { run, runId } = await paused(t, asking(), { codec })
    for (const key of ['card', 'kept', '_outputs.give', '_inputs.ask']) assert.ok(places.has(`${runId} ${key}`), key)
    await run.resume()
    assert.deepEqual((await run.result()).context['_outputs.read'], READ)
  })

  for (const [name, encode, message] of [
    ['throws', () => assert.fail('why it failed'), /cannot be encoded by the codec/],
    ['answers later', async (json) => json, /a text, at once, or with undefined/],
    ['has half a character', () => '\ud800', /has no place for the character/],
  ]) {
    it(`that ${name} stores nothing`, async (t) => {
      const client = clientFor(t, servers, asking(), { codec: { encode, decode: (text) => text } })
      const start = client.start('asking', { context: { card: SECRET } })
      const error = await start.then(assert.fail, (caught) => caught)
      assert.deepEqual([error.code, error instanceof TypeError], ['VALUE_NOT_STORABLE', true])
      assert.match(error.message, message)
      assert.ok(!error.message.includes(SECRET))
    })
  }

  it('that decodes to what is not JSON does not show it', async (t) => {
    const { runId } = await paused(t, asking(), { codec: codecOf() })
    const broken = { encode: (json) => json, decode: () => `${SECRET} is not JSON` }
    const { pgClient, contextTableName } = servers.options(asking())
    const context = new PostgresContext(runId, { client: pgClient, tableName: contextTableName, codec: broken })
    const error = await context.get('card').then(assert.fail, (caught) => caught)
    assert.equal(error.code, 'VALUE_UNREADABLE')
    assert.ok(!`${error.stack}${error.cause?.message}`.includes(SECRET))
  })

  it('is an object with both methods', () => {
    for (const codec of [{}, { encode: () => '' }, 'aes', 7]) {
      assert.throws(() => clientFor({ after() {} }, servers, [], { codec }), { option: 'codec' })
    }
  })
})
