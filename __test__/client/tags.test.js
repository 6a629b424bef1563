// Tags: what runs are found by, counted by, and erased by, from their start to their removal.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { onServers, openSharedServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { asking, clientFor, executions, failing, greeting, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const found = async (client, options) => (await client.list(options)).runs.map(({ runId }) => runId)

describe('tags of a run', () => {
  it('are shown by describe and lists, and a list finds the runs that have all of them', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, [single, asking])
    const idPrefix = `${servers.runId()}-`
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((end) => idPrefix + end)
    const [one, two] = [`customer:${a}`, `customer:${b}`]
    await client.start('single', { runId: a, tags: [one, 'region:eu', one] })
    await client.startMany('single', [{ runId: b, tags: [two, 'region:eu'] }, { runId: c, tags: [one] }, { runId: d }])
    assert.deepEqual((await client.run(a).describe()).tags, [one, 'region:eu'])
    assert.equal('tags' in (await client.run(d).describe()), false)
    const { runs } = await client.list({ idPrefix })
    assert.deepEqual(
      runs.map(({ tags }) => tags),
      [[one, 'region:eu'], [two, 'region:eu'], [one], undefined],
    )
    assert.deepEqual(await found(client, { tags: [one] }), [a, c])
    assert.deepEqual(await found(client, { tags: [one], order: 'desc', limit: 1 }), [c])
    assert.deepEqual(await found(client, { tags: [one, 'region:eu'] }), [a])
    assert.deepEqual(await found(client, { tags: [one, two] }), [])
    assert.deepEqual(await found(client, { tags: [two], blueprintId: 'asking' }), [])
    assert.deepEqual(await found(client, { idPrefix, tags: [] }), [a, b, c, d])
    assert.deepEqual(await client.counts({ tags: [one] }), [{ status: 'running', blueprintId: 'single', count: 2 }])
  })

  it('are any texts, which no server reads as anything else', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, single)
    const tags = ["it's", '"quoted"', '{a,b}', '100%', 'a_b', '\\', 'ü 👩‍👩‍👧', '$1', '👍'.repeat(64)]
    const run = await client.start('single', { tags })
    assert.deepEqual((await run.describe()).tags, tags)
    for (const tag of tags) assert.deepEqual(await found(client, { tags: [tag] }), [run.runId], tag)
    for (const other of ['it', '%', '100', 'a.b', 'axb', '{a', 'b}']) {
      assert.deepEqual(await found(client, { tags: [other] }), [], other)
    }
  })

  it('stay to the end, over a restart of the run, and come anew with it', async (t) => {
    const { runId } = servers
    await servers.workerFor(t, failing)
    const client = clientFor(t, servers, failing)
    const tag = `of:${servers.runId()}`
    const run = await client.start('failing', { runId: runId.call(servers), tags: [tag, 'first'] })
    await assert.rejects(run.result({ timeoutMs: 20_000 }))
    assert.deepEqual((await run.describe()).tags, [tag, 'first'])
    await run.retry()
    await run.result({ timeoutMs: 20_000 })
    assert.deepEqual((await run.describe()).tags, [tag, 'first'])
    const anew = { runId: run.runId, onConflict: 'restart-if-ended' }
    await client.start('failing', { ...anew, tags: [tag, 'second'] })
    assert.deepEqual((await run.describe()).tags, [tag, 'second'])
    assert.deepEqual(await found(client, { tags: [tag, 'first'] }), [])
    assert.deepEqual(await found(client, { tags: [tag, 'second'] }), [run.runId])
    await assert.rejects(run.result({ timeoutMs: 20_000 }))
    await client.start('failing', anew)
    assert.equal((await run.describe()).tags, undefined)
    assert.deepEqual(await found(client, { tags: [tag] }), [])
    // A start that finds the run as it is gives it no tags.
    await client.start('failing', { runId: run.runId, onConflict: 'use-existing', tags: [tag] })
    assert.equal((await run.describe()).tags, undefined)
  })

  it('are those of the first run where it is run again from a node', async (t) => {
    await servers.workerFor(t, greeting)
    const client = clientFor(t, servers, greeting)
    const tag = `of:${servers.runId()}`
    const run = await client.start('greeting', { context: { name: tag }, tags: [tag, 'region:eu'] })
    await run.result({ timeoutMs: 20_000 })
    const again = await run.rerunFrom('shout')
    assert.deepEqual((await again.describe()).tags, [tag, 'region:eu'])
    assert.deepEqual(new Set(await found(client, { tags: [tag] })), new Set([run.runId, again.runId]))
  })

  it('are no part of the context that nodes and results see', async (t) => {
    const looking = createFlow('looking').node('look', async ({ context }) => ({
      output: Object.keys(await context.toJSON()),
    }))
    await servers.workerFor(t, looking)
    const client = clientFor(t, servers, looking)
    const { context } = await (await client.start('looking', { tags: ['hidden'] })).result({ timeoutMs: 20_000 })
    assert.equal(JSON.stringify(context).includes('hidden'), false)
    assert.deepEqual(
      context['_outputs.look'].filter((key) => /tag|flowcraft/.test(key)),
      [],
    )
  })

  it('that are none are refused before anything is written', async (t) => {
    const client = clientFor(t, servers, single)
    const runId = servers.runId()
    const many = Array.from({ length: 21 }, (_, number) => `t${number}`)
    const wrong = ['x', 7, [7], [undefined], [null], [''], ['x'.repeat(65)], ['a\nb'], ['\0'], ['\ud800'], many]
    for (const tags of wrong) {
      const refused = { code: 'INVALID_ARGUMENT', name: 'TypeError' }
      const what = JSON.stringify(tags)
      await assert.rejects(client.start('single', { runId, tags }), refused, what)
      await assert.rejects(client.startMany('single', [{ runId: `${runId}-2` }, { runId, tags }]), refused, what)
      await assert.rejects(client.list({ tags }), refused, what)
      await assert.rejects(client.counts({ tags }), refused, what)
      await assert.rejects(client.purge({ tags, olderThan: 0 }), refused, what)
    }
    assert.deepEqual(await found(client, { idPrefix: runId }), [])
    const most = many.slice(1)
    await client.start('single', { runId, tags: [...most, ...most] })
    assert.deepEqual((await client.run(runId).describe()).tags, most)
  })
})

