// Connection strings and configs as people have them: what they say is honoured, or refused by its name.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { commandLine, readString } from '../../dist/connections/postgres-string.js'
import { refusal, valid, warningsOf } from './support.js'

const BASE = 'postgresql://u:p@h:5432/db'
const adapterWith = (changed) => new RabbitMqAdapter(valid(changed))

describe('a connection string of PostgreSQL', () => {
  const honoured = {
    '?statement_timeout=5000': { statement_timeout: 5000 },
    '?lock_timeout=1000&idle_in_transaction_session_timeout=2000': {
      lock_timeout: 1000,
      idle_in_transaction_session_timeout: 2000,
    },
    '?schema=public': {},
    '?schema=my%20own': { options: '-c search_path="my\\ own"' },
    '?pgbouncer=true&connection_limit=5': { pooler: true, max: 5 },
    '?options=-c%20a%3Db&timezone=UTC': { options: '-c a=b -c timezone=UTC' },
    '?fallback_application_name=y': { application_name: 'y' },
    '?application_name=x&fallback_application_name=y': {},
    '?client_encoding=utf8&gssencmode=disable&pool_timeout=0&replication=false&sslcert=&': {},
  }
  for (const [query, said] of Object.entries(honoured)) {
    it(`${query}: is honoured, or means nothing here`, () => {
      const read = readString(`${BASE}${query}`, 'pgClient')
      assert.deepEqual([read.said, read.unknown], [said, []])
      const adapter = adapterWith({ pgClient: `${BASE}${query}` })
      assert.ok(adapter)
    })
  }

  const refused = {
    'client_encoding=latin1': 'client_encoding',
    'target_session_attrs=prefer-standby': 'target_session_attrs',
    'target_session_attrs=read-only': 'target_session_attrs',
    'passfile=/x': 'passfile',
    'requirepeer=x': 'requirepeer',
    'ssl_min_protocol_version=TLSv1.3': 'ssl_min_protocol_version',
    'replication=database': 'replication',
    'statement_timeout=5s': 'statement_timeout',
    'pgbouncer=yes': 'pgbouncer',
  }
  for (const [parameter, name] of Object.entries(refused)) {
    it(`${parameter}: is refused by its name`, () => {
      assert.throws(() => adapterWith({ pgClient: `${BASE}?${parameter}` }), refusal(`pgClient (${name})`))
      const inPairs = `host=h user=u password='hunter2' ${parameter}`
      assert.throws(
        () => adapterWith({ pgClient: inPairs }),
        (error) => !error.message.includes('hunter2'),
      )
    })
  }

  it('service=fc: is refused by its name', () => {
    assert.throws(() => adapterWith({ pgClient: 'service=fc' }), refusal('pgClient (service)'))
  })

  it('a parameter that nobody knows is said, and has no effect', () => {
    const [warning, ...more] = warningsOf({ pgClient: `${BASE}?statment_timeout=1&sslmode=disable` })
    assert.match(warning, /Unknown parameter 'statment_timeout'/)
    assert.deepEqual(more, [])
  })

  it('a line break at its end is none of it', () => {
    assert.equal(readString(`${BASE}\n`, 'pgClient').connectionString, BASE)
    assert.ok(adapterWith({ pgClient: `  ${BASE}\r\n` }))
  })

  it('is split into pairs as libpq does', () => {
    const { connectionString, said } = readString(
      `host = h user=u password='it''s' dbname='a b' options='-c statement_timeout=1000' schema=s`.replace("''", "\\'"),
      'pgClient',
    )
    assert.equal(connectionString, `host='h' user='u' password='it\\'s' dbname='a b'`)
    assert.equal(said.options, '-c statement_timeout=1000 -c search_path="s"')
  })

  it('may be a socket, as pg writes it', () => {
    const socket = { host: '/var/run/postgresql', database: 'fc' }
    assert.deepEqual(readString('/var/run/postgresql fc', 'pgClient').said, socket)
    const { said } = readString('socket://u:p%40ss@/var/run/postgresql?db=fc', 'pgClient')
    assert.deepEqual(said, { ...socket, user: 'u', password: 'p@ss' })
  })

  it('is not repeated where its login is not encoded', () => {
    for (const pgClient of ['socket://u:se/cret@/folder?db=fc', 'socket:/folder%zz'])
      assert.throws(
        () => adapterWith({ pgClient }),
        (error) => refusal('pgClient')(error) && !inspect(error, { showHidden: true }).includes('cret'),
      )
    assert.doesNotMatch(warningsOf({ pgClient: 'postgres://u:12?cret@h/db' }).join(), /cret/)
  })

  it('keeps what it says of a password, percent signs and all', () => {
    const url = 'postgresql://br%20user%40x:p%40ss%2Fw%3Ard%3F%23%25%26%2B%20%C3%A9@h/db?connect_timeout=5'
    assert.equal(readString(url, 'pgClient').connectionString, url)
  })
})

describe('a pg config', () => {
  it('gives its limits to the server, as pg does', () => {
    const config = {
      options: '-c a=b',
      statement_timeout: 100,
      lock_timeout: false,
      idle_in_transaction_session_timeout: 0,
    }
    assert.equal(commandLine(config), '-c a=b -c statement_timeout=100 -c idle_in_transaction_session_timeout=0')
    assert.equal(commandLine({}), undefined)
    assert.deepEqual(warningsOf({ pgClient: { connectionString: BASE, statement_timeout: 5000 } }), [])
  })

  it('bounds them', () => {
    for (const statement_timeout of [-1, 1.5, '5s', true])
      assert.throws(
        () => adapterWith({ pgClient: { host: 'h', statement_timeout } }),
        refusal('pgClient.statement_timeout'),
      )
  })

  it('names a direct connection that can be read', () => {
    assert.ok(adapterWith({ pgClient: { connectionString: BASE, directUrl: BASE } }))
    const pgClient = { connectionString: BASE, directUrl: `${BASE}?service=x` }
    assert.throws(() => adapterWith({ pgClient }), refusal('pgClient.directUrl (service)'))
  })
})

describe('an address of RabbitMQ', () => {
  for (const amqpConnection of [
    'AMQP://localhost',
    'amqp://localhost\n',
    { hostname: '::1' },
    { hostname: '[::1]', port: 5672 },
    { host: 'localhost', port: 5672, user: 'guest', pass: 'guest' },
    { username: 'guest', password: 'guest' },
  ]) {
    it(`${JSON.stringify(amqpConnection)} is taken, and nothing of it is unknown`, () => {
      assert.deepEqual(warningsOf({ amqpConnection }), [])
    })
  }

  it("a connection of amqplib's callback API is refused by its name", () => {
    class CallbackModel {
      createChannel(_options, _callback) {}
      createConfirmChannel(_options, _callback) {}
      on() {}
    }
    const named = (error) => refusal('amqpConnection')(error) && error.message.includes('callback_api')
    assert.throws(() => adapterWith({ amqpConnection: new CallbackModel() }), named)
  })
})

describe('an address of Redis', () => {
  for (const redis of ['redis://localhost\n', 'REDIS://localhost', 'valkey://localhost', 'valkeys://localhost'])
    it(`${JSON.stringify(redis)} is taken`, () => assert.ok(new RedisCoordinationStore(redis)))

  for (const redis of ['localhost:6379', 'http://localhost', 'redis://localhost/abc'])
    it(`${redis} is refused`, () => assert.throws(() => new RedisCoordinationStore(redis), refusal('redis')))
})
