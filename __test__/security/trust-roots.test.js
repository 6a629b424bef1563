// Whom connections trust: the machine's authorities, those of NODE_EXTRA_CA_CERTS, and the option ca. What of the machine's is
// missing or broken is nobody's trouble but of those who need it.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openSharedServers, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { front, pem } from './support/fronts.js'

const caFile = fileURLToPath(new URL('./certificates/ca.pem', import.meta.url))
const BROKEN = '-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n'
const TRUSTED = { amqp: 'trusted', database: 'trusted', redis: 'trusted' }

let servers
let folder
/** A store with nothing in it, one with a certificate that is none, and a file that is no store. */
const stores = {}
before(async () => {
  servers = await openSharedServers()
  folder = await mkdtemp(join(tmpdir(), 'flowcraft-trust-'))
  stores.empty = join(folder, 'empty')
  await mkdir(stores.empty)
  for (const [name, text] of Object.entries({ broken: BROKEN, mixed: BROKEN + pem('ca'), garbage: 'garbage' })) {
    stores[name] = join(folder, `${name}.pem`)
    await writeFile(stores[name], text)
  }
})
after(async () => {
  await rm(folder, { recursive: true })
  await servers.close()
})

/** How connections to the three servers go in a process with this environment, and perhaps its own authority. */
async function connect(t, env, ca) {
  const [amqp, database, redis] = await Promise.all([urls.amqp, urls.database, urls.redis].map((url) => front(t, url)))
  const { username, password } = new URL(urls.amqp)
  const { username: user, pathname } = new URL(urls.database)
  const settings = {
    amqp: `amqps://${username}:${password}@127.0.0.1:${amqp.port}`,
    database: { host: 'localhost', port: database.port, user, database: pathname.slice(1) },
    redis: { host: 'localhost', port: redis.port },
    contexts: servers.contextTable,
    statuses: servers.statusTable,
    queue: servers.queue,
    ca,
  }
  const program = new URL('./programs/trusts.js', import.meta.url)
  const child = new WorkerProcess(program, { settings, env })
  const { code } = await child.ended(30_000)
  assert.equal(code, 0, child.printed)
  return JSON.parse(child.stdout.trim().split('\n').at(-1))
}

/** A machine whose store is this file, and has no other. */
const machine = (file) => ({ SSL_CERT_FILE: file, SSL_CERT_DIR: stores.empty })

describe('an own authority is enough', () => {
  const machines = {
    'where the machine has no store': () => machine(join(folder, 'nowhere.pem')),
    'where its store is empty': () => ({ SSL_CERT_DIR: stores.empty }),
    'where its store has a certificate that is none': () => machine(stores.broken),
    'where its store is something else': () => machine(stores.garbage),
    'where the file of NODE_EXTRA_CA_CERTS is missing': () => ({ NODE_EXTRA_CA_CERTS: join(folder, 'nowhere.pem') }),
  }
  for (const [title, environment] of Object.entries(machines)) {
    it(title, async (t) => {
      assert.deepEqual(await connect(t, environment(), pem('ca')), TRUSTED)
    })
  }
})

describe('without one', () => {
  const trusting = {
    'the system’s store is trusted': () => machine(caFile),
    'the good part of it is trusted': () => machine(stores.mixed),
    'NODE_EXTRA_CA_CERTS is trusted': () => ({ NODE_EXTRA_CA_CERTS: caFile }),
    'NODE_EXTRA_CA_CERTS is trusted where the machine has no store': () => ({
      ...machine(join(folder, 'nowhere.pem')),
      NODE_EXTRA_CA_CERTS: stores.mixed,
    }),
  }
  for (const [title, environment] of Object.entries(trusting)) {
    it(title, async (t) => {
      assert.deepEqual(await connect(t, environment()), { ...TRUSTED, redisUrl: 'trusted' })
    })
  }

  const wary = {
    'nobody is trusted where the machine has no store': () => machine(join(folder, 'nowhere.pem')),
    'nobody is trusted by a broken store': () => machine(stores.broken),
    'nobody is trusted by a file of NODE_EXTRA_CA_CERTS that is none': () => ({ NODE_EXTRA_CA_CERTS: stores.garbage }),
  }
  for (const [title, environment] of Object.entries(wary)) {
    it(title, async (t) => {
      for (const [server, answer] of Object.entries(await connect(t, environment()))) {
        assert.match(answer, /certificate/i, server)
      }
    })
  }
})

describe('with another one', () => {
  it('PostgreSQL and Redis trust nobody else, RabbitMQ the machine’s too', async (t) => {
    const answers = await connect(t, { NODE_EXTRA_CA_CERTS: caFile }, pem('self-signed'))
    assert.equal(answers.amqp, 'trusted')
    for (const server of ['database', 'redis']) assert.match(answers[server], /certificate: UnknownIssuer/)
  })
})
