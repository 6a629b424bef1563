// Values that JSON does not hold: with a serializer of the runtime's own they come back as they were, as in memory; without
// one they change, and it is said.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { PostgresContext } from '../../dist/index.js'
import { readsWhatIsStored } from '../fixtures/encrypted.js'
import { taggedSerializer } from '../fixtures/serializers.js'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

class Money {
  constructor(cents) {
    this.cents = cents
  }
}

/** What superjson and its like hold, and JSON does not. */
const RICH = {
  'a Map': () => new Map([['a', { b: 1 }]]),
  'a Set': () => new Set(['a', 'b']),
  'a Date': () => new Date(86_400_000),
  'a BigInt': () => 2n ** 70n,
  'an expression': () => /a+/gi,
  'numbers that are none': () => [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'undefined in an array': () => [1, undefined, 3],
  'all of it, deep inside': () => ({ list: [{ when: new Date(0), ids: new Set([1n]) }] }),
  'what looks as if it were stored': () => ({ '_flowcraft.serialized': '{"value":1}' }),
}
/** What JSON holds, which must stay queryable. */
const PLAIN = { n: 1, list: ['a', null, { deep: true }], text: '\u2028 😀', none: null }

const rich = (name) => RICH[name]()
const serializer = taggedSerializer({ Money })

/** A node gives a value out and sets it; the next gets it as input, by key, by name, and among all. */
const carries = () =>
  createFlow('carries')
    .node('give', async ({ context }) => {
      const value = rich(await context.get('case'))
      await context.set('kept', value)
      await context.set('plain', PLAIN)
      return { output: value }
    })
    .node('take', async ({ context, input }) => ({
      output: [input, await context.get('kept'), await context.get('give'), (await context.toJSON()).kept],
    }))
    .edge('give', 'take')

describe('with a serializer of the runtime’s own', readsWhatIsStored, () => {
  for (const name of Object.keys(RICH)) {
    it(`${name} comes back as it was`, async () => {
      const flow = carries()
      const run = { context: { case: name }, runtime: { serializer } }
      const memory = await inMemory(flow, run.context, run.runtime)
      const { status, result, context } = await servers.runAlone(flow, { ...run, workers: 2 })
      assert.equal(status, 'completed', result.reason)
      const ended = serializer.deserialize(result.payload.serializedContext)
      assert.deepEqual(ended['_outputs.take'], Array(4).fill(rich(name)))
      assert.deepEqual(ended['_outputs.take'], memory.context['_outputs.take'])
      assert.deepEqual(context.plain, PLAIN, 'in the record')
      assert.equal(typeof context.kept['_flowcraft.serialized'], 'string')
    })
  }

  it('so does an instance of a class that it knows', async () => {
    const flow = createFlow('money')
      .node('give', async () => ({ output: { total: new Money(5) } }))
      .node('take', async ({ input }) => ({ output: input.total instanceof Money && input.total.cents }))
      .edge('give', 'take')
    const { context } = await servers.runAlone(flow, { runtime: { serializer } })
    assert.equal(context['_outputs.take'], 5)
  })

  it('from outside too: a resume, an event, contexts read and written directly', async (t) => {
    const seen = []
    const flow = createFlow('outside')
      .wait('ask')
      .wait('hear', { params: { eventName: 'heard' } })
      .node('see', async ({ context, input }) => {
        seen.push(await context.get('ask'), input, await context.get('written'))
        return { output: 'seen' }
      })
      .edge('ask', 'hear')
      .edge('hear', 'see')
    const adapter = await servers.workerFor(t, flow, { runtime: { serializer } })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, '', rich('a Map'))
    await until(async () => (await servers.look(runId)).context._awaitingNodeIds?.[0] === 'hear')
    const { pgClient, contextTableName } = servers.options(flow)
    const context = new PostgresContext(runId, { client: pgClient, tableName: contextTableName, serializer })
    assert.deepEqual(await context.get('_outputs.ask'), rich('a Map'))
    await context.set('written', rich('a Set'))
    assert.deepEqual((await context.toJSON()).written, rich('a Set'))
    await adapter.sendEvent(runId, 'heard', rich('a Date'))
    assert.equal((await servers.settled(runId)).status, 'completed')
    assert.deepEqual(seen, [rich('a Map'), rich('a Date'), rich('a Set')])
  })

  it('through a pause inside a subflow', async (t) => {
    const inner = createFlow('inner').node('give', async () => ({ output: rich('a Map') }))
    inner.wait('hold').node('after', async ({ context }) => ({ output: await context.get('give') }))
    inner.edge('give', 'hold').edge('hold', 'after')
    const outer = {
      toBlueprint: () => ({
        id: 'outer',
        nodes: [{ id: 's', uses: 'subflow', params: { blueprintId: 'inner' } }],
        edges: [],
      }),
      getFunctionRegistry: () => new Map(),
    }
    const adapter = await servers.workerFor(t, [outer, inner], { runtime: { serializer } })
    const runId = await servers.begin(outer)
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, '')
    const { result } = await servers.settled(runId)
    assert.deepEqual(serializer.deserialize(result.payload.serializedContext)['_outputs.s'], rich('a Map'))
  })
})

/** A logger that keeps its warnings. */
function warnings() {
  const said = []
  const quiet = () => {}
  return { said, debug: quiet, info: quiet, error: quiet, warn: (message) => said.push(message) }
}

