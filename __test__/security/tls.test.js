// TLS is verified unless the user says otherwise, in every way a connection can be described. The plain servers of
// the tests stand behind fronts that speak TLS with the certificates of this folder.
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PostgresContext, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { createFlow, NullLogger } from 'flowcraft'
import { Redis } from 'ioredis'
import pg from 'pg'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { front, pem } from './support/fronts.js'

const flow = createFlow('two')
  .node('a', async () => ({ output: 1 }))
  .node('b', async ({ input }) => ({ output: input + 1 }))
  .edge('a', 'b')
const ca = pem('ca')
const client = { ca, cert: pem('client'), key: pem('client', 'key') }
/** A key in the older form for its kind. */
const sec1 = (key) => createPrivateKey(key).export({ type: 'sec1', format: 'pem' })
const caFile = fileURLToPath(new URL('./certificates/ca.pem', import.meta.url))
const { username: user, pathname } = new URL(urls.database)
const database = pathname.slice(1)
const login = new URL(urls.amqp)

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** How each server is described with TLS options, by kind; none means encrypted and nothing else said. */
const amqpUrl = (port) => `amqps://${login.username}:${login.password}@127.0.0.1:${port}`
const databaseUrl = (port, query) => `postgres://${user}@127.0.0.1:${port}/${database}${query}`
const config = (port, ssl) => ({ host: 'localhost', port, user, database, ssl })

/** A use of each server: the first connection, and an answer over it. */
const use = {
  amqp: async (amqpConnection) => {
    const adapter = servers.adapter(flow, { started: false, amqpConnection, queueName: `${servers.queue}_unused` })
    await adapter.enqueueJob({ runId: 'none', blueprintId: 'two', nodeId: 'a' })
  },
  database: (description) =>
    new PostgresContext('none', { client: description, tableName: servers.contextTable }).get('a'),
  redis: (description) => new RedisCoordinationStore(description).get('none'),
}

/** Every way to ask for TLS and trust an authority, or only the machine's. */
const ways = {
  amqp: {
    'a URL': (port, authority) => (authority ? { url: amqpUrl(port), ca: authority } : amqpUrl(port)),
    fields: (port, authority) => ({ protocol: 'amqps', hostname: 'localhost', port, ca: authority }),
  },
  database: {
    'sslmode=require': (port, authority) => databaseUrl(port, `?sslmode=require${rootOf(authority)}`),
    'sslmode=verify-ca': (port, authority) => databaseUrl(port, `?sslmode=verify-ca${rootOf(authority)}`),
    'sslmode=verify-full': (port, authority) => databaseUrl(port, `?sslmode=verify-full${rootOf(authority)}`),
    'ssl=true': (port, authority) => databaseUrl(port, `?ssl=true${rootOf(authority)}`),
    'a config': (port, authority) => config(port, authority ? { ca: authority } : true),
    'a live Pool': (port, authority) => new pg.Pool(config(port, authority ? { ca: authority } : true)),
    'a live Client': (port, authority) => new pg.Client(config(port, authority ? { ca: Buffer.from(authority) } : {})),
  },
  redis: {
    'an options object': (port, authority) => ({ host: 'localhost', port, tls: { ca: authority } }),
    'a live ioredis': (port, authority) => live({ host: 'localhost', port, tls: { ca: authority } }),
  },
}
const rootOf = (authority) => (authority ? `&sslrootcert=${caFile}` : '')
const live = (options) => new Redis({ ...options, lazyConnect: true })
// A URL of Redis has no place for an authority.
const untrusted = {
  ...ways,
  redis: {
    ...ways.redis,
    'a URL': (port) => `rediss://127.0.0.1:${port}`,
    'a live ioredis of a URL': (port) => new Redis(`rediss://127.0.0.1:${port}`, { lazyConnect: true }),
  },
}

