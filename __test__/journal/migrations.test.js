// The steps of `migrate`: bounded, whole or undone, one at a time, mended, taken over.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FlowcraftAdapterError, migrate, migrationStatus } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { until, urls } from '../fixtures/shared-servers.js'
import { Tables } from './support.js'

const ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
const MADE = [
  'contexts_blueprint',
  'contexts_halted',
  'contexts_history',
  'contexts_history_ended',
  'contexts_history_run',
  'contexts_journal',
  'contexts_live',
  'contexts_migrations',
  'contexts_paused',
  'contexts_schedules',
  'contexts_schedules_due',
  'contexts_throughput',
  'contexts_waits',
  'contexts_waits_more',
  'contexts_workers',
  'statuses_failed',
  'statuses_open',
  'statuses_tags',
]

let tables
before(async () => {
  tables = await Tables.open()
})
after(() => tables.close())
afterEach(() => tables.migrate({ direction: 'down' }))

describe('steps', () => {
  it('are taken to a number and back, and their status says since when', async () => {
    assert.deepEqual(await tables.steps({ to: 2 }), [1, 2])
    assert.deepEqual(await tables.done(), [1, 2])
    const [first, , third] = await migrationStatus(tables.options)
    assert.ok(first.name === 'journal' && Math.abs(Date.now() - first.doneAt) < 60_000, String(first.doneAt))
    assert.deepEqual([third.done, 'doneAt' in third], [false, false])
    assert.deepEqual(await tables.steps(), [3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert.deepEqual(await tables.steps(), [])
    assert.deepEqual(await tables.steps({ direction: 'down', to: 1 }), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    assert.deepEqual(await tables.steps({ direction: 'down' }), [1])
    assert.deepEqual(await tables.made(), [])
    await assert.rejects(tables.migrate({ to: 99 }), { code: 'INVALID_OPTION', option: 'to' })
  })

  it('are only shown by a dry run, which changes nothing', async () => {
    const shown = await tables.migrate({ dryRun: true })
    assert.deepEqual(await tables.made(), [])
    assert.deepEqual(await tables.migrate(), shown)
    const down = await tables.migrate({ direction: 'down', dryRun: true })
    assert.deepEqual(await tables.made(), MADE)
    assert.deepEqual(await tables.migrate({ direction: 'down' }), down)
  })

  it('are what their SQL does, when somebody else runs it', async () => {
    const shown = await tables.migrate({ dryRun: true })
    const client = await tables.other()
    for (const { sql } of shown) for (const statement of sql) await client.query(statement)
    assert.deepEqual(await tables.made(), MADE)
    assert.deepEqual(await tables.done(), ALL)
    const { rows } = await client.query('SHOW statement_timeout')
    assert.equal(rows[0].statement_timeout, '0', 'nothing is left on the connection')
  })

  it('are taken once when two migrate at a time', async () => {
    for (const direction of ['up', 'down', 'up']) {
      const taken = await Promise.all([1, 2, 3].map(() => tables.steps({ direction })))
      assert.deepEqual(
        taken.flat().sort((one, other) => one - other),
        ALL,
      )
    }
    assert.deepEqual(await tables.made(), MADE)
  })

  it('are taken over one connection, too', async () => {
    const pgClient = { connectionString: urls.direct, max: 1 }
    assert.deepEqual(await tables.steps({ pgClient }), ALL)
  })

  it('are taken where transactions are serializable unless they say otherwise', async () => {
    for (const level of ['repeatable read', 'serializable']) {
      const pgClient = {
        connectionString: urls.direct,
        options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`,
      }
      assert.deepEqual(await tables.steps({ pgClient }), ALL)
      assert.deepEqual(await tables.steps({ pgClient, direction: 'down' }), [...ALL].reverse())
    }
  })
})

describe('tables in use', () => {
  it('by a transaction that does not end: it fails within a bound and says who, and nothing is half made', async () => {
    const client = await tables.other()
    await client.query(`BEGIN; INSERT INTO ${tables.statuses} (run_id) VALUES ('held')`)
    const begun = performance.now()
    const error = await tables.migrate().then(assert.fail, (error) => error)
    const took = performance.now() - begun
    assert.ok(error instanceof FlowcraftAdapterError && error.retryable && error.code === 'DATABASE_BUSY', error.stack)
    assert.match(error.message, new RegExp(`step 2 .*pid ${client.processID}\\b`))
    assert.ok(took > 9_000 && took < 25_000, `${took} ms`)
    assert.deepEqual(await tables.indexes(), {})
    assert.deepEqual(await tables.done(), [1])
    await client.query('ROLLBACK')
    assert.deepEqual(await tables.steps(), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  it('by one that holds the contexts: the journal is not made, and runs go on meanwhile', async () => {
    const client = await tables.other()
    await client.query(`BEGIN; INSERT INTO ${tables.contexts} VALUES ('held', '{}')`)
    const begun = performance.now()
    await assert.rejects(tables.migrate(), { code: 'DATABASE_BUSY' })
    assert.ok(performance.now() - begun < 25_000)
    await client.query('ROLLBACK')
    assert.deepEqual(await tables.made(), [])
  })
})

describe('a migration that was killed', () => {
  it('in the middle of an index: the next one drops what is left and makes it', async () => {
    await tables.migrate({ to: 1 })
    const [reader, killed] = [await tables.other(), await tables.other()]
    // What the migration does not see coming: a transaction that begins when the index is being built.
    await reader.query(`BEGIN; INSERT INTO ${tables.statuses} (run_id) VALUES ('held')`)
    const [{ sql }] = await tables.migrate({ to: 2, dryRun: true })
    const create = sql.find((statement) => statement.startsWith('CREATE INDEX CONCURRENTLY'))
    const building = killed.query(create).catch(() => {})
    await until(async () => (await tables.indexes()).statuses_open === false)
    await tables.sql('SELECT pg_terminate_backend($1)', [killed.processID])
    await building
    await reader.query('ROLLBACK')
    assert.deepEqual(await tables.indexes(), { statuses_open: false })
    assert.deepEqual(await tables.done(), [1])
    assert.deepEqual(await tables.steps(), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert.deepEqual(await tables.indexes(), { statuses_open: true })
  })

  it('before it had its lock: the next one is not held up', async () => {
    const client = await tables.other()
    await client.query(`BEGIN; LOCK TABLE ${tables.contexts} IN ROW EXCLUSIVE MODE`)
    const waiting = tables.migrate().catch(() => {})
    const [pid] = await until(async () => {
      const pids = await tables.busyWith(`LOCK TABLE %contexts% IN SHARE ROW EXCLUSIVE MODE`)
      return pids.length > 0 && pids
    })
    await tables.sql('SELECT pg_terminate_backend($1)', [pid])
    await waiting
    await client.query('ROLLBACK')
    assert.deepEqual(await tables.made(), [])
    assert.deepEqual(await tables.steps(), ALL)
  })
})

describe('a journal of version 2.0.0', () => {
  /** As its `migrate` made it. */
  async function asOf2_0_0() {
    const { contexts, statuses } = tables
    await tables.sql(`CREATE TABLE IF NOT EXISTS ${contexts}_journal (run_id TEXT NOT NULL, entry BIGINT NOT NULL,
      change JSON NOT NULL CHECK ((change::jsonb) IS NOT NULL), PRIMARY KEY (run_id, entry))`)
    const [{ sql }] = await tables.migrate({ dryRun: true, to: 1 })
    await tables.sql(sql.find((statement) => statement.includes(' VIEW ')))
    await tables.sql(
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS statuses_open ON ${statuses} (run_id) WHERE status::text = 'running'`,
    )
    await tables.sql(`ALTER TABLE ${contexts} ALTER COLUMN context_data SET COMPRESSION lz4`)
    await tables.sql(`ALTER TABLE ${statuses} ALTER COLUMN status_data SET COMPRESSION lz4`)
  }

  it('is taken over: its steps count as done, are recorded, and are taken away like any others', async () => {
    await asOf2_0_0()
    assert.deepEqual(await tables.done(), [1, 2, 3])
    const steps = await tables.migrate()
    assert.deepEqual(
      steps.map(({ step, takenOver }) => [step, takenOver]),
      [
        [1, true],
        [2, true],
        [3, true],
        [4, false],
        [5, false],
        [6, false],
        [7, false],
        [8, false],
        [9, false],
        [10, false],
        [11, false],
      ],
    )
    assert.deepEqual(await tables.made(), MADE)
    assert.deepEqual(await tables.steps({ direction: 'down' }), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    assert.deepEqual(await tables.made(), [])
  })

  it('is taken away without having been recorded', async () => {
    await asOf2_0_0()
    assert.deepEqual(await tables.steps({ direction: 'down' }), [3, 2, 1])
    assert.deepEqual(await tables.made(), [])
  })

  it('that was taken away by its own migrate is made again', async () => {
    await tables.migrate()
    await tables.sql(`DROP INDEX ${tables.statuses}_open`)
    await tables.sql(`DROP VIEW ${tables.contexts}_live`)
    await tables.sql(`DROP TABLE ${tables.contexts}_journal`)
    assert.deepEqual(await tables.done(), [3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert.deepEqual(await tables.steps(), [1, 2])
    assert.deepEqual(await tables.done(), ALL)
  })
})

describe('partitioned tables', () => {
  let parts
  before(async () => {
    parts = await Tables.open()
    const { contexts, statuses } = parts
    await parts.sql(`DROP TABLE ${contexts}, ${statuses}`)
    await parts.sql(`CREATE TABLE ${contexts} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)
      PARTITION BY HASH (run_id)`)
    await parts.sql(`CREATE TABLE ${statuses} (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB,
      updated_at TIMESTAMPTZ DEFAULT NOW()) PARTITION BY HASH (run_id)`)
    for (const table of [contexts, statuses]) {
      await parts.sql(`CREATE TABLE ${table}_0 PARTITION OF ${table} FOR VALUES WITH (MODULUS 2, REMAINDER 0)`)
      await parts.sql(`CREATE TABLE ${table}_1 PARTITION OF ${table} FOR VALUES WITH (MODULUS 2, REMAINDER 1)
        PARTITION BY HASH (run_id)`)
      await parts.sql(`CREATE TABLE ${table}_10 PARTITION OF ${table}_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0)`)
    }
  })
  after(() => parts.close())

  it('get an index on every partition, and work; all goes away again', async () => {
    const before = await parts.made()
    const steps = await parts.migrate()
    assert.deepEqual(
      steps.map(({ step, notes }) => [step, notes.length]),
      // The extension pg_trgm is not there.
      ALL.map((step) => [step, step === 11 ? 1 : 0]),
    )
    const every = ['statuses_0_open', 'statuses_10_open', 'statuses_1_open', 'statuses_open']
    assert.deepEqual(await parts.indexes(), Object.fromEntries(every.map((name) => [name, true])))
    for (const name of ['blueprint', 'waits', 'waits_more', 'halted']) {
      const parted = every.map((each) => [each.replace('statuses', 'contexts').replace('_open', `_${name}`), true])
      assert.deepEqual(await parts.indexes(name), Object.fromEntries(parted))
    }
    const tagged = every.map((name) => [name.replace('_open', '_tags'), true])
    assert.deepEqual(await parts.indexes('tags'), Object.fromEntries(tagged))
    const lz4 = await parts.sql(
      `SELECT count(*)::int FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relnamespace = $1::regnamespace AND attcompression = 'l' AND c.relname ~ '_(0|10)$'`,
      [parts.servers.name],
    )
    assert.equal(lz4[0].count, 4)
    assert.deepEqual(await parts.steps(), [])
    parts.servers.migrated = parts.contexts
    const flow = createFlow('parted')
      .node('a', async () => ({ output: 1 }))
      .node('b', async ({ input }) => ({ output: input + 1 }))
      .edge('a', 'b')
    parts.servers.adapter(flow)
    for (let i = 0; i < 5; i++) assert.equal((await parts.servers.run(flow)).context['_outputs.b'], 2)
    assert.deepEqual(await parts.steps({ direction: 'down' }), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    parts.servers.migrated = undefined
    assert.deepEqual(await parts.made(), before)
    assert.equal((await parts.servers.run(flow)).context['_outputs.b'], 2)
  })

  it('get the rest of an index that was left half made', async () => {
    await parts.migrate({ to: 1 })
    await parts.sql(`CREATE INDEX statuses_open ON ONLY ${parts.statuses} (run_id) WHERE status::text = 'running'`)
    await parts.sql(`CREATE INDEX statuses_0_open ON ${parts.statuses}_0 (run_id) WHERE status::text = 'running'`)
    assert.deepEqual(await parts.steps(), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert.deepEqual([...new Set(Object.values(await parts.indexes()))], [true])
    await parts.migrate({ direction: 'down' })
    assert.deepEqual(await parts.indexes(), {})
  })
})

describe('beside a running worker', () => {
  it('each step comes and goes, and no run and no call of a context notices', async () => {
    const flow = createFlow('steady')
    let built = flow
    for (let i = 0; i < 6; i++) {
      built = built.node(`n${i}`, async ({ input = 0, context }) => {
        await sleep(4)
        await context.set(`key${i}`, i)
        return { output: input + 1 }
      })
      if (i > 0) built = built.edge(`n${i - 1}`, `n${i}`)
    }
    await tables.servers.freshQueue()
    tables.servers.adapter(built, { concurrency: 10 })
    const runs = []
    let over = false
    const clients = (async () => {
      while (!over) {
        runs.push(await tables.servers.begin(built))
        await sleep(5)
      }
    })()
    for (const to of [1, 2, 3, 4, 2, 1, 0, 4, 0]) {
      const direction = (await tables.done()).length > to ? 'down' : 'up'
      await tables.migrate({ direction, to })
      assert.deepEqual(await tables.done(), ALL.slice(0, to))
      await sleep(100)
    }
    over = true
    await clients
    for (const run of runs) {
      const { status, context } = await tables.servers.settled(run)
      assert.deepEqual([status, context['_outputs.n5'], context.key5], ['completed', 6, 5])
    }
    console.log(`# ${runs.length} runs while the steps came and went`)
  })
})

describe('what cannot be migrated', () => {
  it('is refused before anything is changed', async () => {
    const missing = { ...tables.options, contextTableName: `${tables.servers.name}.none` }
    await assert.rejects(migrate(missing), { code: 'TABLE_MISSING' })
    await assert.rejects(migrationStatus(missing), { code: 'TABLE_MISSING' })
    assert.deepEqual(await tables.made(), [])
  })
})
