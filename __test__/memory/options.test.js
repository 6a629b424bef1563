// `memory:` in place of servers: who shares one, what works on it, and what is refused.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  createRabbitMqReconciler,
  migrate,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { counting, threaded } from './flows.js'
import { freshMemory, optionsOn, QUEUE, TABLES } from './support.js'

describe('a memory', () => {
  it('is shared by the adapters that name it', async (t) => {
    const { worker, settled, url, memory } = freshMemory(t)
    memory.insert(TABLES, 'run', '{}', 'running')
    worker(counting)
    const client = new RabbitMqAdapter(optionsOn(url))
    await client.enqueueJob({ runId: 'run', blueprintId: 'counting', nodeId: 'first' })
    const { status, context } = await settled('run')
    assert.deepEqual([status, context['_outputs.second']], ['completed', 2])
  })

  it('of another name is another one', async (t) => {
    const [one, other] = [freshMemory(t), freshMemory(t)]
    await new PostgresContext('run', { client: one.url, tableName: TABLES.contexts }).set('key', 1)
    const there = new PostgresContext('run', { client: other.url, tableName: TABLES.contexts })
    assert.deepEqual(await there.toJSON(), {})
  })

  it('without a name is one too', async () => {
    const write = new PostgresContext('nameless', { client: 'memory:', tableName: TABLES.contexts })
    await write.set('key', 1)
    const read = new PostgresContext('nameless', { client: 'memory:', tableName: TABLES.contexts })
    assert.equal(await read.get('key'), 1)
  })

  const start = async (url, ms) => {
    const thread = new Worker(new URL('./programs/worker.js', import.meta.url), { workerData: { url, ms } })
    await once(thread, 'message')
    return thread
  }

  it('is shared with worker threads', async (t) => {
    const { begin, settled, url } = freshMemory(t)
    const quick = await start(url, 1)
    begin('in-thread', 'threaded', 'only')
    assert.equal((await settled('in-thread')).context['_outputs.only'], 'in the thread')
    quick.postMessage('stop')
    await once(quick, 'exit')
  })

  it('hands the job of a thread that is ended to another worker', async (t) => {
    const { begin, settled, worker, url, memory } = freshMemory(t)
    const slow = await start(url, 60_000)
    begin('taken-over', 'threaded', 'only')
    await until(() => memory.queue(QUEUE).held.length === 1)
    await slow.terminate()
    worker(threaded('here', 1))
    const { status, result, context } = await settled('taken-over')
    assert.deepEqual([status, result.reason, context['_outputs.only']], ['completed', undefined, 'here'])
  })

  it('gets back every message of a thread that is ended while it is asked for many blueprints', async (t) => {
    for (let round = 0; round < 3; round++) {
      const { memory, url } = freshMemory(t)
      for (let number = 0; number < 300; number++) {
        const job = { runId: `run-${number}`, blueprintId: `not-there-${number}`, nodeId: 'only' }
        memory.publish(QUEUE, Buffer.from(JSON.stringify(job)))
      }
      const thread = await start(url, 1)
      await until(() => memory.queue(QUEUE).held.length > 0)
      await thread.terminate()
      await until(() => memory.queue(QUEUE).held.length === 0, { what: 'nothing to be held' })
    }
  })

  it('has a journal after migrate, and loses it again', async (t) => {
    const { begin, settled, worker, url } = freshMemory(t)
    const tables = { contextTableName: TABLES.contexts, statusTableName: TABLES.statuses }
    await migrate({ pgClient: url, ...tables })
    worker(counting)
    begin('with', 'counting', 'first')
    assert.equal((await settled('with')).context['_outputs.second'], 2)
    await migrate({ pgClient: url, ...tables, direction: 'down' })
    begin('without', 'counting', 'first')
    assert.equal((await settled('without')).context['_outputs.second'], 2)
  })

  it('has stalled runs that a reconciler finds, by its clock', async (t) => {
    const { memory, settled, url, worker } = freshMemory(t)
    const adapter = worker(counting, { repairInterval: 0 })
    memory.insert(TABLES, 'stalled', '{"blueprintId":"counting"}', 'running')
    const reconciler = createRabbitMqReconciler({
      adapter,
      pgClient: url,
      statusTableName: TABLES.statuses,
      stalledThresholdSeconds: 3600,
    })
    assert.equal((await reconciler.run()).stalledRuns, 0)
    memory.advance(3_601_000)
    assert.deepEqual(await reconciler.run(), { stalledRuns: 1, reconciledRuns: 1, failedRuns: 0 })
    assert.equal((await settled('stalled')).status, 'completed')
  })

  it('takes a coordination store of the user', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const asked = []
    const keys = new Map()
    const store = {
      increment: async (key) => keys.set(key, (keys.get(key) ?? 0) + 1).get(key),
      setIfNotExist: async (key, value) => {
        asked.push(key)
        return !keys.has(key) && Boolean(keys.set(key, value))
      },
      extendTTL: async (key) => keys.has(key),
      delete: async (key) => void keys.delete(key),
      get: async (key) => keys.get(key),
    }
    worker(counting, { coordinationStore: store })
    begin('run', 'counting', 'first')
    assert.equal((await settled('run')).status, 'completed')
    assert.ok(asked.length > 0)
  })
})

