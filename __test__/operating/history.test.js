// The history on its way to PostgreSQL: in batches, within bounds, and never in the way of anything.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { History } from '../../dist/worker/history.js'
import { until } from '../fixtures/until.js'

/** A history whose writes the test answers. */
function history(answer) {
  const [written, warnings] = [[], []]
  const write = async (told) => {
    const attempts = JSON.parse(told).attempts.map(({ number }) => number)
    written.push(attempts)
    return answer(written.length, attempts)
  }
  const way = { worker: 'w', write, warn: (line) => void warnings.push(line) }
  return { of: new History(way), written, warnings }
}

const attempt = (number, size = 0) => JSON.stringify({ number, filled: 'x'.repeat(size) })

/** So many, each of so many characters. */
function add(of, count, size) {
  for (let number = 1; number <= count; number += 1) of.add(attempt(number, size))
}

describe('attempts', () => {
  it('wait for company, and leave in their order, so many at a time', async () => {
    const { of, written } = history(() => true)
    add(of, 3)
    assert.equal(written.length, 0)
    await until(() => written.length === 1)
    assert.deepEqual(written, [[1, 2, 3]])
    add(of, 1_201)
    await of.flush()
    assert.deepEqual(
      written.slice(1).map(({ length }) => length),
      [500, 500, 201],
    )
    assert.equal(written.at(-1).at(-1), 1_201)
  })

  it('of which the largest fill a statement leave in several', async () => {
    const { of, written } = history(() => true)
    add(of, 5, 1_500_000)
    await of.flush()
    assert.deepEqual(written, [[1, 2], [3, 4], [5]])
  })

  it('are kept in their order while a server is away', async () => {
    const away = Object.assign(new Error('away'), { retryable: true })
    const { of, written, warnings } = history((time) => (time === 1 ? Promise.reject(away) : true))
    add(of, 2)
    await until(() => written.length === 1)
    of.add(attempt(3))
    await until(() => written.length === 2, { timeout: 10_000 })
    assert.deepEqual([written[1], warnings], [[1, 2, 3], []])
  })

  it('that are more than there is room for are dropped, the oldest first, and one warning says so', async () => {
    let answer
    const { of, written, warnings } = history((time) =>
      time === 1 ? new Promise((resolve) => (answer = resolve)) : true,
    )
    add(of, 60_000)
    await until(() => written.length === 1)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0], /lacks \d+ attempts/)
    answer(true)
    for (let round = 0; round < 5; round += 1) await of.flush()
    const all = written.flat()
    assert.equal(all.at(-1), 60_000)
    assert.ok(all.length <= 21_000, `${all.length}`)
    assert.deepEqual(
      all.slice(500),
      all.slice(500).toSorted((a, b) => a - b),
    )
  })

  it('that nobody takes are said once, and hold up no stop', async () => {
    const refused = Object.assign(new Error('permission denied'), { retryable: false })
    const { of, warnings } = history(() => Promise.reject(refused))
    add(of, 2)
    await until(() => warnings.length === 1)
    assert.match(warnings[0], /option history.*permission denied/)
    add(of, 2)
    const before = performance.now()
    await of.flush()
    assert.ok(performance.now() - before < 1_000)
    assert.equal(warnings.length, 1)
  })
})
