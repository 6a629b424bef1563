// What cannot be worked with is said when the worker starts, once and with what to do, before the first job is taken. Once it
// is mended, the worker takes jobs.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { Log } from '../faults/support/log.js'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { userTables } from './support/user-tables.js'

const flow = createFlow('plain').node('a', async () => ({ output: 1 }))

const cases = {
  'no context table': { broken: 'ALTER TABLE $c RENAME TO gone', code: 'TABLE_MISSING', says: /CREATE TABLE/ },
  'no status table': { broken: 'ALTER TABLE $s RENAME TO gone', code: 'TABLE_MISSING', says: /CREATE TABLE/ },
  'no context_data': {
    broken: 'ALTER TABLE $c RENAME context_data TO data',
    code: 'COLUMN_MISSING',
    says: /context_data/,
  },
  'context_data of JSON': {
    broken: 'ALTER TABLE $c ALTER context_data TYPE JSON',
    mended: 'ALTER TABLE $c ALTER context_data TYPE JSONB',
    code: 'COLUMN_MISSING',
    says: /json.*jsonb/,
  },
  'run_id of bytes': {
    broken: `ALTER TABLE $c ALTER run_id TYPE BYTEA USING run_id::bytea`,
    mended: `ALTER TABLE $c ALTER run_id TYPE TEXT USING convert_from(run_id, 'UTF8')`,
    code: 'COLUMN_MISSING',
    says: /run_id.*bytea/,
  },
  'updated_at of numbers': {
    broken: 'ALTER TABLE $s DROP updated_at; ALTER TABLE $s ADD updated_at BIGINT',
    mended: 'ALTER TABLE $s DROP updated_at; ALTER TABLE $s ADD updated_at TIMESTAMPTZ DEFAULT NOW()',
    code: 'COLUMN_MISSING',
    says: /updated_at.*bigint/,
  },
  'a status that is too short': {
    broken: 'ALTER TABLE $s ALTER status TYPE VARCHAR(8)',
    mended: 'ALTER TABLE $s ALTER status TYPE TEXT',
    code: 'COLUMN_MISSING',
    says: /status.*varying\(8\)/,
  },
  'contexts without a key': {
    broken: 'ALTER TABLE $c DROP CONSTRAINT contexts_pkey',
    mended: 'ALTER TABLE $c ADD PRIMARY KEY (run_id)',
    code: 'TABLE_UNFIT',
    says: /PRIMARY KEY/,
  },
  'statuses with a key of two columns': {
    broken: `ALTER TABLE $s DROP CONSTRAINT statuses_pkey; ALTER TABLE $s ADD tenant INT DEFAULT 1;
      ALTER TABLE $s ADD PRIMARY KEY (run_id, tenant)`,
    mended: 'ALTER TABLE $s DROP CONSTRAINT statuses_pkey; ALTER TABLE $s ADD PRIMARY KEY (run_id)',
    code: 'TABLE_UNFIT',
    says: /unique index/,
  },
  'contexts that are a view': {
    broken: 'ALTER TABLE $c RENAME TO behind; CREATE VIEW $c AS SELECT * FROM $n.behind',
    mended: 'DROP VIEW $c; ALTER TABLE $n.behind RENAME TO contexts',
    code: 'TABLE_UNFIT',
    says: /view/,
  },
  'statuses that are a view of a join': {
    broken: `ALTER TABLE $s RENAME TO behind;
      CREATE VIEW $s AS SELECT a.* FROM $n.behind AS a JOIN $c AS c USING (run_id)`,
    mended: 'DROP VIEW $s; ALTER TABLE $n.behind RENAME TO statuses',
    code: 'TABLE_UNFIT',
    says: /view/,
  },
  'contexts partitioned by time': {
    broken: `ALTER TABLE $c RENAME TO behind;
      CREATE TABLE $c (run_id TEXT, context_data JSONB NOT NULL, made DATE DEFAULT now(), PRIMARY KEY (run_id, made))
      PARTITION BY RANGE (made)`,
    mended: 'DROP TABLE $c; ALTER TABLE $n.behind RENAME TO contexts',
    code: 'TABLE_UNFIT',
    says: /partitioned by run_id/,
  },
}

/** Asked over a channel of its own: asking for a queue that is not there closes the channel. */
async function hasQueue({ amqp, queue }) {
  const channel = await amqp.createChannel()
  channel.on('error', () => {})
  const found = await channel.checkQueue(queue).catch(() => undefined)
  if (found) await channel.close()
  return found !== undefined
}

describe('a worker that starts with', onServers('PostgreSQL has tables of many kinds'), () => {
  for (const [what, { broken, mended, code, says }] of Object.entries(cases)) {
    it(`${what} says so once, and works once it is mended`, async (t) => {
      const servers = await userTables(t, {})
      const own = (sql) => sql.replaceAll('$n', servers.name)
      await servers.sql(own(broken))
      const log = new Log()
      await servers.channel.deleteQueue(servers.queue)
      const adapter = servers.adapter(flow, log.options())
      t.after(() => adapter.stop())
      const [error] = await until(() => log.errors.length > 0 && log.errors)
      assert.equal(error.code, code, error.message)
      assert.match(error.message, says)
      assert.equal(log.events.filter(({ type }) => type === 'worker:failed').length, 1)
      // Its queue is there, and what is published waits.
      await until(() => hasQueue(servers))
      const runId = servers.runId()
      await servers.send({ runId, blueprintId: 'plain', nodeId: 'a' })
      assert.equal(await until(async () => (await servers.waiting()) === 1), true)
      const undo = { $c: 'ALTER TABLE $n.gone RENAME TO contexts', $s: 'ALTER TABLE $n.gone RENAME TO statuses' }
      const back =
        mended ??
        (broken.includes('RENAME TO gone')
          ? undo[broken.includes('$c') ? '$c' : '$s']
          : 'ALTER TABLE $c RENAME data TO context_data')
      await servers.sql(own(back))
      await servers.insert(runId, '{}')
      assert.equal((await servers.settled(runId)).status, 'completed')
      assert.deepEqual([log.errors.length, log.said('error', /takes no jobs/).length], [1, 1])
      assert.equal(log.said('info', /takes jobs/).length, 1)
    })
  }

  it('fewer privileges than it needs says which', async (t) => {
    const servers = await userTables(t, {})
    const role = `${servers.name}_worker`
    await servers.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${servers.name} TO ${role};
      GRANT SELECT, INSERT, UPDATE ON $c TO ${role}; GRANT SELECT ON $s TO ${role}`)
    const log = new Log()
    const pgClient = { connectionString: urls.direct, options: `-c role=${role}` }
    const adapter = await servers.workerFor(t, flow, { pgClient, ...log.options() })
    const [error] = await until(() => log.errors.length > 0 && log.errors)
    assert.equal(error.code, 'DATABASE_REFUSED')
    assert.match(error.message, /GRANT INSERT, UPDATE ON .*statuses/)
    await servers.sql(`GRANT INSERT, UPDATE ON $s TO ${role}`)
    assert.equal((await servers.settled(await servers.begin(flow))).status, 'completed')
    await adapter.stop()
    await servers.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
})

describe('a worker that stops before its tables are there', onServers('PostgreSQL has tables'), () => {
  let servers
  before(async () => {
    servers = await openSharedServers()
  })
  after(() => servers?.close())

  it('stops at once', async () => {
    const log = new Log()
    const adapter = servers.adapter(flow, { ...log.options(), contextTableName: `${servers.name}.none` })
    await until(() => log.errors.length > 0)
    const begun = Date.now()
    await adapter.stop()
    assert.ok(Date.now() - begun < 2_000)
  })
})
