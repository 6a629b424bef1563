// Every option: what holds without it, what it takes up to its bounds, and the one error for what it does not take.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createRabbitMqReconciler,
  migrate,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import { ADAPTER_SCHEMA, checkOptions } from '../../dist/options/adapter-schema.js'
import { describeOptions } from '../../dist/options/describe.js'
import { refusal, valid } from './support.js'

const [{ options: adapterOptions }] = describeOptions()
const wrong = { number: [1.5, Number.NaN, Number.POSITIVE_INFINITY, '10', true, [], {}], text: [7, '', {}, []] }

describe('without an option', () => {
  const defaults = {
    queueName: 'flowcraft-queue',
    queues: {},
    concurrency: 100,
    continuation: true,
    subflows: 'auto',
    stopTimeout: 20_000,
    eventLoopTimeout: 300_000,
    history: false,
    strictValues: false,
    retryMode: 'in-process',
    retryMaxDelay: 60_000,
    leaseSeconds: 15,
    maxDeaths: 3,
    withoutRedis: 'continue',
    connectTimeout: 5_000,
    statementTimeout: 15_000,
    publishTimeout: 15_000,
    leaseTimeout: 2_000,
    repairInterval: 5_000,
    versionTimeout: 3_600_000,
    blueprintTimeout: 5_000,
    writeTimeout: 600_000,
  }
  const absent = [
    'codec',
    'eventBus',
    'onError',
    'consume',
    'queueType',
    'maxPriority',
    'limits',
    'retention',
    'telemetry',
    'webhook',
  ]
  const required = adapterOptions.filter((option) => option.required).map(({ name }) => name)

  it('its default holds', () => {
    const checked = checkOptions(valid())
    for (const [name, value] of Object.entries(defaults)) assert.deepEqual(checked[name], value, name)
    for (const name of absent) assert.equal(checked[name], undefined, name)
    assert.deepEqual([...Object.keys(defaults), ...absent, ...required].sort(), Object.keys(ADAPTER_SCHEMA).sort())
  })

  it('null is the same', () => {
    const nulls = Object.fromEntries([...Object.keys(defaults), ...absent].map((name) => [name, null]))
    assert.deepEqual(checkOptions(valid(nulls)).concurrency, 100)
    assert.doesNotThrow(() => new RabbitMqAdapter(valid(nulls)))
  })

  for (const name of required) {
    it(`${name} is asked for`, () => {
      for (const value of [undefined, null])
        assert.throws(() => new RabbitMqAdapter(valid({ [name]: value })), refusal(name))
    })
  }
})

describe('a number', () => {
  const numbers = adapterOptions.filter(({ from }) => from !== undefined)

  it('is bounded wherever one is taken', () => {
    assert.deepEqual(
      numbers.map(({ name, from, to }) => [name, from, to]),
      [
        ['maxPriority', 1, 255],
        ['concurrency', 1, 10_000],
        ['stopTimeout', 0, 2 ** 31 - 1],
        ['eventLoopTimeout', 1_000, 2 ** 31 - 1],
        ['retryMaxDelay', 0, 2 ** 31 - 1],
        ['leaseSeconds', 1, 120],
        ['maxDeaths', 0, 1_000],
        ['connectTimeout', 100, 2 ** 31 - 1],
        ['statementTimeout', 1_000, 2 ** 31 - 1],
        ['publishTimeout', 1_000, 2 ** 31 - 1],
        ['leaseTimeout', 100, 2 ** 31 - 1],
        ['repairInterval', 0, 2 ** 31 - 1],
        ['versionTimeout', 0, 2 ** 31 - 1],
        ['blueprintTimeout', 0, 2 ** 31 - 1],
        ['writeTimeout', 0, 2 ** 31 - 1],
      ],
    )
  })

  for (const { name, from, to } of numbers) {
    it(`${name}: from ${from} to ${to}, and nothing else`, () => {
      for (const value of [from, to]) assert.doesNotThrow(() => new RabbitMqAdapter(valid({ [name]: value })))
      for (const value of [from - 1, to + 1, ...wrong.number])
        assert.throws(() => new RabbitMqAdapter(valid({ [name]: value })), refusal(name), String(value))
    })
  }
})

