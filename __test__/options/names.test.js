// A misspelt option is said by name, with the nearest name there is; it is never refused, and no value is shown.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRabbitMqReconciler, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { NullLogger } from 'flowcraft'
import { Redis } from 'ioredis'
import pg from 'pg'
import { ADAPTER_SCHEMA } from '../../dist/options/adapter-schema.js'
import { distance, nearest } from '../../dist/options/nearest.js'
import { valid, warningsOf } from './support.js'

describe('the nearest name', () => {
  it('is counted in letters to insert, remove, replace or swap', () => {
    for (const [a, b, edits] of [
      ['', '', 0],
      ['', 'abc', 3],
      ['abc', '', 3],
      ['abc', 'abc', 0],
      ['abc', 'abd', 1],
      ['abc', 'acb', 1],
      ['abcd', 'acbd', 1],
      ['ca', 'abc', 3],
      ['kitten', 'sitting', 3],
      ['saturday', 'sunday', 3],
    ]) {
      assert.equal(distance(a, b), edits, `${a} ${b}`)
      assert.equal(distance(b, a), edits, `${b} ${a}`)
    }
  })

  it('is none where nothing is near', () => {
    const names = ['queueName', 'queues', 'consume']
    assert.equal(nearest('queuename', names), 'queueName')
    assert.equal(nearest('queue', names), 'queues')
    assert.equal(nearest('consumes', names), 'consume')
    assert.equal(nearest('prefetch', names), undefined)
    assert.equal(nearest('', names), undefined)
    assert.equal(nearest('x', []), undefined)
  })

  it('is found for every option with a letter too few, too many, wrong or swapped', () => {
    const names = Object.keys(ADAPTER_SCHEMA)
    for (const name of names) {
      const middle = name.length >> 1
      const [before, letter, next, after] = [
        name.slice(0, middle),
        name[middle],
        name[middle + 1],
        name.slice(middle + 2),
      ]
      for (const typed of [
        before + next + after,
        `${before}${letter}${letter}${next}${after}`,
        `${before}#${next}${after}`,
        `${before}${next}${letter}${after}`,
        name.toUpperCase(),
      ])
        assert.equal(nearest(typed, names), name, typed)
    }
  })
})

describe('a name nobody knows', () => {
  it('is a warning, with the name that was meant', () => {
    assert.deepEqual(warningsOf({ concurency: 4 }), [
      "[Adapter] Unknown option 'concurency': did you mean 'concurrency'?",
    ])
  })

  it('is a warning where nothing is near', () => {
    assert.deepEqual(warningsOf({ prefetchCount: 4 }), ["[Adapter] Unknown option 'prefetchCount': it has no effect"])
  })

  it('inside an option too, each once', () => {
    const warnings = warningsOf({
      webhook: { baseUrl: 'https://example.com', secret: 'hunter2-hunter2-hunter2', maxBodyByte: 5 },
      amqpConnection: { hostname: 'h', pasword: 'hunter2' },
      pgClient: { host: 'h', ssl: { rejectUnauthorised: true }, passwrod: 'hunter2' },
      coordinationStore: new RedisCoordinationStore({ host: 'h', paswword: 'hunter2' }),
      hunter3: 'hunter2',
    })
    assert.deepEqual(warnings.map((line) => line.replace('[Adapter] Unknown option ', '')).sort(), [
      "'amqpConnection.pasword': did you mean 'amqpConnection.password'?",
      "'hunter3': it has no effect",
      "'pgClient.passwrod': did you mean 'pgClient.password'?",
      "'pgClient.ssl.rejectUnauthorised': did you mean 'pgClient.ssl.rejectUnauthorized'?",
      "'redis.paswword': did you mean 'redis.password'?",
      "'webhook.maxBodyByte': did you mean 'webhook.maxBodyBytes'?",
    ])
    assert.ok(!warnings.join().includes('hunter2'))
  })

  it('may be one that every object has', () => {
    assert.deepEqual(warningsOf(JSON.parse('{ "toString": 1, "__proto__": 2 }')).length, 2)
  })

  it('is not looked for in live clients, nor in the runtime’s own options', async () => {
    const redis = new Redis({ lazyConnect: true, retryStrategy: () => null })
    const amqpConnection = Object.assign(Object.create(amqplib), {
      createChannel() {},
      createConfirmChannel() {},
      on() {},
    })
    const pool = new pg.Pool({ host: 'h', idleTimeoutMillis: 5, password: 'p' })
    assert.deepEqual(
      warningsOf({ amqpConnection, pgClient: pool, coordinationStore: new RedisCoordinationStore(redis) }),
      [],
    )
    assert.deepEqual(warningsOf({ pgClient: new pg.Client({ host: 'h', statement_timeout: 5 }) }), [])
    redis.disconnect()
  })

  it('breaks nothing where the logger throws, or there is none', () => {
    const warn = () => {
      throw new Error('logger')
    }
    const logger = Object.assign(new NullLogger(), { warn })
    const runtimeOptions = { blueprints: {}, registry: {}, logger }
    assert.doesNotThrow(() => new RabbitMqAdapter(valid({ runtimeOptions, concurency: 1 })))
    assert.doesNotThrow(() => new RabbitMqAdapter(valid({ runtimeOptions: {}, concurency: 1 })))
  })

  it('of a reconciler goes to its logger', () => {
    const warnings = []
    createRabbitMqReconciler({
      adapter: { reconcile: async () => new Set() },
      pgClient: 'postgres://localhost/db',
      statusTableName: 's',
      stalledThresholdSeconds: 1,
      stalledTresholdSeconds: 2,
      logger: { error() {}, warn: (line) => warnings.push(line) },
    })
    assert.deepEqual(warnings, [
      "[Reconciler] Unknown option 'stalledTresholdSeconds': did you mean 'stalledThresholdSeconds'?",
    ])
  })

  it('of a reconciler breaks nothing where its logger throws, or has one method only', () => {
    const error = () => {
      throw new Error('logger')
    }
    for (const logger of [{ error }, { error, warn: error }]) {
      const options = { pgClient: 'postgres://localhost/db', statusTableName: 's', stalledThresholdSeconds: 1 }
      const adapter = { reconcile: async () => new Set() }
      assert.doesNotThrow(() => createRabbitMqReconciler({ ...options, adapter, logger, longer: 1 }))
    }
  })
})
