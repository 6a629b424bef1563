// Several servers of PostgreSQL: the one that can be written to is used, and the next when it fails or has to give way.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import pg from 'pg'
import { startPostgres } from '../../scripts/servers/postgres.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { missing, openPlace } from './support/servers.js'

describe('a primary and its standby', { skip: missing('postgres') }, () => {
  let place
  let primary
  let standby
  let servers
  beforeEach(async () => {
    place = openPlace()
    primary = await startPostgres(place.context('postgres', 'primary'))
    standby = await startPostgres(place.context('postgres', 'standby'), primary)
    servers = await openSharedServers({ database: primary.url })
    servers.pg.on('error', () => {}) // its server is killed
  })
  afterEach(async () => {
    await servers?.close()
    await place?.close()
  })

  const ports = () => [standby, primary].map(({ server }) => server.ports[0])
  const url = (query = '') => {
    const hosts = ports().map((port) => `127.0.0.1:${port}`)
    return `postgres://postgres@${hosts.join(',')}/postgres${query}`
  }

  async function ask(server, sql) {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    // A standby takes no statement at `serializable`, which may be the default (FLOWCRAFT_ISOLATION).
    await client.query("SET default_transaction_isolation = 'read committed'")
    const { rows } = await client.query(sql)
    await client.end()
    return rows
  }

  /** The standby takes over; from here on the test looks there. */
  async function promote() {
    await ask(standby, 'SELECT pg_promote()')
    const before = servers.pg
    servers.pg = new pg.Pool({ connectionString: standby.url, max: 4 })
    await before.end()
  }

  /** Three nodes, the one in the middle held up until the gate opens; how often each ran. */
  function gated() {
    const ran = { a: 0, b: 0, c: 0 }
    let open
    const gate = new Promise((resolve) => {
      open = resolve
    })
    const node = (id, work = async () => {}) => [
      id,
      async () => {
        ran[id] += 1
        await work()
        return { output: id }
      },
    ]
    const flow = createFlow('gated')
      .node(...node('a'))
      .node(...node('b', () => gate))
      .node(...node('c'))
      .edge('a', 'b')
      .edge('b', 'c')
    return { flow, open, ran }
  }

  const descriptions = {
    'a URL of both': () => url(),
    'a URL that asks for the primary': () => url('?target_session_attrs=primary'),
    'key=value pairs': () => `host=127.0.0.1,127.0.0.1 port=${ports()} user=postgres dbname=postgres`,
    'fields, as arrays': () => {
      return { host: ['127.0.0.1', '127.0.0.1'], port: ports(), user: 'postgres', database: 'postgres' }
    },
  }
  it('are told apart, however they are described: the standby is passed over', async () => {
    const { flow, open } = gated()
    open()
    for (const [how, describeThem] of Object.entries(descriptions)) {
      const adapter = servers.adapter(flow, { pgClient: describeThem() })
      assert.equal((await servers.run(flow)).status, 'completed', how)
      await adapter.stop()
    }
  })

  it('change places when the primary dies: runs under way go on, and nothing that was committed is lost', async (t) => {
    // What a standby did not get would be lost with the primary.
    await ask(primary, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
    await ask(primary, 'SELECT pg_reload_conf()')
    const { flow, open, ran } = gated()
    const adapter = servers.adapter(flow, { pgClient: url() })
    const run = await servers.begin(flow)
    await until(() => ran.b === 1, { what: 'the run to be under way' })

    await primary.server.stop({ signal: 'SIGKILL' })
    const begun = Date.now()
    await promote()
    open()
    const { status, context } = await servers.settled(run)
    t.diagnostic(`the run ends ${Date.now() - begun} ms after its server died`)
    assert.deepEqual([status, context['_outputs.c'], ran], ['completed', 'c', { a: 1, b: 1, c: 1 }])
    assert.equal((await servers.run(flow)).status, 'completed')
    await adapter.stop()
  })

  it('change places by hand: connections to the old primary, which lives on but refuses to write, are given up', async () => {
    const { flow, open, ran } = gated()
    const adapter = servers.adapter(flow, { pgClient: url() })
    const run = await servers.begin(flow)
    await until(() => ran.b === 1, { what: 'the run to be under way' })

    await ask(primary, 'ALTER SYSTEM SET default_transaction_read_only = on')
    await ask(primary, 'SELECT pg_reload_conf()')
    const [{ lsn }] = await ask(primary, 'SELECT pg_current_wal_lsn() AS lsn')
    const replayed = `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS done`
    await until(async () => (await ask(standby, replayed))[0].done, { what: 'the standby to have everything' })
    await promote()
    open()
    const { status } = await servers.settled(run)
    assert.deepEqual([status, ran], ['completed', { a: 1, b: 1, c: 1 }])
    assert.equal((await servers.run(flow)).status, 'completed')
    await adapter.stop()
  })

  it('are refused where they cannot work', () => {
    const { flow } = gated()
    for (const [pgClient, option] of [
      [url('?target_session_attrs=standby'), /'pgClient \(target_session_attrs\)'/],
      [url('?target_session_attrs=read-only'), /'pgClient \(target_session_attrs\)'/],
      [{ host: ['a', 'b', 'c'], port: [1, 2] }, /'pgClient.port'/],
    ]) {
      assert.throws(() => new RabbitMqAdapter(servers.options(flow, { pgClient })), {
        name: 'TypeError',
        message: option,
      })
    }
  })
})