describe('a choice', () => {
  const choices = adapterOptions.filter((option) => option.choices)
  assert.deepEqual(choices.map(({ name }) => name).sort(), ['queueType', 'retryMode', 'subflows', 'withoutRedis'])
  for (const { name, choices: words } of choices) {
    it(`${name}: ${words.join(' or ')}`, () => {
      for (const value of words) assert.doesNotThrow(() => new RabbitMqAdapter(valid({ [name]: value })))
      for (const value of [words[0].toUpperCase(), `${words[0]} `, '', 0, true, [words[0]]])
        assert.throws(() => new RabbitMqAdapter(valid({ [name]: value })), refusal(name), String(value))
    })
  }
})

describe('a name', () => {
  for (const name of ['contextTableName', 'statusTableName']) {
    it(`${name}: of a table`, () => {
      for (const value of ['t', 'a.b', '"Odd Name"'])
        assert.doesNotThrow(() => new RabbitMqAdapter(valid({ [name]: value })))
      for (const value of [...wrong.text, 'half \ud800'])
        assert.throws(() => new RabbitMqAdapter(valid({ [name]: value })), refusal(name))
    })
  }

  it('queueName and the names in queues: as long as their delay queues can be', () => {
    const longest = 'ü'.repeat(119)
    assert.equal(Buffer.byteLength(longest), 238)
    for (const changed of [{ queueName: longest }, { queues: { a: longest, b: 'q' } }])
      assert.doesNotThrow(() => new RabbitMqAdapter(valid(changed)))
    for (const value of [...wrong.text, `${longest}x`, 'a\nb', 'a\r', '\udc00']) {
      assert.throws(() => new RabbitMqAdapter(valid({ queueName: value })), refusal('queueName'))
      assert.throws(() => new RabbitMqAdapter(valid({ queues: { a: value } })), refusal('queues'))
    }
    for (const value of ['q', 7, ['q'], { '\ud800': 'q' }])
      assert.throws(() => new RabbitMqAdapter(valid({ queues: value })), refusal('queues'))
  })

  it('consume: one or several of those there are', () => {
    const queues = { video: 'video-jobs' }
    for (const consume of [['video-jobs'], ['flowcraft-queue', 'video-jobs']])
      assert.doesNotThrow(() => new RabbitMqAdapter(valid({ queues, consume })))
    for (const consume of [[], 'video-jobs', ['video'], [7], {}])
      assert.throws(() => new RabbitMqAdapter(valid({ queues, consume })), refusal('consume'))
  })
})

describe('an object', () => {
  const methods = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get']
  const store = Object.fromEntries(methods.map((method) => [method, async () => {}]))
  const good = {
    runtimeOptions: [{}],
    coordinationStore: [store, Object.create(store)],
    eventBus: [{ emit() {} }],
    onError: [() => {}],
  }
  const bad = {
    runtimeOptions: [7, 'x', []],
    coordinationStore: [{}, 'redis://localhost', ...methods.map((method) => ({ ...store, [method]: 1 }))],
    eventBus: [{}, () => {}, { emit: 1 }],
    onError: [{}, 'x', true],
  }
  for (const name of Object.keys(good)) {
    it(`${name}: with what is called of it`, () => {
      for (const value of good[name]) assert.doesNotThrow(() => new RabbitMqAdapter(valid({ [name]: value })))
      for (const value of bad[name]) assert.throws(() => new RabbitMqAdapter(valid({ [name]: value })), refusal(name))
    })
  }

  it('of options itself', () => {
    for (const options of [undefined, null, 'x', []])
      assert.throws(() => new RabbitMqAdapter(options), refusal('options'))
  })
})