describe('a coordination store in memory', () => {
  it('counts, locks and forgets by the clock of its memory', async (t) => {
    const { memory, url } = freshMemory(t)
    const [store, other] = [new RedisCoordinationStore(url), new RedisCoordinationStore(url)]
    assert.deepEqual([await store.increment('count', 60), await other.increment('count', 60)], [1, 2])
    assert.equal(await store.setIfNotExist('lock', 'mine', 60), true)
    assert.equal(await other.setIfNotExist('lock', 'theirs', 60), false)
    memory.advance(59_000)
    assert.equal(await other.get('lock'), 'mine')
    memory.advance(1_000)
    assert.equal(await other.get('lock'), undefined)
    await store.setIfNotExist('lock', 'mine', 60)
    await other.delete('lock')
    assert.equal(await store.extendTTL('lock', 60), false)
  })
})

describe('a mixture of memory and real servers is refused by a TypeError that names the options', () => {
  const real = {
    amqpConnection: 'amqp://localhost',
    pgClient: 'postgres://user:a-secret@localhost/db',
    coordinationStore: new RedisCoordinationStore('redis://localhost'),
  }
  class Derived extends RedisCoordinationStore {}
  const cases = {
    'a real broker': [{ amqpConnection: real.amqpConnection }, 'pgClient'],
    'a real database': [{ pgClient: real.pgClient }, 'pgClient'],
    'a real Redis': [{ coordinationStore: real.coordinationStore }, 'coordinationStore'],
    'a class derived from a real Redis': [{ coordinationStore: new Derived('redis://localhost') }, 'coordinationStore'],
    'a memory beside real servers': [{ ...real, coordinationStore: undefined }, 'coordinationStore'],
    'a database of another memory': [{ pgClient: 'memory:other' }, 'pgClient'],
    'a store of another memory': [{ coordinationStore: new RedisCoordinationStore('memory:') }, 'coordinationStore'],
  }
  for (const [title, [{ coordinationStore, ...changed }, option]] of Object.entries(cases)) {
    it(title, () => {
      const options = { ...optionsOn('memory:mixed'), ...changed, ...(coordinationStore && { coordinationStore }) }
      assert.throws(
        () => new RabbitMqAdapter(options),
        (error) => {
          assert.ok(error instanceof TypeError)
          assert.deepEqual([error.code, error.option], ['INVALID_OPTION', option])
          for (const name of Object.keys(real)) assert.ok(error.message.includes(name), error.message)
          assert.doesNotMatch(error.message, /a-secret/)
          return true
        },
      )
    })
  }

  it('and so is a memory among several URLs', () => {
    const options = { ...optionsOn('memory:mixed'), amqpConnection: ['memory:mixed'] }
    assert.throws(() => new RabbitMqAdapter(options), /Invalid option/)
  })
})

describe('a started worker', () => {
  const warned = (options) => {
    const lines = []
    const logger = Object.assign(new NullLogger(), { warn: (line) => lines.push(line) })
    return { lines, adapter: new RabbitMqAdapter(options(logger)) }
  }

  it('on memory says once that nothing is durable', async (t) => {
    const { url } = freshMemory(t)
    const { lines, adapter } = warned((logger) => optionsOn(url, [], { runtime: { logger } }))
    assert.deepEqual(lines, [])
    adapter.start()
    await adapter.stop()
    adapter.start()
    await adapter.stop()
    assert.equal(lines.length, 1)
    assert.match(lines[0], /memory.*nothing is durable/)
  })
})
