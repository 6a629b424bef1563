// The doctor: each of the broken set-ups of doctor/setups/ is made on purpose, on servers of this file's own. The doctor names
// the fault and the mend; what it says is done, and it finds nothing any more.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { judgeVersion } from '../../dist/cli/doctor/version.js'
import { openPrivateServers } from '../fixtures/private-servers.js'
import { onServers } from '../fixtures/shared-servers.js'
import { missingPooler } from '../servers/support/pooler.js'
import { CERTIFICATES } from './doctor/certificates.js'
import { ADDRESSES } from './doctor/setups/addresses.js'
import { CLOCKS } from './doctor/setups/clocks.js'
import { LOGINS } from './doctor/setups/logins.js'
import { MEMORY } from './doctor/setups/memory.js'
import { MIGRATIONS } from './doctor/setups/migrations.js'
import { POOLERS } from './doctor/setups/poolers.js'
import { QUEUES } from './doctor/setups/queues.js'
import { RIGHTS } from './doctor/setups/rights.js'
import { TABLES } from './doctor/setups/tables.js'
import { TLS } from './doctor/setups/tls.js'
import { WORKERS } from './doctor/setups/workers.js'
import { World } from './doctor/world.js'

/** By what is wrong. */
const SETUPS = {
  ...{ ADDRESSES, LOGINS, RIGHTS, TLS, CERTIFICATES, MEMORY },
  ...{ QUEUES, POOLERS, TABLES, MIGRATIONS, CLOCKS, WORKERS },
}

let servers
before(async () => {
  servers = await openPrivateServers()
})
after(() => servers?.close())

const noPooler = await missingPooler()

function isAsSaid(setup, { check, level, found, todo }) {
  const isCheck = setup.check instanceof RegExp ? setup.check.test(check) : setup.check === check
  return isCheck && level === (setup.level ?? 'fault') && setup.found.test(found) && setup.todo.test(todo.join('\n'))
}

function checkSetup(setup) {
  const { what, works = true, also = [], level = 'fault', needs, mend } = setup
  it(what, { skip: needs === 'pgbouncer' && noPooler }, async (t) => {
    const world = await World.open(t, servers, { works })
    await setup.break(world)
    const broken = await world.doctor()
    const said = JSON.stringify(
      broken.findings.filter((finding) => finding.level !== 'ok'),
      null,
      1,
    )
    const finding = broken.findings.find((each) => isAsSaid(setup, each))
    assert.ok(finding, said)
    const faults = new Set(broken.faults.map(({ check }) => check))
    assert.equal(broken.code, faults.size > 0 ? 1 : 0)
    // A worker that cannot work, or cannot be seen, is another thing to be said.
    const expected = [...(level === 'fault' ? [finding.check] : []), ...also]
    const others = [...faults].filter((check) => !expected.includes(check))
    assert.ok(!works || others.length === 0 || setup.what.includes('queue'), said)
    await mend(world, finding)
    const mended = await world.doctor()
    const still = mended.findings.filter(({ level: now, check }) => now !== 'ok' && check === finding.check)
    assert.deepEqual(
      still.filter(({ found }) => !setup.sees || setup.found.test(found)),
      [],
    )
    assert.deepEqual([mended.code, mended.faults], [0, []])
  })
}

describe('the doctor', onServers('the command line is a process of its own'), () => {
  it('finds nothing in a healthy set-up, and says what it looked at', async (t) => {
    const world = await World.open(t, servers)
    const { code, ok, findings } = await world.doctor()
    assert.deepEqual([code, ok, findings.filter(({ level }) => level !== 'ok')], [0, true, []])
    const checks = new Set(findings.map(({ check }) => check))
    for (const check of [
      'rabbitmq.version',
      'rabbitmq.rights',
      'queue.arguments',
      'queue.backlog',
      'queue.dead',
      'postgres.version',
      'postgres.pooler',
      'postgres.clock',
      'postgres.tables',
      'postgres.migrations',
      'redis.version',
      'redis.writes',
      'redis.eviction',
      'workers.registered',
      'workers.blueprints',
      'runs.age',
    ])
      assert.ok(checks.has(check), check)
    const table = await world.run('doctor')
    assert.equal(table.stderr, 'Everything is as it should be.\n')
    assert.ok(
      table.stdout
        .split('\n')
        .filter(Boolean)
        .every((line) => line.startsWith('✔ ')),
    )
    const lines = (await world.run('doctor -o jsonl')).stdout.trimEnd().split('\n')
    assert.equal(lines.map((line) => JSON.parse(line)).length, findings.length)
    assert.deepEqual(await world.run('doctor').then(({ code }) => code), 0)
  })

  it('asks the nodes of a cluster one after the other', async (t) => {
    const world = await World.open(t, servers)
    const gone = new URL(servers.urls.amqp)
    gone.port = '1'
    world.env.AMQP_URL = `${gone},${servers.urls.amqp}`
    const { code, findings } = await world.doctor()
    assert.deepEqual([code, findings.find(({ check }) => check === 'rabbitmq.version')?.level], [0, 'ok'])
  })

  it('leaves no trace: no message, no queue, no key, no consumer', async (t) => {
    const world = await World.open(t, servers)
    const seen = () => servers.rabbitmq.ctl('list_queues', '--quiet', 'name', 'messages', 'consumers')
    const before = await seen()
    await world.doctor()
    assert.deepEqual(await seen(), before)
  })

  for (const [title, setups] of Object.entries(SETUPS)) {
    // An alarm of RabbitMQ concerns every case that runs beside it.
    const concurrency = title === 'MEMORY' ? 1 : 3
    describe(`names the fault and the mend (${title.toLowerCase()})`, { concurrency }, () => {
      for (const setup of setups) checkSetup(setup)
    })
  }

  it('is tried on thirty broken set-ups at least', () => {
    const all = Object.values(SETUPS).flat()
    assert.ok(all.length >= 30 && new Set(all.map(({ what }) => what)).size === all.length)
  })
})

describe('versions', () => {
  for (const [product, version, level] of [
    ['RabbitMQ', '3.9.29', 'fault'],
    ['RabbitMQ', '3.10.0', 'ok'],
    ['RabbitMQ', '4.2.1', 'ok'],
    ['RabbitMQ', '5.0.0', 'note'],
    ['RabbitMQ', undefined, 'note'],
    ['PostgreSQL', '13.22', 'fault'],
    ['PostgreSQL', '14.0', 'ok'],
    ['PostgreSQL', '18.1', 'ok'],
    ['PostgreSQL', '19beta1', 'note'],
    ['Redis', '6.0.20', 'fault'],
    ['Redis', '6.2.0', 'ok'],
    ['Redis', '8.4.0', 'ok'],
  ])
    it(`${product} ${version}: ${level}`, () => assert.equal(judgeVersion('x', product, version).level, level))
})