describe('runs with a tag', () => {
  it('are removed whole, and others stay; one that goes on stays too', async (t) => {
    await servers.workerFor(t, [single, asking])
    const client = clientFor(t, servers, [single, asking])
    const tag = `customer:${servers.runId()}`
    const over = await client.start('single', { tags: [tag, 'region:eu'] })
    const also = await client.start('single', { tags: [tag] })
    const other = await client.start('single', { tags: ['region:eu'] })
    const goesOn = await client.start('asking', { tags: [tag] })
    for (const run of [over, also, other]) await run.result({ timeoutMs: 20_000 })
    await until(async () => (await goesOn.describe()).status === 'awaiting')
    assert.equal(await client.purge({ tags: [tag, 'region:us'], olderThan: 0 }), 0)
    assert.equal(await client.purge({ tags: [tag], olderThan: 3_600_000 }), 0)
    assert.equal(await client.purge({ tags: [tag], status: 'failed', olderThan: 0 }), 0)
    assert.equal(await client.purge({ tags: [tag, 'region:eu'], olderThan: 0 }), 1)
    assert.equal(await client.purge({ tags: [tag], olderThan: 0 }), 1)
    for (const run of [over, also]) await assert.rejects(run.describe(), { code: 'RUN_NOT_FOUND' })
    assert.deepEqual(await found(client, { tags: [tag] }), [goesOn.runId])
    await other.describe()
    await goesOn.cancel()
    assert.equal(await client.purge({ tags: [tag], olderThan: 0 }), 1)
    assert.deepEqual(await client.counts({ tags: [tag] }), [])
  })

  it('are never all runs where no tag is named', async (t) => {
    const client = clientFor(t, servers, single)
    await assert.rejects(client.purge({ tags: [], olderThan: 0 }), { code: 'INVALID_ARGUMENT' })
  })
})

const migrated = ({ contextTable, statusTable }, options = {}) =>
  migrate({
    pgClient: { connectionString: urls.database, directUrl: urls.direct },
    contextTableName: contextTable,
    statusTableName: statusTable,
    ...options,
  })

const tagsOf = async (servers, runId) => {
  const { rows } = await servers.pg.query(`SELECT * FROM ${servers.statusTable} WHERE run_id = $1`, [runId])
  return rows[0]?.flowcraft_tags
}