describe('a server', () => {
  const adapter = (changed) => () => new RabbitMqAdapter(valid(changed))

  it('is refused where it is none', () => {
    for (const connection of [null, 7, {}, [], [7], '', { query() {} }, new Map()]) {
      assert.throws(adapter({ amqpConnection: connection }), refusal('amqpConnection'))
      assert.throws(adapter({ pgClient: connection }), refusal('pgClient'))
      assert.throws(() => new RedisCoordinationStore(connection), refusal('redis'))
    }
    assert.throws(adapter({ amqpConnection: 'http://example.com' }), refusal('amqpConnection'))
  })

  it('names the field that cannot be used', () => {
    for (const [field, value] of [
      ['hostname', 7],
      ['port', 'rabbit'],
      ['port', 65_536],
      ['protocol', 'http'],
      ['heartbeat', -1],
      ['rejectUnauthorized', false],
    ])
      assert.throws(adapter({ amqpConnection: { hostname: 'h', [field]: value } }), refusal(`amqpConnection.${field}`))
    for (const [field, value] of [
      ['host', 7],
      ['port', -1],
      ['port', '5432,x'],
      ['max', 0],
      ['max', '8'],
      ['ssl', 1],
      ['password', 7],
    ])
      assert.throws(adapter({ pgClient: { host: 'h', [field]: value } }), refusal(`pgClient.${field}`))
    assert.throws(
      adapter({ pgClient: { host: 'h', ssl: { rejectUnauthorized: 'no' } } }),
      refusal('pgClient.ssl.rejectUnauthorized'),
    )
    for (const [field, value] of [
      ['db', -1],
      ['port', 70_000],
      ['tls', 'yes'],
      ['keyPrefix', 7],
      ['cluster', []],
    ])
      assert.throws(() => new RedisCoordinationStore({ host: 'h', [field]: value }), refusal(`redis.${field}`))
  })

  it('takes a port as text, as the environment has it', () => {
    assert.doesNotThrow(adapter({ amqpConnection: { hostname: 'h', port: '5672' } }))
    assert.doesNotThrow(adapter({ pgClient: { host: 'a,b', port: '5432,5433' } }))
    assert.doesNotThrow(() => new RedisCoordinationStore({ host: 'h', port: '6379' }))
  })

  it('repeats no password', () => {
    const secret = 'hunter2'
    for (const make of [
      adapter({ amqpConnection: `amqp://u:${secret}@h:port` }),
      adapter({ pgClient: `postgres://u:${secret}@h:port/db` }),
      adapter({ pgClient: { host: 'h', password: secret, port: secret } }),
      () => new RedisCoordinationStore(`redis://u:${secret}@h:port`),
    ]) {
      assert.throws(make, (error) => error instanceof TypeError && !error.message.includes(secret))
    }
  })
})

describe('retention', () => {
  it('takes milliseconds for each end', () => {
    const { retention } = checkOptions(valid({ retention: { completed: 0, failed: 36_500 * 86_400_000 } }))
    assert.deepEqual([retention.completed, retention.failed, retention.cancelled], [0, 36_500 * 86_400_000, undefined])
    for (const [field, value] of [
      ['completed', -1],
      ['failed', '30d'],
      ['cancelled', 1.5],
    ])
      assert.throws(() => new RabbitMqAdapter(valid({ retention: { [field]: value } })), refusal(`retention.${field}`))
    assert.throws(() => new RabbitMqAdapter(valid({ retention: 5 })), refusal('retention'))
  })
})

