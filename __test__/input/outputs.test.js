// What a node may give out: whatever JSON and PostgreSQL can hold is stored as JSON holds it; whatever they cannot
// fails where it was given out, by name, with the reason.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { until } from '../fixtures/shared-servers.js'

const circular = () => {
  const value = { name: 'loop' }
  value.itself = value
  return value
}
const deep = (levels) => {
  let value = 'bottom'
  for (let level = 0; level < levels; level++) value = [value]
  return value
}
const throwing = (thrown) => ({
  toJSON() {
    throw thrown
  },
})

/** Values with no place in JSON or in PostgreSQL, and what is said of them. */
const refused = {
  'is circular': [circular, /circular/],
  'is a BigInt': [() => 12n, /BigInt/],
  'holds a BigInt': [() => ({ amounts: [12n] }), /BigInt/],
  'holds U+0000': [() => ({ text: 'a\0b' }), /U\+0000/],
  'has U+0000 in a key': [() => ({ 'a\0b': 1 }), /U\+0000/],
  'ends in the first half of a pair': [() => 'a\ud83d', /U\+D83D/],
  'begins with the second half of a pair': [() => ['\ude00a'], /U\+DE00/],
  'has the halves of a pair in the wrong order': [() => '\ude00\ud83d', /U\+DE00/],
  'has a toJSON that throws': [() => throwing(new Error('not today')), /not today/],
  'has a toJSON that throws null': [() => throwing(null), /null/],
  'has a toJSON that throws what has no text': [() => throwing(Object.create(null)), /cannot be stored as JSON/],
  'has a toJSON that gives a BigInt': [() => ({ toJSON: () => 7n }), /BigInt/],
  'has a getter that throws': [
    () => ({
      get price() {
        throw new Error('no price')
      },
    }),
    /no price/,
  ],
  'is a proxy that refuses': [
    () =>
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('nothing to see')
          },
        },
      ),
    /nothing to see/,
  ],
  'is 100,000 levels deep': [() => deep(100_000), /stack/],
}

/** Values JSON has a way to say, and which; `undefined` where it says nothing. */
const stored = {
  NaN: [() => Number.NaN, null],
  'Infinity in an object': [() => ({ most: Number.POSITIVE_INFINITY, least: -0 }), { most: null, least: 0 }],
  'a number JSON can write and no integer can': [() => 1.7976931348623157e308, 1.7976931348623157e308],
  'a date': [() => new Date(0), '1970-01-01T00:00:00.000Z'],
  'a date that is none': [() => new Date(Number.NaN), null],
  'a Map and a Set': [() => ({ map: new Map([[1, 2]]), set: new Set([1]) }), { map: {}, set: {} }],
  'a function': [() => () => 1, undefined],
  'a symbol': [() => Symbol('x'), undefined],
  undefined: [() => undefined, undefined],
  null: [() => null, null],
  'what an object and an array say of functions and undefined': [
    () => ({ f: () => 1, u: undefined, list: [undefined, () => 1, Symbol('x')] }),
    { list: [null, null, null] },
  ],
  'an error': [() => new Error('kept as an object'), {}],
  bytes: [() => Buffer.from('hi'), { type: 'Buffer', data: [104, 105] }],
  'a boxed text': [() => Object('boxed'), 'boxed'],
  'a toJSON that says undefined': [() => ({ toJSON: () => undefined }), undefined],
  'any Unicode': [() => 'ÿ € 😀 👩‍👩‍👧 e\u0301 \u2028 \uffff \u0001', 'ÿ € 😀 👩‍👩‍👧 e\u0301 \u2028 \uffff \u0001'],
  'the text \\u0000, which is six characters': [() => '\\u0000 \\\\u0000 \\ud800', '\\u0000 \\\\u0000 \\ud800'],
  'JSON within JSON': [() => JSON.stringify({ a: 'a\0b', b: '\ud800' }), '{"a":"a\\u0000b","b":"\\ud800"}'],
  SQL: [() => `'); DROP TABLE x; -- $1 %s \\`, `'); DROP TABLE x; -- $1 %s \\`],
  'an own __proto__': [() => JSON.parse('{"__proto__": {"a": 1}}'), JSON.parse('{"__proto__": {"a": 1}}')],
  '1,000 levels': [() => deep(1000), deep(1000)],
}
const given = (name) => (refused[name] ?? stored[name])[0]()

const returns = createFlow('returns')
  .node('make', async ({ context }) => ({ output: given(await context.get('case')) }))
  .node('next', () => ({ output: 'next' }))
  .edge('make', 'next')
const writes = createFlow('writes')
  .node('make', async ({ context }) => {
    await context.set('kept', given(await context.get('case')))
    return { output: 'made' }
  })
  .node('next', () => ({ output: 'next' }))
  .edge('make', 'next')
const transforms = createFlow('transforms')
  .node('make', () => ({ output: 'made' }))
  .node('next', ({ input }) => ({ output: typeof input }))
  .edge('make', 'next', { transform: 'whatever' })