/** What JSON changes, where it stands, what it is called, and what comes of it. */
const CHANGED = {
  'a Map': [() => new Map([[1, 2]]), /is a Map,.* stored as \{\}/, {}],
  'a Set in an object': [() => ({ ids: new Set([1]) }), /at 'ids' a Set,/, { ids: {} }],
  'an error in a list': [() => ({ all: [1, new RangeError('x')] }), /at 'all\[1\]' a RangeError,/, { all: [1, {}] }],
  'an expression': [() => /x/, /is a RegExp,/, {}],
  NaN: [() => Number.NaN, /is NaN,.* stored as null/, null],
  'Infinity in an object': [
    () => ({ 'at most': Number.POSITIVE_INFINITY }),
    /at '\["at most"\]' Infinity,/,
    { 'at most': null },
  ],
  'undefined in an array': [() => [undefined], /at '\[0\]' undefined,/, [null]],
  'an instance of a class': [() => new Money(5), /is a Money,/, { cents: 5 }],
  'a function in an object': [() => ({ name: 1, call: () => 1 }), /at 'call' a function,/, { name: 1 }],
}
/** What JSON holds, or says itself how it is stored. */
const SILENT = {
  'a plain value': [() => PLAIN, PLAIN],
  'a Date': [() => new Date(0), '1970-01-01T00:00:00.000Z'],
  'an object without a prototype': [() => Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'undefined in an object': [() => ({ a: undefined }), {}],
  nothing: [() => undefined, undefined],
}
const gives = createFlow('gives').node('give', async ({ context }) => {
  const [make] = CHANGED[await context.get('case')] ?? SILENT[await context.get('case')]
  return { output: make() }
})

describe('without one', () => {
  for (const [name, [, says, stored]] of Object.entries(CHANGED)) {
    it(`${name} changes, and a warning names it`, async () => {
      const logger = warnings()
      const { context } = await servers.runAlone(gives, { context: { case: name }, runtime: { logger } })
      assert.deepEqual(context['_outputs.give'], stored)
      const about = logger.said.filter((message) => message.includes("The output of node 'give'"))
      assert.equal(about.length, 1, logger.said.join('\n'))
      assert.match(about[0], says)
      assert.doesNotMatch(about[0], /cents|5/, 'the value itself is not for the log')
    })

    it(`${name} fails its node by strictValues`, async () => {
      const { status, result } = await servers.runAlone(gives, { context: { case: name }, strictValues: true })
      assert.equal(status, 'failed')
      assert.match(result.reason, says.source.includes('stored as') ? /strictValues/ : says)
    })
  }

  for (const [name, [, stored]] of Object.entries(SILENT)) {
    it(`${name} is stored without a word`, async () => {
      const logger = warnings()
      const options = { context: { case: name }, runtime: { logger }, strictValues: true }
      const { status, context } = await servers.runAlone(gives, options)
      assert.equal(status, 'completed')
      assert.deepEqual(context['_outputs.give'], stored)
      assert.deepEqual(
        logger.said.filter((message) => message.includes('JSON')),
        [],
      )
    })
  }

  it('a node is warned of once, however often it runs and whatever it writes; another again', async (t) => {
    const logger = warnings()
    const flow = createFlow('often')
      .node('one', async ({ context }) => {
        await context.set('map', new Map())
        return { output: new Set() }
      })
      .node('two', async ({ context }) => {
        await context.set('map', new Map())
        return { output: null }
      })
      .edge('one', 'two')
    await servers.workerFor(t, flow, { runtime: { logger } })
    for (let i = 0; i < 3; i++) await servers.settled(await servers.begin(flow))
    const about = logger.said.filter((message) => message.includes('JSON'))
    assert.equal(about.length, 2, about.join('\n'))
    assert.match(about[0], /The context key 'map' of node 'one' is a Map/)
    assert.match(about[1], /The context key 'map' of node 'two' is a Map/)
  })

  it('what strictValues refuses is the mistake of its write, and the fallback may take over', async () => {
    const caught = []
    const flow = createFlow('strict')
      .node(
        'give',
        async ({ context }) => {
          await context.set('map', new Map()).catch((error) => caught.push(error))
          return { output: new Map() }
        },
        { config: { fallback: 'instead' } },
      )
      .node('instead', async () => ({ output: 'instead' }))
    const { status, context } = await servers.runAlone(flow, { strictValues: true })
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.instead'], 'instead')
    assert.equal(caught[0].code, 'VALUE_NOT_STORABLE')
  })

  it('a call from outside is refused by strictValues too', async (t) => {
    const flow = createFlow('asked').wait('ask')
    const adapter = await servers.workerFor(t, flow, { strictValues: true })
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    await assert.rejects(adapter.resumeWithAction(runId, '', new Map()), { code: 'VALUE_NOT_STORABLE' })
    await adapter.resumeWithAction(runId, '', 'yes')
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})

it('a serializer that gives back something else is as none: a warning, and JSON', async () => {
  const logger = warnings()
  const other = { serialize: (data) => JSON.stringify(data), deserialize: (text) => JSON.parse(text) }
  const flow = createFlow('other').node('give', async () => ({ output: { map: new Map(), when: new Date(0) } }))
  const { context } = await servers.runAlone(flow, { runtime: { serializer: other, logger } })
  assert.deepEqual(context['_outputs.give'], { map: {}, when: '1970-01-01T00:00:00.000Z' })
  assert.match(logger.said.filter((message) => message.includes('JSON')).join(), /has at 'map' a Map/)
})