describe('a server’s certificate', () => {
  for (const [server, descriptions] of Object.entries(untrusted)) {
    for (const [way, describes] of Object.entries(descriptions)) {
      it(`of nobody the machine trusts is refused in so many words: ${server} by ${way}`, async (t) => {
        for (const certificate of ['server', 'self-signed']) {
          const there = await front(t, urls[server], { certificate })
          await assert.rejects(use[server](describes(there.port)), /certificate: UnknownIssuer/)
          assert.deepEqual([there.encrypted, there.plain], [0, 0], 'nothing was said to it')
        }
      })
    }
  }

  for (const [server, descriptions] of Object.entries(ways)) {
    for (const [way, describes] of Object.entries(descriptions)) {
      it(`has to be of the given authority, and for that host: ${server} by ${way}`, async (t) => {
        const there = await front(t, urls[server])
        await use[server](describes(there.port, ca))
        assert.deepEqual([there.encrypted, there.plain], [1, 0])
        const elsewhere = await front(t, urls[server], { certificate: 'elsewhere' })
        await assert.rejects(use[server](describes(elsewhere.port, ca)), /certificate not valid for name/)
        const itself = await front(t, urls[server], { certificate: 'self-signed' })
        await assert.rejects(use[server](describes(itself.port, ca)), /certificate: UnknownIssuer/)
        assert.deepEqual([elsewhere.encrypted, itself.encrypted], [0, 0])
      })
    }
  }

  it('that is refused is said in the worker’s log', async (t) => {
    const lines = []
    const logger = Object.assign(new NullLogger(), { warn: (line) => lines.push(line) })
    for (const [server, option] of Object.entries({
      amqp: (port) => ({ amqpConnection: amqpUrl(port) }),
      database: (port) => ({ pgClient: config(port, true) }),
      redis: (port) => ({ coordinationStore: new RedisCoordinationStore(`rediss://127.0.0.1:${port}`) }),
    })) {
      const { port } = await front(t, urls[server])
      await servers.freshQueue()
      const adapter = servers.adapter(flow, { ...option(port), runtime: { logger }, stopTimeout: 50 })
      await servers.begin(flow)
      const names = { amqp: /RabbitMQ/, database: /PostgreSQL/, redis: /Redis/ }
      const says = (line) => names[server].test(line) && /certificate: UnknownIssuer/.test(line)
      await until(() => lines.some(says), { what: `a line about the certificate of ${server}` })
      await adapter.stop()
    }
  })
})

describe('a run completes over TLS', () => {
  /** A run with all three servers behind fronts. */
  async function complete(t, options, describes) {
    const [amqp, db, redis] = await Promise.all(
      [urls.amqp, urls.database, urls.redis].map((url) => front(t, url, options)),
    )
    const description = await describes(amqp.port, db.port, redis.port)
    const { status } = await servers.runAlone(flow, description)
    assert.equal(status, 'completed')
    for (const there of [amqp, db, redis]) {
      assert.ok(there.encrypted > 0)
      assert.equal(there.plain, 0)
    }
    return [amqp, db, redis]
  }

  it('with an authority', (t) =>
    complete(t, {}, (amqp, db, redis) => ({
      amqpConnection: ways.amqp['a URL'](amqp, ca),
      pgClient: ways.database['sslmode=verify-full'](db, ca),
      coordinationStore: new RedisCoordinationStore(ways.redis['an options object'](redis, ca)),
    })))

  it('with live objects', async (t) => {
    let connection
    await complete(t, {}, async (amqp, db, redis) => {
      connection = await amqplib.connect(amqpUrl(amqp), { ca: [ca] })
      return {
        amqpConnection: connection,
        pgClient: ways.database['a live Pool'](db, ca),
        coordinationStore: new RedisCoordinationStore(ways.redis['a live ioredis'](redis, ca)),
      }
    })
    await connection.close()
  })

  it('with certificates of clients, which such servers insist on', async (t) => {
    const fronts = await complete(t, { knowsClients: true }, (amqp, db, redis) => ({
      amqpConnection: { url: amqpUrl(amqp), ...client, key: sec1(client.key) },
      // pg hides the key of a live object from enumeration.
      pgClient: new pg.Pool(config(db, client)),
      coordinationStore: new RedisCoordinationStore({ host: 'localhost', port: redis, tls: client }),
    }))
    for (const { names } of fronts) assert.equal(names[0], 'flowcraft client')
    const [amqp, db, redis] = fronts.map(({ port }) => port)
    const without = /certificate ?required|closed|reset/i
    await assert.rejects(use.amqp({ url: amqpUrl(amqp), ca }), without)
    await assert.rejects(use.database(config(db, { ca })), without)
    await assert.rejects(use.redis({ host: 'localhost', port: redis, tls: { ca } }), without)
  })
})

describe('certificates that cannot be used', () => {
  const makes = {
    amqpConnection: (tls) =>
      new RabbitMqAdapter(servers.options(flow, { amqpConnection: { url: amqpUrl(1), ...tls } })),
    'pgClient.ssl': (tls) => new RabbitMqAdapter(servers.options(flow, { pgClient: config(1, tls) })),
    'redis.tls': (tls) => new RedisCoordinationStore({ port: 1, tls }),
  }
  const { cert, key } = client
  const bad = {
    ca: { ca: 'no certificate' },
    cert: { cert: cert.replace(/MII../, 'MIIZZ'), key },
    key: { cert, key: key.replaceAll('\n', '') },
  }
  for (const [option, make] of Object.entries(makes)) {
    it(`are refused by name in the constructor: ${option}`, () => {
      for (const [field, tls] of Object.entries(bad)) {
        const names = (error) =>
          error instanceof TypeError && error.message.startsWith(`Invalid option '${option}.${field}'`)
        assert.throws(() => make(tls), names, field)
      }
      assert.throws(() => make({ cert }), /cert and key together/)
      assert.throws(() => make({ key }), /cert and key together/)
    })
  }
})

