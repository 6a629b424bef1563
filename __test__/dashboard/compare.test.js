// Two runs side by side: what counts as a difference, and what the page is answered.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { comparedNodes, isNotable, isSameJson, keyDifferences } from '../../dist/client/differences.js'
import { boardFor, orders, quick, raw } from './support/board.js'

const node = (change) => ({ nodeId: 'n', state: 'done', execution: 1, attempt: 1, worker: 'w1', ...change })
const run = (...nodes) => ({ runId: 'r', status: 'completed', nodes })
const at = (milliseconds) => new Date(1_700_000_000_000 + milliseconds)

describe('a node of two runs', () => {
  const failed = { message: 'lost', execution: 1, attempt: 2 }
  for (const [name, change, differs, isDifferent] of [
    ['that is the same', {}, [], false],
    ['of another state', { state: 'failed', error: 'no' }, ['state', 'error'], true],
    ['that was tried three times', { failedAttempts: [failed] }, ['attempts', 'error'], true],
    [
      'whose fallback came after two attempts',
      { failedAttempts: [failed], replaced: true },
      ['attempts', 'error'],
      true,
    ],
    ['that only ran again later', { failedAttempts: [{ ...failed, postponed: true }] }, [], false],
    ['whose earlier execution failed', { failedAttempts: [{ ...failed, execution: 0 }] }, [], false],
    ['that came round again', { execution: 2 }, ['attempts'], true],
    ['on another worker', { worker: 'w2' }, ['worker'], false],
    ['that took about as long', { startedAt: at(0), endedAt: at(1_500) }, [], false],
    ['that took three times as long', { startedAt: at(0), endedAt: at(3_000) }, ['duration'], true],
    ['that has not ended', { startedAt: at(0), endedAt: undefined }, ['duration'], true],
  ]) {
    it(`${name} differs in: ${differs}`, () => {
      const before = node({ startedAt: at(0), endedAt: at(1_000) })
      const [compared] = comparedNodes(run(before), run({ ...before, ...change }))
      assert.deepEqual([compared.differs, compared.isDifferent], [differs, isDifferent])
    })
  }

  it('that only one has reached is told apart, on either side', () => {
    const nodes = comparedNodes(run(node(), node({ nodeId: 'a' })), run(node(), node({ nodeId: 'b' })))
    assert.deepEqual(
      nodes.map(({ nodeId, one, other, differs }) => [nodeId, !!one, !!other, differs]),
      [
        ['n', true, true, []],
        ['a', true, false, ['presence']],
        ['b', false, true, ['presence']],
      ],
    )
  })

  it('differs in its duration only where that is more than chance', () => {
    for (const [one, other, is] of [
      [10, 90, false],
      [10, 110, true],
      [1_000, 1_999, false],
      [2_000, 1_000, true],
      [undefined, undefined, false],
      [undefined, 5, true],
    ]) {
      assert.equal(isNotable(one, other), is, `${one} ${other}`)
    }
  })
})

describe('two values', () => {
  for (const [one, other, is] of [
    ['{"a":1,"b":[1,{}]}', '{ "b": [1, {}], "a": 1 }', true],
    ['{"a":1}', '{"a":1,"b":null}', false],
    ['{"a":1,"b":null}', '{"a":1}', false],
    ['[1,2]', '[2,1]', false],
    ['"\\u00e9"', '"é"', true],
    ['9007199254740993', '9007199254740992', false],
    ['"1"', '1', false],
    ['null', 'false', false],
    ['{"__proto__":1}', '{}', false],
  ]) {
    it(`${one} and ${other} are ${is ? '' : 'not '}the same`, () => assert.equal(isSameJson(one, other), is))
  }

  it('of contexts are compared by key, without what the engine keeps', () => {
    const { differences, same } = keyDifferences(
      '{"a":1,"b":2,"c":3,"_flowcraft":{"x":1}}',
      '{"c":3,"b":4,"d":5,"_flowcraft":{"x":2}}',
    )
    assert.deepEqual(
      [differences.map(({ key, change }) => `${key} ${change}`), same],
      [['a removed', 'b changed', 'd added'], 1],
    )
  })

  it('that are encrypted in both are not said to be the same', () => {
    const one = '{"a":"[encrypted]","b":"[encrypted]","c":1}'
    const { differences, same, hidden } = keyDifferences(one, '{"a":"[encrypted]","b":2,"c":1}')
    assert.deepEqual([differences.map(({ key }) => key), same, hidden], [['b'], 1, ['a']])
  })
})