/** The plan of a statement where a small table is not read whole. */
const planOf = async (servers, sql) => {
  const connection = await servers.pg.connect()
  await connection.query('SET enable_seqscan = off')
  const { rows } = await connection.query(`EXPLAIN ${sql}`)
  connection.release(true)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

describe('the column of tags', onServers('tables of PostgreSQL, and what others do to them'), () => {
  it('is found by clients that are working, filled in for earlier runs, and missed by nobody when it goes', async (t) => {
    const own = await sharedServersFor(t)
    const client = clientFor(t, own, [single, asking])
    await migrated(own, { direction: 'down' })
    const earlier = await client.start('asking', { tags: ['early', 'both'] })
    await client.start('asking')
    assert.deepEqual(await found(client, { tags: ['both'] }), [earlier.runId])
    await migrated(own)
    assert.deepEqual(await tagsOf(own, earlier.runId), ['early', 'both'])
    const later = await client.start('asking', { tags: ['late', 'both'] })
    assert.deepEqual(await tagsOf(own, later.runId), ['late', 'both'])
    assert.deepEqual(new Set(await found(client, { tags: ['both'] })), new Set([earlier.runId, later.runId]))
    assert.match(await planOf(own, `SELECT run_id FROM ${own.statusTable} WHERE flowcraft_tags @> '{late}'`), /_tags/)
    await migrated(own, { direction: 'down', to: 6 })
    assert.equal(await tagsOf(own, earlier.runId), undefined)
    assert.deepEqual(new Set(await found(client, { tags: ['both'] })), new Set([earlier.runId, later.runId]))
    const last = await client.start('asking', { tags: ['last'] })
    assert.deepEqual((await last.describe()).tags, ['last'])
    assert.equal(await client.purge({ tags: ['both'], olderThan: 0 }), 0)
  })

  it('keeps them where version 2.0.0 has dropped them from the record', async (t) => {
    const own = await sharedServersFor(t)
    await migrated(own)
    const client = clientFor(t, own, asking)
    const run = await client.start('asking', { tags: ['kept'] })
    // What 2.0.0 does not know of the reserved key goes with its first change of the run.
    await own.pg.query(
      `UPDATE ${own.contextTable} SET context_data = context_data #- '{_flowcraft,start}' WHERE run_id = $1`,
      [run.runId],
    )
    assert.deepEqual((await run.describe()).tags, ['kept'])
    assert.deepEqual(await found(client, { tags: ['kept'] }), [run.runId])
    assert.deepEqual((await client.list({ idPrefix: run.runId })).runs[0].tags, ['kept'])
    await run.cancel()
    assert.equal(await client.purge({ tags: ['kept'], olderThan: 0 }), 1)
  })

  it('is written in a transaction of the caller, which decides', async (t) => {
    const own = await sharedServersFor(t)
    await migrated(own)
    const client = clientFor(t, own, asking)
    const transaction = await own.pg.connect()
    for (const end of ['ROLLBACK', 'COMMIT']) {
      await transaction.query('BEGIN')
      await client.start('asking', { transaction, tags: [`by-${end}`] })
      await transaction.query(end)
    }
    transaction.release()
    assert.deepEqual(await found(client, { tags: ['by-ROLLBACK'] }), [])
    const [runId] = await found(client, { tags: ['by-COMMIT'] })
    assert.deepEqual(await tagsOf(own, runId), ['by-COMMIT'])
  })
})

/** A join, which workers of version 1 would count in Redis. */
const joining = createFlow('joining')
  .node('a', async ({ context }) => {
    const name = await context.get('name')
    executions.set(name, (executions.get(name) ?? 0) + 1)
    return { output: 'a' }
  })
  .node('b', async () => ({ output: 'b' }))
  .node('end', async () => ({ output: 'end' }))
  .edge('a', 'end')
  .edge('b', 'end')

describe('what a tag names', onServers('keys of Redis, and rows that others read'), () => {
  it('is erased: no row, no entry, no key, and what is late of it finds nothing', async (t) => {
    const own = await sharedServersFor(t)
    await migrated(own)
    await own.workerFor(t, [joining, asking])
    const client = clientFor(t, own, [joining, asking])
    const tag = `customer:${own.runId()}`
    const runs = await client.startMany(
      'joining',
      Array.from({ length: 5 }, () => ({ context: { name: tag }, tags: [tag, 'region:eu'] })),
    )
    for (const run of runs) await run.result({ timeoutMs: 20_000 })
    // Its first message comes in a while, and it was cancelled meanwhile.
    const delayed = await client.start('joining', { tags: [tag], startAt: Date.now() + 2_500 })
    await delayed.cancel()
    const ids = [...runs, delayed].map(({ runId }) => runId)
    const redis = new Redis(urls.redis)
    t.after(() => redis.quit())
    const keys = async () => (await Promise.all(ids.map((id) => redis.keys(`*${id}*`)))).flat()
    const before = executions.get(tag)
    assert.notDeepEqual(await keys(), [])
    assert.equal(await client.purge({ tags: [tag], olderThan: 0 }), ids.length)
    const nothing = async () => {
      assert.deepEqual(await keys(), [])
      for (const table of [own.contextTable, own.statusTable, `${own.contextTable}_journal`]) {
        const { rows } = await own.pg.query(`SELECT run_id FROM ${table} WHERE run_id = ANY($1)`, [ids])
        assert.deepEqual(rows, [], table)
      }
      const { rows } = await own.pg.query(
        `SELECT 1 FROM ${own.statusTable} AS t WHERE t::text LIKE $1 UNION ALL
         SELECT 1 FROM ${own.contextTable} AS t WHERE t::text LIKE $1`,
        [`%${tag}%`],
      )
      assert.deepEqual(rows, [])
    }
    // Leases of nodes that have just ended are given back by their workers.
    await until(async () => (await keys()).length === 0, { what: 'the last leases' })
    await nothing()
    // Copies that a broker delivers again, and the one that was delayed.
    await own.send({ runId: ids[0], blueprintId: 'joining', nodeId: 'a', round: 1 })
    await own.send({ runId: ids[1], blueprintId: 'joining', nodeId: 'end', round: 1 })
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    await nothing()
    assert.equal(executions.get(tag), before)
  })
})
