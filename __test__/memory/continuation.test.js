// A worker goes on with a run under the message it holds: what the queue shows of that, and what becomes of it when the worker
// stops.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { freshMemory, QUEUE } from './support.js'

/** A chain `n1 -> … -> n<length>`; the node `holds` waits to be let go. Who executed what is noted. */
function chain(length, holds) {
  const executed = []
  const waiting = []
  const node = (id) => async () => {
    executed.push(id)
    if (id === holds) await new Promise((resolve) => waiting.push(resolve))
    return { output: id }
  }
  let flow = createFlow('chain')
  const ids = Array.from({ length }, (_, index) => `n${index + 1}`)
  for (const id of ids) flow = flow.node(id, node(id))
  for (const [index, id] of ids.slice(1).entries()) flow = flow.edge(ids[index], id)
  return { flow, ids, executed, letGo: () => waiting.shift()?.() }
}

const nodesOf = (messages) => messages.map(({ body }) => JSON.parse(body).nodeId)

describe('a chain', () => {
  it('runs under the message of its first node', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const { flow, ids, executed, letGo } = chain(5, 'n3')
    worker(flow)
    begin('run', 'chain', 'n1')
    await until(() => executed.includes('n3'))
    const { held, ready } = memory.queue(QUEUE)
    assert.deepEqual([nodesOf(held), nodesOf(ready)], [['n1'], []])
    letGo()
    assert.equal((await settled('run')).status, 'completed')
    assert.deepEqual(executed, ids)
    await until(() => memory.queue(QUEUE).held.length === 0)
  })

  it('is published node by node where the option is off', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const { flow, ids, executed, letGo } = chain(4, 'n3')
    worker(flow, { continuation: false })
    begin('run', 'chain', 'n1')
    await until(() => executed.includes('n3'))
    assert.deepEqual(nodesOf(memory.queue(QUEUE).held), ['n3'])
    letGo()
    await settled('run')
    assert.deepEqual(executed, ids)
  })

  it('longer than one message may be held goes on under another', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const { flow, ids, executed } = chain(230)
    worker(flow)
    begin('run', 'chain', 'n1')
    assert.equal((await settled('run')).status, 'completed')
    assert.deepEqual(executed, ids)
  })

  it('tells of every job that it runs', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const told = []
    const { flow, ids } = chain(4)
    worker(flow, { eventBus: { emit: ({ type, payload }) => void told.push(`${type} ${payload.nodeId}`) } })
    begin('run', 'chain', 'n1')
    await settled('run')
    const jobs = () => told.filter((line) => line.startsWith('job:'))
    await until(() => jobs().length === 7)
    const [first, ...others] = ids
    const expected = [
      `job:processed ${first}`,
      ...others.flatMap((id) => [`job:enqueued ${id}`, `job:processed ${id}`]),
    ]
    assert.deepEqual(jobs(), expected)
  })

  it('takes turns with other runs where the worker has one slot', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const order = []
    const long = chain(12)
    const short = createFlow('short').node('only', () => {
      order.push('short', long.executed.length)
      return { output: 1 }
    })
    begin('long', 'chain', 'n1')
    begin('short', 'short', 'only')
    worker([long.flow, short], { concurrency: 1 })
    await settled('long')
    await settled('short')
    assert.ok(order[1] <= 4, `the other run waited for ${order[1]} nodes`)
  })
})

describe('siblings', () => {
  it('start together: none runs ahead', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const waiting = []
    const wait = (id) => () => new Promise((resolve) => waiting.push(() => resolve({ output: id })))
    const flow = createFlow('fan')
      .node('start', () => ({ output: 0 }))
      .node('left', wait('left'))
      .node('right', wait('right'))
      .edge('start', 'left')
      .edge('start', 'right')
    worker(flow)
    begin('run', 'fan', 'start')
    await until(() => waiting.length === 2)
    assert.deepEqual(nodesOf(memory.queue(QUEUE).held).sort(), ['left', 'right'])
    for (const letGo of waiting) letGo()
    assert.equal((await settled('run')).status, 'completed')
  })
})

describe('a worker that stops within a chain', () => {
  it('gives the run back, and another one finishes it', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const first = chain(5, 'n3')
    const stopping = worker(first.flow, { stopTimeout: 5_000 })
    begin('run', 'chain', 'n1')
    await until(() => first.executed.includes('n3'))
    const second = chain(5)
    worker(second.flow)
    const stopped = stopping.stop()
    first.letGo()
    await stopped
    assert.equal((await settled('run')).status, 'completed')
    assert.deepEqual(
      [first.executed, second.executed],
      [
        ['n1', 'n2', 'n3'],
        ['n4', 'n5'],
      ],
    )
  })

  it('also where the node is not done in time: that one runs again', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const first = chain(5, 'n3')
    const stopping = worker(first.flow, { stopTimeout: 100 })
    begin('run', 'chain', 'n1')
    await until(() => first.executed.includes('n3'))
    await stopping.stop()
    const second = chain(5)
    worker(second.flow)
    assert.equal((await settled('run')).status, 'completed')
    assert.deepEqual(
      [first.executed, second.executed],
      [
        ['n1', 'n2', 'n3'],
        ['n3', 'n4', 'n5'],
      ],
    )
    first.letGo()
  })
})