describe('verification that is switched off', () => {
  const certificates = ['self-signed', 'elsewhere']
  const off = { rejectUnauthorized: false }
  const described = {
    'PostgreSQL by rejectUnauthorized: false': ['database', (port) => config(port, off)],
    'PostgreSQL by sslmode=no-verify': ['database', (port) => databaseUrl(port, '?sslmode=no-verify')],
    'a live Pool by rejectUnauthorized: false': ['database', (port) => new pg.Pool(config(port, off))],
    'Redis by rejectUnauthorized: false': ['redis', (port) => ({ host: 'localhost', port, tls: off })],
    'Redis by #insecure at the end of a URL': ['redis', (port) => `rediss://127.0.0.1:${port}/#insecure`],
    'a live ioredis by rejectUnauthorized: false': ['redis', (port) => live({ host: 'localhost', port, tls: off })],
  }
  for (const [name, [server, describes]] of Object.entries(described)) {
    it(`lets any certificate pass, still encrypted: ${name}`, async (t) => {
      for (const certificate of certificates) {
        const there = await front(t, urls[server], { certificate })
        await use[server](describes(there.port))
        assert.deepEqual([there.encrypted, there.plain], [1, 0])
      }
    })
  }
})

describe('verification of RabbitMQ', () => {
  it('cannot be switched off: a private authority is given as ca', async () => {
    const settings = { url: 'amqps://localhost', rejectUnauthorized: false }
    await assert.rejects(use.amqp(settings), /amqpConnection\.rejectUnauthorized.*ca/)
  })
})

describe('PostgreSQL is never spoken to in the clear where TLS was asked for', () => {
  const asked = {
    'sslmode=require': (port) => databaseUrl(port, '?sslmode=require'),
    'sslmode=verify-full': (port) => databaseUrl(port, '?sslmode=verify-full'),
    'sslmode=no-verify': (port) => databaseUrl(port, '?sslmode=no-verify'),
    'sslmode=prefer, which pg takes for verify-full': (port) => databaseUrl(port, '?sslmode=prefer'),
    'sslrootcert alone, as in pg': (port) => databaseUrl(port, `?sslrootcert=${caFile}`),
    'sslnegotiation=direct, as in pg': (port) => databaseUrl(port, '?sslnegotiation=direct'),
    'key=value pairs with sslmode=require': (port) => `host=127.0.0.1 port=${port} user=${user} sslmode=require`,
    'ssl: true': (port) => config(port, true),
    'ssl: { rejectUnauthorized: false }': (port) => config(port, { rejectUnauthorized: false }),
    'a live Pool with ssl: true': (port) => new pg.Pool(config(port, true)),
  }
  for (const [name, describes] of Object.entries(asked)) {
    it(`by ${name}`, async (t) => {
      const there = await front(t, urls.database, { refuses: true })
      await assert.rejects(use.database(describes(there.port)))
      assert.equal(there.plain, 0)
    })
  }

  it('by PGSSLMODE, unless the description says otherwise', async (t) => {
    const there = await front(t, urls.database)
    t.after(() => {
      delete process.env.PGSSLMODE
    })
    process.env.PGSSLMODE = 'require'
    await assert.rejects(use.database(databaseUrl(there.port, '')), /certificate: UnknownIssuer/)
    await assert.rejects(use.database(config(there.port, undefined)), /certificate: UnknownIssuer/)
    await use.database(databaseUrl(there.port, '?sslmode=no-verify'))
    await use.database(config(there.port, { ca }))
    await use.database(urls.database.replace(/(\?.*)?$/, '?sslmode=disable'))
    process.env.PGSSLMODE = 'no-verify'
    await use.database(config(there.port, undefined))
    assert.equal(there.plain, 0)
  })

  it('by an authority’s file with signs that a URL has to encode', async (t) => {
    const there = await front(t, urls.database)
    const encoded = encodeURIComponent(caFile)
    await use.database(databaseUrl(there.port, `?sslmode=verify-full&sslrootcert=${encoded}`))
  })

  it('with an authority that cannot be read: that is said, and the machine’s are not taken instead', async (t) => {
    const there = await front(t, urls.database)
    const query = '?sslmode=verify-full&sslrootcert=/no/such/file.pem'
    const connect = async () => use.database(databaseUrl(there.port, query))
    await assert.rejects(connect, /sslrootcert/)
  })
})
