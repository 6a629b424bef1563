// What many read of contexts at a time: once for each state of a run, and one after the other.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Readings } from '../../dist/dashboard/readings.js'
import { deferred } from '../fixtures/deferred.js'

/** Reads that end when the test says so. */
function readsOf(readings) {
  const begun = []
  const ask = (revision, { name = 'run', weight = 1 } = {}) =>
    readings.get(name, revision, async () => {
      const gate = deferred()
      begun.push(gate)
      return { answer: await gate.promise, weight }
    })
  return { begun, ask, turn: () => new Promise((resolve) => setImmediate(resolve)) }
}

describe('what is read', () => {
  it('is read once while nothing changes, however many ask', async () => {
    const { begun, ask, turn } = readsOf(new Readings())
    const answers = [ask('1'), ask('1')]
    await turn()
    answers.push(ask('1'))
    begun[0].resolve('first')
    assert.deepEqual(await Promise.all([...answers, ask('1')]), ['first', 'first', 'first', 'first'])
    assert.equal(begun.length, 1)
  })

  it('is read again after a change: one at a time, and once for all who come meanwhile', async () => {
    const { begun, ask, turn } = readsOf(new Readings())
    const old = ask('1')
    await turn()
    const later = [ask('2'), ask('3'), ask('3')]
    await turn()
    assert.equal(begun.length, 1, 'the one of before is under way')
    begun[0].resolve('first')
    assert.equal(await old, 'first')
    await turn()
    assert.equal(begun.length, 2)
    begun[1].resolve('second')
    assert.deepEqual(await Promise.all(later), ['second', 'second', 'second'])
    assert.equal(begun.length, 2)
  })

  it('is read by each who asks, where no change can be told', async () => {
    const { begun, ask, turn } = readsOf(new Readings())
    for (const at of [0, 1]) {
      const answer = ask(undefined)
      await turn()
      begun[at].resolve(at)
      assert.equal(await answer, at)
    }
  })

  it('is read again where that failed', async () => {
    const { begun, ask, turn } = readsOf(new Readings())
    const [one, other] = [ask('1'), ask('1')]
    await turn()
    begun[0].resolve(Promise.reject(new Error('away')))
    await assert.rejects(one, /away/)
    await assert.rejects(other, /away/)
    const again = ask('1')
    await turn()
    begun[1].resolve('there')
    assert.equal(await again, 'there')
  })

  it('is kept up to a size: the oldest goes first, and what is large is not kept', async () => {
    const { begun, ask, turn } = readsOf(new Readings())
    const read = async (name, weight) => {
      const [before, answer] = [begun.length, ask('1', { name, weight })]
      await turn()
      begun[before]?.resolve(name)
      await answer
      return begun.length > before
    }
    assert.equal(await read('large', 100_000_000), true)
    assert.equal(await read('large', 100_000_000), true)
    for (const name of ['a', 'b', 'c', 'd', 'e']) assert.equal(await read(name, 3_900_000), true, name)
    assert.equal(await read('e'), false)
    assert.equal(await read('b'), false)
    assert.equal(await read('a'), true)
  })
})