const carriers = [
  { flow: returns, key: '_outputs.make', says: "The output of node 'make'" },
  { flow: writes, key: 'kept', says: "The context key 'kept'" },
  { flow: transforms, key: '_inputs.next', says: "The context key '_inputs.next'" },
]
const waits = createFlow('waits')
  .wait('gate')
  .node('after', ({ input }) => ({ output: input }))
  .edge('gate', 'after')
const long = async ({ context }) => ({ output: 'x'.repeat(await context.get('size')) })
const big = createFlow('big').node('make', long)
const handsOn = createFlow('hands-on')
  .node('make', long)
  .node('measure', ({ input }) => ({ output: input.length }))
  .edge('make', 'measure')

let badInput
let servers
before(async () => {
  const evaluator = { evaluate: (_, { context }) => given(context.case) }
  badInput = await openBadInput([returns, writes, transforms, waits, big, handsOn], { runtime: { evaluator } })
  servers = badInput.servers
})
after(() => badInput.close())

/** The ends of one run for each way a node gives out a value. */
const ends = (name) => Promise.all(carriers.map(({ flow }) => servers.run(flow, { case: name })))

describe('a value that cannot be stored fails its node, wherever it was given out', () => {
  for (const [name, [, cause]] of Object.entries(refused)) {
    it(`that ${name}`, () =>
      badInput.amongHealthyRuns(async () => {
        for (const [index, { status, result, context }] of (await ends(name)).entries()) {
          const { key, says } = carriers[index]
          assert.equal(status, 'failed', says)
          assert.match(result.reason, /'make'/)
          assert.match(result.reason, cause)
          assert.ok(result.reason.includes(says), result.reason)
          assert.equal(key in context, false, `nothing stands under ${key}`)
          assert.equal('_outputs.next' in context, false)
        }
      }))
  }
})

describe('a value that JSON has a way to say is stored as JSON says it', () => {
  for (const [name, [, expected]] of Object.entries(stored)) {
    it(name, () =>
      badInput.amongHealthyRuns(async () => {
        for (const [index, { status, context }] of (await ends(name)).entries()) {
          const { key, says } = carriers[index]
          assert.equal(status, 'completed', says)
          assert.deepEqual(context[key], expected, says)
          assert.equal(key in context, expected !== undefined, says)
        }
      }),
    )
  }
})

describe('a caller is told by a TypeError, and the run waits on', () => {
  it('for every value that cannot be stored', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = await servers.begin(waits)
      await servers.settled(runId, ['awaiting'])
      const context = badInput.adapter.createContext(runId)
      for (const [name, [make, cause]] of Object.entries(refused)) {
        const calls = {
          resumeWithAction: () => badInput.adapter.resumeWithAction(runId, 'on', make()),
          sendEvent: () => badInput.adapter.sendEvent(runId, 'paid', make()),
          set: () => context.set('kept', make()),
          patch: () =>
            context.patch([
              { op: 'set', key: 'fine', value: 1 },
              { op: 'set', key: 'kept', value: make() },
            ]),
        }
        for (const [call, act] of Object.entries(calls)) {
          await assert.rejects(act(), { name: 'TypeError', message: cause }, `${call} with what ${name}`)
        }
      }
      assert.deepEqual(
        Object.keys(await context.toJSON())
          .filter((key) => !key.startsWith('_'))
          .sort(),
        ['blueprintId', 'blueprintVersion'],
      )
      assert.equal((await servers.look(runId)).status, 'awaiting')
      await badInput.adapter.resumeWithAction(runId, 'on', 'fine')
      assert.equal((await servers.settled(runId)).context['_outputs.after'], 'fine')
    }))
})

describe('a node may catch what its context refuses', () => {
  it('and go on', async (t) => {
    const flow = createFlow('careful').node('a', async ({ context }) => {
      for (const name of Object.keys(refused)) {
        await assert.rejects(context.set('kept', given(name)), TypeError)
      }
      return { output: await context.has('kept') }
    })
    const careful = await openBadInput(flow)
    t.after(() => careful.close())
    const { status, context } = await careful.servers.run(flow)
    assert.deepEqual([status, context['_outputs.a']], ['completed', false])
  })
})

describe('size', () => {
  it('an output of 50 MB is stored', () =>
    badInput.amongHealthyRuns(async () => {
      const size = 50 * 1024 * 1024
      const runId = await servers.begin(big, { size })
      await until(async () => (await statusOf(runId)) !== 'running', { timeout: 30_000 })
      const kept = await badInput.adapter.createContext(runId).get('_outputs.make')
      assert.deepEqual([await statusOf(runId), kept.length], ['completed', size])
    }))

  it("an output of 2 MB is the next node's input", async () => {
    const size = 2 * 1024 * 1024
    const runId = await servers.begin(handsOn, { size })
    await until(async () => (await statusOf(runId)) !== 'running', { timeout: 30_000 })
    assert.equal(await badInput.adapter.createContext(runId).get('_outputs.measure'), size)
  })

  /** The status alone: what stands beside it is large. */
  const statusOf = (runId) => servers.statusOf(runId)
})
