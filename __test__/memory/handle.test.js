// What a test does to a memory: looks into it, puts things there, moves its clock, breaks it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { Memory } from '../../dist/bridge/native.js'
import { FlowcraftAdapterError } from '../../dist/errors.js'
import { until } from '../fixtures/until.js'
import { counting } from './flows.js'
import { freshMemory, QUEUE, TABLES } from './support.js'

/** A flow whose node waits to be let go. */
function held() {
  const executions = []
  const flow = createFlow('held').node('only', () => new Promise((resolve) => executions.push(resolve)))
  return { flow, executions }
}

describe('rows', () => {
  it('are inserted, read and removed', (t) => {
    const { memory } = freshMemory(t)
    const before = memory.now()
    memory.insert(TABLES, 'run', '{"a":[1]}', 'running')
    const row = memory.run(TABLES, 'run')
    assert.deepEqual([JSON.parse(row.context), row.status, row.result], [{ a: [1] }, 'running', undefined])
    assert.ok(row.updatedAt >= before && row.updatedAt <= memory.now())
    assert.deepEqual(memory.runs(TABLES), ['run'])
    memory.setStatus(TABLES, 'run', 'awaiting')
    assert.equal(memory.run(TABLES, 'run').status, 'awaiting')
    memory.remove(TABLES, 'run')
    assert.deepEqual(memory.run(TABLES, 'run'), {})
    assert.deepEqual(memory.runs(TABLES), [])
  })

  it('of an ended run say its result and what the engine keeps', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    worker(counting)
    begin('run', 'counting', 'first', { user: 'Ada' })
    const { result, context } = await settled('run')
    assert.deepEqual([result.status, result.payload.context['_outputs.second']], ['completed', 2])
    assert.deepEqual([context.user, '_flowcraft' in context], ['Ada', false])
    assert.ok('ledger' in JSON.parse(memory.run(TABLES, 'run').bookkeeping))
  })

  it('that cannot be stored are refused by a typed error', (t) => {
    const { memory } = freshMemory(t)
    for (const context of ['{', '{"a":"\\u0000"}']) {
      assert.throws(
        () => memory.insert(TABLES, 'run', context),
        (error) =>
          error instanceof FlowcraftAdapterError && error.code === 'VALUE_NOT_STORABLE' && error.runId === 'run',
      )
    }
  })
})

describe('queues', () => {
  it('show what is ready and what is held', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const { flow, executions } = held()
    worker(flow, { concurrency: 1 })
    begin('one', 'held', 'only')
    begin('two', 'held', 'only')
    await until(() => executions.length === 1)
    const { ready, held: delivered } = memory.queue(QUEUE)
    assert.deepEqual(
      [delivered, ready].map(([{ body }]) => JSON.parse(body).runId),
      ['one', 'two'],
    )
    executions[0]({ output: 1 })
    await until(() => executions.length === 2)
    executions[1]({ output: 2 })
    await settled('two')
    await until(() => memory.queue(QUEUE).held.length === 0)
  })

  it('take and give messages with their headers', (t) => {
    const { memory } = freshMemory(t)
    assert.equal(memory.publish('nowhere', Buffer.from('lost')), false)
    assert.equal(memory.queue('nowhere') ?? undefined, undefined)
    memory.declareQueue('other')
    assert.equal(memory.publish('other', Buffer.from('kept'), { trace: 'abc' }), true)
    const { body, headers, redelivered } = memory.take('other')
    assert.deepEqual([body.toString(), headers, redelivered], ['kept', { trace: 'abc' }, false])
    assert.equal(memory.take('other') ?? undefined, undefined)
    memory.deleteQueue('other')
    assert.equal(memory.publish('other', Buffer.from('lost')), false)
  })
})

describe('time', () => {
  it('moves: a node that sleeps for a week goes on at once', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const week = 7 * 24 * 3600 * 1000
    const flow = createFlow('patient')
      .sleep('pause', { duration: week })
      .node('after', () => ({ output: 'rested' }))
      .edge('pause', 'after')
    worker(flow)
    begin('run', 'patient', 'pause')
    await settled('run', ['awaiting'])
    const before = memory.now()
    memory.advance(week + 1000)
    assert.ok(memory.now() >= before + week)
    assert.equal((await settled('run')).context['_outputs.after'], 'rested')
  })
})

describe('faults', () => {
  it('every connection is cut: the worker connects again, and a node that was running counts once', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const { flow, executions } = held()
    worker([flow, counting])
    begin('during', 'held', 'only')
    await until(() => executions.length === 1)
    memory.cut()
    begin('after', 'counting', 'first')
    assert.equal((await settled('after')).context['_outputs.second'], 2)
    executions[0]({ output: 'once' })
    assert.equal((await settled('during')).context['_outputs.only'], 'once')
    assert.equal(executions.length, 1)
  })

  it('coordination is flushed: no run notices', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    const { flow, executions } = held()
    worker(flow)
    begin('run', 'held', 'only')
    await until(() => executions.length === 1)
    memory.flush()
    executions[0]({ output: 'once' })
    assert.equal((await settled('run')).context['_outputs.only'], 'once')
    assert.equal(executions.length, 1)
  })
})

describe('reset', () => {
  it('leaves nothing, and who is connected goes on with an empty memory', async (t) => {
    const { begin, memory, settled, worker } = freshMemory(t)
    worker(counting)
    begin('before', 'counting', 'first')
    await settled('before')
    memory.advance(3_600_000)
    memory.reset()
    assert.deepEqual(memory.runs(TABLES), [])
    assert.ok(Math.abs(memory.now() - Date.now()) < 60_000)
    memory.declareQueue(QUEUE)
    begin('after', 'counting', 'first')
    assert.equal((await settled('after')).context['_outputs.second'], 2)
  })

  it('of a name that nobody used does nothing', () => {
    new Memory('never used').reset()
  })
})
