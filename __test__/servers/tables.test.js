// Tables as users have them: whatever holds what is written into them works.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { createRabbitMqReconciler, migrate, PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Log } from '../faults/support/log.js'
import { onServers, until, urls } from '../fixtures/shared-servers.js'
import { userTables } from './support/user-tables.js'

const flow = createFlow('pausing')
  .node('a', async ({ context }) => ({ output: await context.get('customer') }))
  .wait('pause')
  .node('b', async () => ({ output: 'b' }))
  .edge('a', 'pause')
  .edge('pause', 'b', { action: 'go' })
const plain = createFlow('plain')
  .node('a', async () => ({ output: 1 }))
  .node('b', async () => ({ output: 2 }))
  .edge('a', 'b')

const tables = (servers) => ({
  pgClient: urls.direct,
  contextTableName: servers.contextTable,
  statusTableName: servers.statusTable,
})

async function worker(t, servers, options = {}) {
  const log = new Log()
  const adapter = await servers.workerFor(t, [flow, plain], { ...log.options(), ...options })
  return { adapter, log }
}

/** Everything that is done to a run, from inside and outside. */
async function livesThrough(t, servers, runId) {
  const { adapter, log } = await worker(t, servers)
  await servers.begin(flow, { customer: 'Ada' }, { runId })
  await until(async () => (await servers.look(runId)).status === 'awaiting')
  const context = new PostgresContext(runId, { client: urls.database, tableName: servers.contextTable })
  await context.set('note', 'from outside')
  assert.equal(await context.get('note'), 'from outside')
  assert.ok(await context.has('customer'))
  await adapter.resumeWithAction(runId, 'go')
  const seen = await until(async () => {
    const found = await servers.look(runId)
    return found.status === 'completed' && found
  })
  assert.deepEqual(
    [seen.context.note, seen.context['_outputs.a'], seen.result.payload.context['_outputs.b']],
    ['from outside', 'Ada', 'b'],
  )
  assert.equal(await adapter.cancel(runId), false)
  const troubles = log.lines.filter(({ level }) => ['warn', 'error'].includes(level))
  assert.deepEqual([troubles, log.errors], [[], []])
}

describe('the type of run_id', onServers('PostgreSQL has types'), () => {
  const ids = {
    UUID: randomUUID,
    'VARCHAR(64)': () => `run-${randomUUID()}`,
    'CHAR(40)': () => `run-${randomUUID()}`,
    BIGINT: () => String(Math.floor(Math.random() * 1e12)),
    run_key: randomUUID,
  }
  for (const [type, id] of Object.entries(ids)) {
    for (const migrated of [false, true]) {
      it(`may be ${type}, ${migrated ? 'with' : 'without'} a journal`, async (t) => {
        const kind = type === 'run_key' ? `UUID CHECK (VALUE IS NOT NULL)` : undefined
        const servers = await userTables(t, {})
        const own = kind ? `${servers.name}.run_key` : type
        if (kind) await servers.sql(`CREATE DOMAIN ${own} AS ${kind}`)
        for (const table of ['$c', '$s'])
          await servers.sql(`ALTER TABLE ${table} ALTER run_id TYPE ${own} USING run_id::${kind ? 'uuid::' : ''}${own}`)
        if (migrated) {
          await migrate(tables(servers))
          servers.live = () => `(SELECT context_data FROM ${servers.contextTable}_live AS l WHERE l.run_id = c.run_id)`
        }
        await livesThrough(t, servers, id())
        if (migrated) {
          assert.equal((await servers.sql('SELECT count(*)::int AS n FROM $c_journal'))[0].n, 0)
          await migrate({ ...tables(servers), direction: 'down' })
        }
      })
    }
  }

  it('may be another one in each table, and lost jobs are found', async (t) => {
    const servers = await userTables(t, {
      contexts: '(run_id UUID PRIMARY KEY, context_data JSONB NOT NULL)',
    })
    const { adapter } = await worker(t, servers)
    const runId = randomUUID()
    await servers.begin(plain, { blueprintId: 'plain' }, { runId, starts: [] })
    await servers.sql(`UPDATE $s SET updated_at = now() - interval '1 hour'`)
    const reconciler = createRabbitMqReconciler({
      adapter,
      pgClient: urls.database,
      statusTableName: servers.statusTable,
      stalledThresholdSeconds: 60,
    })
    assert.equal((await reconciler.run()).stalledRuns, 1)
    await until(async () => (await servers.statusOf(runId)) === 'completed')
  })

  it('UUID takes an id however it is written', async (t) => {
    const servers = await userTables(t, {
      contexts: '(run_id UUID PRIMARY KEY, context_data JSONB NOT NULL)',
      statuses: '(run_id UUID PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())',
    })
    await livesThrough(t, servers, randomUUID().toUpperCase())
  })

  it('UUID: an id that is none has an error of its own, and nobody else notices', async (t) => {
    const servers = await userTables(t, {
      contexts: '(run_id UUID PRIMARY KEY, context_data JSONB NOT NULL)',
      statuses: '(run_id UUID PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())',
    })
    const { adapter } = await worker(t, servers)
    await servers.send({ runId: 'order-1', blueprintId: 'plain', nodeId: 'a' })
    const runs = await Promise.all(Array.from({ length: 10 }, () => servers.begin(plain, {}, { runId: randomUUID() })))
    for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
    const [dead] = await until(async () => {
      const letters = await adapter.listDeadLetters()
      return letters.length > 0 && letters
    })
    assert.match(dead.reason, /uuid/)
    const context = new PostgresContext('order-1', { client: urls.database, tableName: servers.contextTable })
    const refused = { code: 'RUN_ID_INVALID', runId: 'order-1', retryable: false }
    await assert.rejects(context.set('k', 1), refused)
    await assert.rejects(context.get('k'), refused)
    await assert.rejects(adapter.cancel('order-1'), refused)
    await assert.rejects(adapter.reconcile('order-1'), refused)
  })
})

