// Names and values are data, wherever they come from: nothing in them is executed, nothing beside them is touched,
// and they come out as they went in.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { createRabbitMqReconciler, PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createFlow, NullLogger } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, STATUS_TABLES, until, urls } from '../fixtures/shared-servers.js'
import { canaryTable, plantCanary } from './support/canary.js'
import { quoted, signs, statements } from './support/hostile-names.js'

let servers
let canary
let names
before(async () => {
  servers = await openSharedServers()
  names = [...statements(canaryTable(servers)), ...signs]
  canary = await plantCanary(servers)
})
afterEach(() => canary.unharmed())
after(async () => {
  await canary.remove()
  await servers.close()
})

/** start → end, where `end` answers with the run's key `key`. */
const simple = createFlow('simple')
  .node('a', async ({ context }) => ({ output: await context.get('key') }))
  .node('b', async ({ input }) => ({ output: { got: input } }))
  .edge('a', 'b')

describe('a PostgresContext', () => {
  const context = (runId) => new PostgresContext(runId, { client: urls.database, tableName: servers.contextTable })

  it('takes any text as a key and as a value, in every method', async () => {
    const run = context('keys')
    await run.patch(names.map((name) => ({ op: 'set', key: name, value: { [name]: name } })))
    assert.deepEqual(Object.keys(await run.toJSON()).sort(), [...names].sort())
    for (const name of names) {
      assert.deepEqual(await run.get(name), JSON.parse(JSON.stringify({ [name]: name })), name)
      assert.equal(await run.has(name), true)
      assert.equal(await run.delete(name), true, name)
      assert.equal(await run.has(name), false)
      assert.equal(await run.delete(name), false)
      await run.set(name, name)
    }
    assert.equal(Object.keys(await run.toJSON()).length, names.length, 'each was its own key')
    await run.patch(names.map((name) => ({ op: 'delete', key: name })))
    assert.deepEqual(await run.toJSON(), {})
  })

  it('takes any text as a run’s id, and touches only that run', async () => {
    await Promise.all(names.map((name) => context(`x${name}`).set('id', name)))
    for (const name of names) assert.deepEqual(await context(`x${name}`).toJSON(), { id: name })
    const { rows } = await servers.pg.query(`SELECT run_id FROM ${servers.contextTable} WHERE run_id LIKE 'x%'`)
    assert.deepEqual(rows.map((row) => row.run_id).sort(), names.map((name) => `x${name}`).sort())
  })

  it('refuses what PostgreSQL cannot store, and says of which run', async () => {
    for (const attempt of [
      () => context('nul').set('a\0b', 1),
      () => context('nul').set('key', 'a\0b'),
      () => context('nul').get('a\0b'),
      () => context('nul\0').get('a'),
    ]) {
      await assert.rejects(attempt, /run 'nul/)
    }
  })

  it('never shows the engine’s own key, and never takes it', async () => {
    const runId = await servers.begin(simple, { key: 1 })
    const adapter = servers.adapter(simple)
    await servers.settled(runId)
    await adapter.stop()
    const run = context(runId)
    assert.equal(await run.get('_flowcraft'), undefined)
    assert.equal(await run.has('_flowcraft'), false)
    assert.equal(await run.delete('_flowcraft'), false)
    assert.equal('_flowcraft' in (await run.toJSON()), false)
    await assert.rejects(run.set('_flowcraft', {}), /reserved/)
    await assert.rejects(run.patch([{ op: 'delete', key: '_flowcraft' }]), /reserved/)
    assert.ok((await servers.look(runId)).context._flowcraft.ledger)
  })
})

describe('a run', () => {
  it('may have any id', async (t) => {
    await servers.freshQueue()
    const adapter = servers.adapter(simple, { concurrency: 20 })
    t.after(() => adapter.stop())
    await Promise.all(names.map((name) => servers.begin(simple, { key: name }, { runId: name })))
    for (const name of names) {
      const { status, context } = await servers.settled(name)
      assert.equal(status, 'completed', name)
      assert.deepEqual(context['_outputs.b'], { got: name })
      assert.deepEqual([...(await adapter.reconcile(name))], [])
    }
  })

  it('may have any keys, values, actions and reasons', async () => {
    const flow = createFlow('keys')
      .node('write', async ({ context }) => {
        for (const name of names) await context.set(name, name)
        await context.delete('gone')
        return { output: Object.fromEntries(names.map((name) => [name, [name]])) }
      })
      .node('read', async ({ context, input }) => {
        const read = []
        for (const name of names) if ((await context.get(name)) === name && Object.hasOwn(input, name)) read.push(name)
        return { output: read, action: names[0] }
      })
      .node('by-action', async () => ({ output: 'reached' }))
      .node('fails', async () => {
        throw new Error(names.join('\n'))
      })
      .edge('write', 'read')
      .edge('read', 'by-action', { action: names[0] })
      .edge('by-action', 'fails')
    const given = Object.fromEntries(names.map((name) => [`given ${name}`, name]))
    const { status, result, context } = await servers.runAlone(flow, { context: { ...given, gone: 1 } })
    assert.equal(status, 'failed')
    assert.ok(result.reason.includes(names.join('\n')))
    assert.deepEqual(context['_outputs.read'], names)
    assert.equal(context['_outputs.by-action'], 'reached')
    assert.deepEqual(
      names.filter((name) => context[name] !== name && name !== '__proto__'),
      [],
    )
    assert.equal(Object.getOwnPropertyDescriptor(context, '__proto__').value, '__proto__')
    assert.equal('gone' in context, false)
  })

  it('may have any ids of its nodes and of its blueprint', async () => {
    const blueprint = {
      id: names[0],
      nodes: names.map((id) => ({ id, uses: 'step' })),
      edges: names.slice(1).map((target, index) => ({ source: names[index], target })),
    }
    const flow = declared(blueprint, { step: async ({ input }) => ({ output: (input ?? 0) + 1 }) })
    const { status, context } = await servers.runAlone(flow)
    assert.equal(status, 'completed', JSON.stringify(context))
    assert.equal(context.blueprintId, names[0])
    assert.deepEqual(
      names.map((name) => context[`_outputs.${name}`]),
      names.map((_, index) => index + 1),
    )
  })

  it('of a blueprint that only every object has is one of a blueprint that is missing', async (t) => {
    await servers.freshQueue()
    const adapter = servers.adapter(simple, { blueprintTimeout: 0 })
    t.after(() => adapter.stop())
    // The last is longer than a message's headers may be, which say why it is dead.
    for (const blueprintId of ['__proto__', 'constructor', 'toString', 'x'.repeat(200_000)]) {
      const runId = servers.runId()
      await servers.pg.query(`INSERT INTO ${servers.contextTable} VALUES ($1, '{}')`, [runId])
      await servers.send({ runId, blueprintId, nodeId: 'a' })
      const { status, result } = await servers.settled(runId, ['failed'], 10_000)
      assert.equal(status, 'failed')
      assert.match(result.reason, /is not in this worker's runtime/)
    }
    await servers.channel.deleteQueue(`${servers.queue}.dead`)
  })

  it('may wait for any event, be resumed with any action, and be cancelled for any reason', async (t) => {
    const waits = declared({
      id: 'waits',
      nodes: names.map((eventName, index) => ({ id: `n${index}`, uses: 'wait', params: { eventName } })),
      edges: [],
    })
    await servers.freshQueue()
    const adapter = servers.adapter(waits)
    t.after(() => adapter.stop())
    const runId = await servers.begin(waits)
    await servers.settled(runId, ['awaiting'])
    for (const [index, name] of names.entries()) {
      assert.deepEqual([...(await adapter.sendEvent(runId, name, { name }))], [`n${index}`], name)
    }
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    for (const [index, name] of names.entries()) assert.deepEqual(context[`_outputs.n${index}`], { name })

    const other = await servers.begin(waits)
    await servers.settled(other, ['awaiting'])
    await adapter.resumeWithAction(other, names[1], names[1], 'n0')
    await until(async () => (await servers.look(other)).context['_outputs.n0'] === names[1])
    await adapter.cancel(other, names[0])
    assert.equal((await servers.settled(other)).result.reason, names[0])
  })

  it('may wait in a queue of any name', async () => {
    // RabbitMQ takes line breaks out of a queue's name when it is declared, and of no other mention of it.
    const able = names.filter((name) => !/[\r\n]/.test(name))
    const complete = async (name) => {
      const queueName = `${servers.name}${name}`
      const adapter = servers.adapter(simple, { queueName })
      const runId = await servers.begin(simple, { key: name }, { starts: [] })
      await adapter.enqueueJob({ runId, blueprintId: 'simple', nodeId: 'a' })
      const { context } = await servers.settled(runId)
      assert.deepEqual(context['_outputs.b'], { got: name })
      await adapter.stop()
      await servers.channel.deleteQueue(queueName)
    }
    await Promise.all([...able, 'q'.repeat(238 - servers.name.length)].map(complete))
    for (const queueName of ['a\r\nb', 'q'.repeat(239), 'ü'.repeat(120), 7, '']) {
      assert.throws(() => servers.adapter(simple, { started: false, queueName }), /'queueName'/)
    }
  })
})

describe('a table', () => {
  const hostile = () =>
    [...statements(canaryTable(servers)), `it's "so"`, 'a.b', '$1', 'MiXed', '%I', 'ünï🦀'].map((name) =>
      name.slice(0, 60),
    )

  for (const shape of Object.keys(STATUS_TABLES)) {
    it(`may have any quoted name, with the status table of the ${shape}; the reconciler finds it too`, async (t) => {
      // A schema of its own: these tables are none of the canary's.
      const schema = `${servers.name}_${shape}`
      await servers.pg.query(`CREATE SCHEMA ${schema}`)
      t.after(() => servers.pg.query(`DROP SCHEMA ${schema} CASCADE`))
      const complete = async (name, index) => {
        const [contexts, statuses] = [`c${name}`, `s${name}`].map((table) => `${schema}.${quoted(table)}`)
        await servers.pg.query(`CREATE TABLE ${contexts} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)`)
        await servers.pg.query(`CREATE TABLE ${statuses} ${STATUS_TABLES[shape]}`)
        await servers.pg.query(`INSERT INTO ${contexts} VALUES ('run', '{"key":1}')`)
        const queueName = `${schema}_${index}`
        const options = { queueName, contextTableName: contexts, statusTableName: statuses }
        const adapter = servers.adapter(simple, options)
        await adapter.enqueueJob({ runId: 'run', blueprintId: 'simple', nodeId: 'a' })
        const ended = async () => {
          const { rows } = await servers.pg.query(`SELECT to_jsonb(s) AS row FROM ${statuses} s`)
          return (rows[0]?.row.status_data ?? rows[0]?.row.result)?.status === 'completed'
        }
        await until(ended, { what: `the run in ${statuses}`, timeout: 30_000 })
        const found = { adapter, pgClient: urls.database, statusTableName: statuses, stalledThresholdSeconds: 0 }
        const stats = await createRabbitMqReconciler({ ...found, logger: new NullLogger() }).run()
        assert.deepEqual(stats, { stalledRuns: 0, reconciledRuns: 0, failedRuns: 0 })
        await adapter.stop()
        await servers.channel.deleteQueue(queueName)
      }
      await Promise.all(hostile().map(complete))
    })
  }

  it('that does not exist is refused in a clear error, whatever its name wants', async () => {
    const wishes = [
      `${servers.contextTable}; DROP TABLE ${canaryTable(servers)}`,
      `${servers.contextTable} AS t, ${canaryTable(servers)}`,
      `(SELECT 1) x; DROP TABLE ${canaryTable(servers)}; --`,
      `${quoted(servers.name)}."contexts"; DROP TABLE ${canaryTable(servers)}; --`,
      `"unclosed`,
      'a..b',
      '.',
      ' ',
      'a.b.c.d',
      'pg_catalog.pg_class',
      'x'.repeat(300),
      'nul\0',
    ]
    for (const tableName of wishes) {
      const refused = (use) => assert.rejects(use, /Looking at the tables|SQLSTATE/, tableName)
      const context = new PostgresContext('run', { client: urls.database, tableName })
      await refused(context.set('key', 1))
      await refused(context.toJSON())
      const adapter = { reconcile: () => assert.fail('nothing is stalled') }
      const options = { adapter, pgClient: urls.database, statusTableName: tableName, stalledThresholdSeconds: 0 }
      await refused(createRabbitMqReconciler(options).run())
    }
  })
})

describe('a key in Redis', () => {
  it('of any text is a key of its own', async () => {
    const { store } = servers.adapter(simple, { started: false })
    for (const name of names) {
      const key = `${servers.name}${name}`
      assert.equal(await store.setIfNotExist(key, name, 60), true, name)
      assert.equal(await store.get(key), name)
      assert.equal(await store.extendTTL(key, 60), true)
      await store.delete(key)
      assert.equal(await store.increment(key, 60), 1)
      await store.delete(key)
    }
  })
})