describe('limits', () => {
  it('takes names, each with at least one rule, and nothing else', () => {
    const { limits } = checkOptions(
      valid({ limits: { 'a.b-c/d': { concurrency: 1 }, b: { rate: { count: 1, perMs: 1 } } } }),
    )
    assert.deepEqual([limits['a.b-c/d'].concurrency, limits.b.rate], [1, { count: 1, perMs: 1 }])
    for (const [given, option] of [
      [5, 'limits'],
      [[], 'limits'],
      [{ 'a:b': { concurrency: 1 } }, 'limits'],
      [{ '': { concurrency: 1 } }, 'limits'],
      [{ a: {} }, 'limits.a'],
      [{ a: 3 }, 'limits.a'],
      [{ a: { concurrency: 1, concurency: 2 } }, 'limits.a'],
      [{ a: { concurrency: 0 } }, 'limits.a.concurrency'],
      [{ a: { rate: { count: 1 } } }, 'limits.a.rate.perMs'],
      [{ a: { rate: { count: 0, perMs: 1 } } }, 'limits.a.rate.count'],
      [{ a: { rate: '60/min' } }, 'limits.a.rate'],
    ])
      assert.throws(() => new RabbitMqAdapter(valid({ limits: given })), refusal(option), JSON.stringify(given))
  })
})

describe('webhook', () => {
  const whole = { baseUrl: 'https://example.com/hooks', secret: '0123456789abcdef' }
  const adapter = (webhook) => () => new RabbitMqAdapter(valid({ webhook }))

  it('takes a whole one, with a limit from 1 byte on', () => {
    for (const more of [{}, { maxBodyBytes: 1 }, { maxBodyBytes: 2 ** 31 - 1 }])
      assert.doesNotThrow(adapter({ ...whole, ...more }))
    assert.equal(checkOptions(valid({ webhook: whole })).webhook.maxBodyBytes, 1024 * 1024)
  })

  it('names the field that cannot be used', () => {
    for (const [field, value] of [
      ['baseUrl', 'nowhere'],
      ['baseUrl', undefined],
      ['secret', '0123456789abcde'],
      ['secret', undefined],
      ['maxBodyBytes', 0],
      ['maxBodyBytes', 1.5],
    ])
      assert.throws(adapter({ ...whole, [field]: value }), refusal(`webhook.${field}`))
    assert.throws(adapter('https://example.com'), refusal('webhook'))
  })
})

describe('the other objects', () => {
  const pgClient = 'postgres://localhost/db'

  it('createRabbitMqReconciler', () => {
    const whole = {
      adapter: { reconcile: async () => new Set() },
      pgClient,
      statusTableName: 's',
      stalledThresholdSeconds: 0.5,
    }
    assert.doesNotThrow(() => createRabbitMqReconciler(whole))
    for (const [name, value] of [
      ['adapter', {}],
      ['pgClient', 7],
      ['statusTableName', ''],
      ['stalledThresholdSeconds', -1],
      ['stalledThresholdSeconds', '60'],
      ['stalledThresholdSeconds', Number.NaN],
      ['logger', {}],
    ])
      assert.throws(() => createRabbitMqReconciler({ ...whole, [name]: value }), refusal(name))
  })

  it('PostgresContext', () => {
    const whole = { client: pgClient, tableName: 'c' }
    assert.doesNotThrow(() => new PostgresContext('r', whole))
    for (const [name, value, named = name] of [
      ['client', undefined],
      ['client', { host: 'h', max: 0 }, 'client.max'],
      ['tableName', ''],
    ])
      assert.throws(() => new PostgresContext('r', { ...whole, [name]: value }), refusal(named))
    assert.throws(() => new PostgresContext('r'), refusal('options'))
  })

  it('migrate', async () => {
    const whole = { pgClient, contextTableName: 'c', statusTableName: 's' }
    for (const [name, value] of [
      ['pgClient', undefined],
      ['contextTableName', ''],
      ['statusTableName', 7],
      ['direction', 'sideways'],
      ['to', -1],
      ['to', 1.5],
      ['dryRun', 'yes'],
    ])
      await assert.rejects(migrate({ ...whole, [name]: value }), refusal(name))
  })
})