/** A run that failed, and one run again from where it did. */
async function twoRuns(t, options) {
  const world = { declined: true }
  const board = await boardFor(t, { flows: { order: orders(world), quick }, ...options })
  const { env } = board
  await env.client.start('order', { runId: 'o-1', context: { card: '4111', list: ['x'.repeat(5_000)], gone: true } })
  await env.settle()
  world.declined = false
  await env.client.start('order', { runId: 'o-2', context: { card: '4222', list: ['y'.repeat(5_000)], fresh: 1 } })
  await env.settle()
  return board
}
const PAIR = { one: 'o-1', other: 'o-2' }

describe('two runs', () => {
  it('are compared by status, nodes and contexts', async (t) => {
    const { get } = await twoRuns(t)
    const { status, body } = await get('runs/compare', PAIR)
    assert.deepEqual([status, body.one.status, body.other.status], [200, 'failed', 'awaiting'])
    assert.deepEqual([typeof body.one.took, body.other.took, body.one.nodes], ['number', undefined, undefined])
    const charge = body.nodes.find(({ nodeId }) => nodeId === 'charge')
    assert.deepEqual([charge.one.state, charge.other.state], ['failed', 'done'])
    assert.match(charge.one.error, /declined/)
    assert.ok(charge.isDifferent)
    const contexts = (await get('runs/compare-contexts', PAIR)).body
    const shown = Object.fromEntries(contexts.differences.map((each) => [each.key, each]))
    assert.deepEqual(
      [shown.card.change, shown.card.one.text, shown.card.other.text, shown.gone.change, shown.fresh.change],
      ['changed', '4111', '4222', 'removed', 'added'],
    )
    // A large value is asked for when it is opened.
    assert.deepEqual([shown.list.one.kind, shown.list.one.children], ['array', undefined])
    assert.equal(contexts.total, contexts.differences.length)
  })

  it('are compared a hundred keys at a time', async (t) => {
    const { env, get } = await boardFor(t)
    const many = (value) => Object.fromEntries(Array.from({ length: 250 }, (_, key) => [`key${key}`, value]))
    await env.client.start('quick', { runId: 'a', context: many(1) })
    await env.client.start('quick', { runId: 'b', context: many(2) })
    await env.settle()
    const page = async (from) => (await get('runs/compare-contexts', { one: 'a', other: 'b', from })).body
    const [first, last] = [await page(0), await page(200)]
    assert.deepEqual([first.differences.length, first.next, first.total], [100, 100, 250])
    assert.deepEqual([last.differences.length, last.next], [50, undefined])
  })

  it('are the one it was run again from, and else the one before it of its blueprint', async (t) => {
    const { env, get } = await twoRuns(t)
    await env.client.run('o-1').rerunFrom('charge', { runId: 'z' })
    await env.client.start('quick', { runId: 'o-15' })
    await env.settle()
    assert.deepEqual((await get('run/comparable', { id: 'z' })).body, { runId: 'o-1' })
    assert.deepEqual((await get('run/comparable', { id: 'o-2' })).body, { runId: 'o-1' })
    assert.deepEqual((await get('run/comparable', { id: 'o-1' })).body, {})
    assert.equal((await get('run/comparable', { id: 'none' })).status, 404)
  })

  it('show no more than redact lets through, also not whether two hidden values are equal', async (t) => {
    const redact = (path, value, place) => {
      if (path.at(-1) === 'card' || path.at(-1) === '0') return '•••'
      return place === 'node' && /error|reason/.test(path.at(-1)) ? 'hidden' : value
    }
    const { get } = await twoRuns(t, { redact })
    const contexts = await get('runs/compare-contexts', PAIR)
    assert.doesNotMatch(JSON.stringify(contexts.body), /4111|4222|xxx|yyy/)
    const keys = contexts.body.differences.map(({ key }) => key)
    assert.deepEqual([keys.includes('card'), keys.includes('list'), keys.includes('gone')], [false, false, true])
    const runs = await get('runs/compare', PAIR)
    assert.doesNotMatch(JSON.stringify(runs.body), /declined/)
  })

  it('are refused where one is not there, not named, or another site asks', async (t) => {
    const { url, get } = await twoRuns(t)
    assert.equal((await get('runs/compare', { one: 'o-1', other: 'none' })).body.error.code, 'RUN_NOT_FOUND')
    for (const call of ['runs/compare', 'runs/compare-contexts']) {
      assert.equal((await get(call, { one: 'o-1' })).body.error.code, 'INVALID_ARGUMENT', call)
      const headers = { host: 'localhost', 'sec-fetch-site': 'cross-site' }
      assert.equal((await raw(url, `/api/${call}?one=o-1&other=o-2`, { headers })).status, 403, call)
    }
  })
})