describe('updated_at without a zone', onServers('PostgreSQL has zones'), () => {
  const statuses =
    '(run_id TEXT PRIMARY KEY, status VARCHAR(20), status_data JSON, updated_at TIMESTAMP(3) DEFAULT NOW())'
  // No pooler lets options pass.
  const at = (zone) => ({ connectionString: urls.direct, options: `-c timezone=${zone}` })
  const ZONES = ['Pacific/Auckland', 'America/Los_Angeles', 'UTC']

  for (const zone of ZONES) {
    it(`a worker in ${zone} writes what every plain session reads`, async (t) => {
      const servers = await userTables(t, { statuses })
      await worker(t, servers, { pgClient: at(zone) })
      const runId = await servers.begin(plain)
      await servers.settled(runId)
      const [{ age }] = await servers.sql(
        `SELECT extract(epoch FROM LOCALTIMESTAMP - updated_at)::float8 AS age FROM $s`,
      )
      assert.ok(Math.abs(age) < 60, `${age} s`)
    })

    it(`a reconciler in ${zone} finds stale runs, and those alone`, async (t) => {
      const servers = await userTables(t, { statuses })
      const { adapter } = await worker(t, servers, { pgClient: at('Asia/Tokyo'), repairInterval: 0 })
      const [stale, fresh] = [
        await servers.begin(plain, {}, { starts: [] }),
        await servers.begin(plain, {}, { starts: [] }),
      ]
      await servers.sql(`UPDATE $s SET updated_at = LOCALTIMESTAMP - interval '5 minutes' WHERE run_id = $1`, [stale])
      const reconciler = createRabbitMqReconciler({
        adapter,
        pgClient: at(zone),
        statusTableName: servers.statusTable,
        stalledThresholdSeconds: 60,
        logger: new Log().logger,
      })
      const { stalledRuns } = await reconciler.run()
      const [{ age }] = await servers.sql(
        `SELECT extract(epoch FROM LOCALTIMESTAMP - updated_at)::float8 AS age FROM $s WHERE run_id = $1`,
        [stale],
      )
      assert.equal(stalledRuns, 1, fresh)
      assert.ok(Math.abs(age) < 60, `${age} s`)
    })
  }

  it('lost jobs are found, wherever the worker is', async (t) => {
    const servers = await userTables(t, { statuses })
    await worker(t, servers, { pgClient: at('Pacific/Auckland'), repairInterval: 300 })
    const runId = await servers.begin(plain, { blueprintId: 'plain' }, { starts: [] })
    await servers.sql(`UPDATE $s SET updated_at = LOCALTIMESTAMP - interval '1 minute'`)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})

describe('partitioned tables', onServers('PostgreSQL has partitions'), () => {
  const hashed = (table) =>
    [0, 1, 2].map(
      (rest) => `CREATE TABLE ${table}_${rest} PARTITION OF ${table} FOR VALUES WITH (MODULUS 3, REMAINDER ${rest})`,
    )
  const made = {
    contexts: '(run_id UUID PRIMARY KEY, context_data JSONB NOT NULL) PARTITION BY HASH (run_id)',
    statuses:
      '(run_id UUID PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW()) PARTITION BY HASH (run_id)',
    after: [...hashed('$c'), ...hashed('$s')].join(';'),
  }

  it('by the hash of run_id work, with and without a journal', async (t) => {
    const servers = await userTables(t, made)
    await worker(t, servers)
    const many = async () => {
      const runs = await Promise.all(
        Array.from({ length: 12 }, () => servers.begin(plain, {}, { runId: randomUUID() })),
      )
      for (const run of runs) {
        await until(async () => (await servers.look(run)).status === 'completed')
      }
    }
    await many()
    await migrate(tables(servers))
    await many()
    await migrate({ ...tables(servers), direction: 'down' })
    await many()
  })

  it('a row that is deleted from a partition takes its journal along', async (t) => {
    const servers = await userTables(t, made)
    await migrate(tables(servers))
    const runId = randomUUID()
    await servers.insert(runId, '{}')
    const entry = `INSERT INTO $c_journal VALUES ($1, 1, '{"sets":{"old":1}}')`
    await servers.sql(entry, [runId])
    for (const rest of [0, 1, 2]) await servers.sql(`DELETE FROM $c_${rest}`)
    assert.equal((await servers.sql('SELECT count(*)::int AS n FROM $c_journal'))[0].n, 0)
  })
})

describe('columns of the user', onServers('PostgreSQL has constraints'), () => {
  it('that a status row owes: the rows of clients are kept up to date', async (t) => {
    const servers = await userTables(t, {
      statuses:
        '(run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW(), tenant TEXT NOT NULL)',
    })
    const { log } = await worker(t, servers)
    const runId = servers.runId()
    await servers.insert(runId, '{}')
    await servers.sql(`INSERT INTO $s (run_id, status, tenant) VALUES ($1, 'running', 'acme')`, [runId])
    await servers.send({ runId, blueprintId: 'plain', nodeId: 'a' })
    const { result } = await servers.settled(runId)
    assert.equal(result.payload.context['_outputs.b'], 2)
    assert.equal(log.said('warn', /'tenant'/).length, 1)
  })

  it('that a trigger fills: the adapter makes rows', async (t) => {
    const servers = await userTables(t, {
      statuses:
        '(run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW(), tenant TEXT NOT NULL)',
    })
    await servers.sql(`CREATE FUNCTION ${servers.name}.fill() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN NEW.tenant := 'acme'; RETURN NEW; END $f$`)
    await servers.sql(`CREATE TRIGGER fill BEFORE INSERT ON $s FOR EACH ROW EXECUTE FUNCTION ${servers.name}.fill()`)
    await worker(t, servers)
    const runId = await servers.begin(plain, {}, { status: false })
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('that a context row owes: its keys are written from outside where there is a row', async (t) => {
    const servers = await userTables(t, {
      contexts: '(run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL, tenant TEXT NOT NULL)',
    })
    await servers.sql(`INSERT INTO $c VALUES ('r', '{}', 'acme')`)
    const context = (runId) => new PostgresContext(runId, { client: urls.database, tableName: servers.contextTable })
    await context('r').set('k', 1)
    assert.equal(await context('r').get('k'), 1)
    await assert.rejects(context('none').set('k', 1), { code: 'WRITE_REFUSED', sqlState: '23502' })
  })

  it('that are computed or have defaults, and a status that is an enumeration, work', async (t) => {
    const servers = await userTables(t, {
      contexts: `(run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL, tenant INT NOT NULL DEFAULT 1,
        customer TEXT GENERATED ALWAYS AS (context_data->>'customer') STORED)`,
    })
    await servers.sql(
      `CREATE TYPE ${servers.name}.mood AS ENUM ('running', 'completed', 'failed', 'awaiting', 'cancelled')`,
    )
    await servers.sql(`ALTER TABLE $s ADD id BIGINT GENERATED ALWAYS AS IDENTITY,
      ALTER status TYPE ${servers.name}.mood USING status::${servers.name}.mood`)
    const { log } = await worker(t, servers)
    assert.equal((await servers.settled(await servers.begin(plain, { customer: 'x' }))).status, 'completed')
    assert.deepEqual(log.errors, [])
  })

  it('a status table that is a view of all its columns works', async (t) => {
    const servers = await userTables(t, {
      after: 'ALTER TABLE $s RENAME TO all_statuses',
    })
    await servers.sql(
      `CREATE VIEW $s AS SELECT run_id, status, status_data, updated_at FROM ${servers.name}.all_statuses`,
    )
    const { log } = await worker(t, servers)
    assert.equal((await servers.settled(await servers.begin(plain))).status, 'completed')
    assert.deepEqual(log.errors, [])
  })
})
