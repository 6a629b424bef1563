// A client starts runs. Each starts once, however many clients start it, and any worker of its queue works it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createRabbitMqClient, RunExistsError } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, clientFor, clientOptions, executions, greeting, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** How many of some promises were kept, and the errors of the others. */
async function settle(promises) {
  const settled = await Promise.allSettled(promises)
  const kept = settled.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  return { kept, errors: settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason) }
}

const count = (handles, outcome) => handles.filter((handle) => handle.outcome === outcome).length

describe('a start', () => {
  it('is a run that a worker takes to its end', async (t) => {
    await servers.workerFor(t, greeting)
    const client = clientFor(t, servers, greeting)
    const run = await client.start('greeting', { context: { name: 'Ada' } })
    const { context, status } = await run.result({ timeoutMs: 20_000 })
    assert.deepEqual([run.outcome, status, context['_outputs.shout']], ['new', 'completed', 'HELLO ADA'])
  })

  it('of an adapter needs no other client', async (t) => {
    const adapter = await servers.workerFor(t, greeting)
    const run = await adapter.client.start('greeting', { context: { name: 'Bob' }, runId: servers.runId() })
    assert.equal((await run.result()).context['_outputs.shout'], 'HELLO BOB')
  })

  it('has its ledger, its blueprint and its queue in the row before any worker is there', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, greeting)
    const { runId } = await client.start('greeting', { context: { name: 'Eve', nested: { a: [1, null] } } })
    const { context, status } = await servers.look(runId)
    const { ledger, blueprint, queue } = context._flowcraft
    assert.deepEqual(
      [status, ledger.nodes.hello.state, blueprint, queue, context.blueprintId, context.nested],
      ['running', 'due', { id: 'greeting', version: null }, servers.queue, 'greeting', { a: [1, null] }],
    )
    assert.equal(await servers.waiting(), 1)
    const message = JSON.parse((await servers.take(servers.queue)).content)
    assert.deepEqual([message.runId, message.blueprintId, message.nodeId], [runId, 'greeting', 'hello'])
  })

  it('declares its queue where there is none', async (t) => {
    servers.queue = `${servers.name}_undeclared`
    servers.queues.add(servers.queue)
    const client = clientFor(t, servers, greeting)
    const run = await client.start('greeting', { context: { name: 'Kim' } })
    const adapter = servers.adapter(greeting)
    t.after(() => adapter.stop())
    assert.equal((await run.result({ timeoutMs: 20_000 })).context['_outputs.shout'], 'HELLO KIM')
  })

  it('takes the nodes whose outputs its context has as done', async (t) => {
    await servers.workerFor(t, [greeting, single])
    const client = clientFor(t, servers, [greeting, single])
    const run = await client.start('greeting', { context: { name: 'none', '_outputs.hello': 'hi' } })
    assert.equal((await run.result({ timeoutMs: 20_000 })).context['_outputs.shout'], 'HI')
    const all = await client.start('single', { context: { '_outputs.only': 7 } })
    assert.equal((await all.result()).context['_outputs.only'], 7)
  })

  it('at a later moment waits for it', async (t) => {
    await servers.workerFor(t, single)
    const client = clientFor(t, servers, single)
    const startAt = new Date(Date.now() + 1_500)
    const run = await client.start('single', { startAt })
    const [node] = (await run.describe()).nodes
    assert.ok(Math.abs(node.dueAt - startAt) < 1_000, `${node.dueAt}`)
    await run.result({ timeoutMs: 20_000 })
    assert.ok(Date.now() >= startAt - 300)
  })

  it('that cannot be is refused, and nothing of it exists', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, greeting)
    const runId = servers.runId()
    const refused = [
      [() => client.start('unknown', { runId }), 'BLUEPRINT_UNKNOWN'],
      [() => client.start('greeting', { runId, version: '2' }), 'BLUEPRINT_VERSION'],
      [() => client.start('greeting', { runId, context: { _flowcraft: 1 } }), 'RESERVED_KEY'],
      [() => client.start('greeting', { runId, context: { a: '\0' } }), 'VALUE_NOT_STORABLE'],
      [() => client.start('greeting', { runId, context: [] }), 'INVALID_ARGUMENT'],
      [() => client.start('greeting', { runId: '' }), 'INVALID_ARGUMENT'],
      [() => client.start('greeting', { runId, onConflict: 'maybe' }), 'INVALID_ARGUMENT'],
      [() => client.start('greeting', { runId, startAt: new Date('never') }), 'INVALID_ARGUMENT'],
      [() => client.startMany('greeting', [{ runId }, { runId }]), 'INVALID_ARGUMENT'],
    ]
    for (const [call, code] of refused) await assert.rejects(async () => call(), { code })
    assert.deepEqual([await servers.rowsOf(runId), await servers.waiting()], [{ contexts: 0, statuses: 0 }, 0])
  })

  it('of a client without a coordination store, closed and used again, works', async (t) => {
    await servers.workerFor(t, single)
    const client = createRabbitMqClient(clientOptions(servers, single, { coordinationStore: undefined }))
    await (await client.start('single')).result({ timeoutMs: 20_000 })
    await client.close()
    await (await client.start('single')).result({ timeoutMs: 20_000 })
    await client.close()
  })
})

describe('of fifty who start one run', () => {
  it('one does, and the others are refused', async (t) => {
    await servers.workerFor(t, greeting)
    const clients = [clientFor(t, servers, greeting), clientFor(t, servers, greeting)]
    const runId = servers.runId()
    const start = (_, index) => clients[index % 2].start('greeting', { runId, context: { name: runId } })
    const { kept, errors } = await settle(Array.from({ length: 50 }, start))
    assert.deepEqual([kept.length, errors.length], [1, 49])
    assert.ok(errors.every((error) => error instanceof RunExistsError && error.runId === runId))
    await kept[0].result({ timeoutMs: 20_000 })
    assert.equal(executions.get(runId), 1)
  })

  it('one does, and the others have its run', async (t) => {
    await servers.workerFor(t, greeting)
    const clients = [clientFor(t, servers, greeting), clientFor(t, servers, greeting)]
    const runId = servers.runId()
    const options = { runId, context: { name: runId }, onConflict: 'use-existing' }
    const start = (_, index) => clients[index % 2].start('greeting', options)
    const { kept } = await settle(Array.from({ length: 50 }, start))
    assert.deepEqual([count(kept, 'new'), count(kept, 'existing')], [1, 49])
    await Promise.all(kept.map((run) => run.result({ timeoutMs: 20_000 })))
    assert.equal(executions.get(runId), 1)
  })

  it('one of them begins an ended run anew, and the others get that run', async (t) => {
    await servers.workerFor(t, greeting)
    const clients = [clientFor(t, servers, greeting), clientFor(t, servers, greeting)]
    const runId = servers.runId()
    await (await clients[0].start('greeting', { runId, context: { name: runId, former: 1 } })).result()
    // Nobody works meanwhile: it cannot end again.
    const worked = servers.queue
    await servers.freshQueue()
    const idle = [clientFor(t, servers, greeting), clientFor(t, servers, greeting)]
    const again = { runId, context: { name: `${runId} again` }, onConflict: 'restart-if-ended' }
    const start = (_, index) => idle[index % 2].start('greeting', again)
    const { kept } = await settle(Array.from({ length: 50 }, start))
    assert.deepEqual([count(kept, 'restarted'), count(kept, 'existing')], [1, 49])
    assert.notEqual(servers.queue, worked)
    const adapter = servers.adapter(greeting)
    t.after(() => adapter.stop())
    const { context } = await kept[0].result({ timeoutMs: 20_000 })
    assert.deepEqual([context['_outputs.hello'], context.former], [`hello ${runId} again`, undefined])
    assert.deepEqual([executions.get(runId), executions.get(`${runId} again`)], [1, 1])
  })
})

describe('a run that begins anew', () => {
  it('is not taken on by late messages of the former one', async (t) => {
    await servers.workerFor(t, greeting)
    const client = clientFor(t, servers, greeting)
    const runId = servers.runId()
    await (await client.start('greeting', { runId, context: { name: runId } })).result({ timeoutMs: 20_000 })
    const name = `${runId} anew`
    const run = await client.start('greeting', { runId, context: { name }, onConflict: 'restart-if-ended' })
    const late = { runId, blueprintId: 'greeting' }
    await servers.sendMany([
      { ...late, nodeId: 'hello', round: 1 },
      { ...late, nodeId: 'shout', round: 1 },
    ])
    await run.result({ timeoutMs: 20_000 })
    await until(async () => (await servers.waiting()) === 0)
    assert.deepEqual([executions.get(name), await deadLetters()], [1, 0])
  })

  async function deadLetters() {
    const adapter = servers.adapter(greeting, { started: false })
    return (await adapter.listDeadLetters()).length
  }

  it('does not count the result of a node that the former one left running', async (t) => {
    const held = []
    const flow = createFlow('held').node('slow', () => new Promise((resolve) => held.push(resolve)))
    await servers.workerFor(t, flow, { leaseSeconds: 1 })
    const client = clientFor(t, servers, flow)
    const runId = servers.runId()
    const former = await client.start('held', { runId })
    await until(() => held.length === 1)
    await former.cancel()
    const run = await client.start('held', { runId, onConflict: 'restart-if-ended' })
    held[0]({ output: 'former' })
    await until(() => held.length === 2, { timeout: 20_000 })
    held[1]({ output: 'anew' })
    assert.equal((await run.result({ timeoutMs: 20_000 })).context['_outputs.slow'], 'anew')
  })

  it('has not ended while it waits', async (t) => {
    await servers.workerFor(t, asking)
    const client = clientFor(t, servers, asking)
    const runId = servers.runId()
    await client.start('asking', { runId })
    await servers.settled(runId, ['awaiting'])
    const again = await client.start('asking', { runId, onConflict: 'restart-if-ended' })
    assert.equal(again.outcome, 'existing')
  })
})

describe('many starts', () => {
  it('are five thousand runs, one statement and one batch of messages', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, single)
    const runs = await client.startMany(
      'single',
      Array.from({ length: 5_000 }, (_, number) => ({ context: { number } })),
    )
    assert.deepEqual([runs.length, count(runs, 'new'), await servers.waiting()], [5_000, 5_000, 5_000])
    const [first, last] = [runs[0], runs.at(-1)]
    assert.equal((await servers.look(first.runId)).context.number, 0)
    assert.equal((await servers.look(last.runId)).context.number, 4_999)
    const adapter = servers.adapter(single, { concurrency: 100 })
    t.after(() => adapter.stop())
    const ids = runs.map(({ runId }) => runId)
    await until(async () => (await servers.openAmong(ids)) === 0, { timeout: 60_000 })
  })

  it('are none where one of them is there and may not be', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, single)
    const [there, other] = [servers.runId(), servers.runId()]
    await client.start('single', { runId: there })
    const both = [{ runId: other }, { runId: there }]
    await assert.rejects(client.startMany('single', both), { code: 'RUN_EXISTS', runId: there })
    assert.deepEqual(await servers.rowsOf(other), { contexts: 0, statuses: 0 })
    const started = await client.startMany('single', both, { onConflict: 'use-existing' })
    assert.deepEqual(
      started.map(({ outcome }) => outcome),
      ['new', 'existing'],
    )
    assert.deepEqual(await client.startMany('single', []), [])
  })
})

describe('the ids of runs', () => {
  it('are those of the tables, in their own writing', onServers('a column of UUIDs'), async (t) => {
    await servers.freshQueue()
    const contextTableName = `${servers.name}.uuid_contexts`
    const statusTableName = `${servers.name}.uuid_statuses`
    await servers.pg.query(`CREATE TABLE ${contextTableName} (run_id UUID PRIMARY KEY, context_data JSONB NOT NULL)`)
    await servers.pg.query(
      `CREATE TABLE ${statusTableName} (run_id UUID PRIMARY KEY, status_data JSONB NOT NULL, updated_at TIMESTAMPTZ)`,
    )
    const tables = { contextTableName, statusTableName }
    const adapter = servers.adapter(single, tables)
    t.after(() => adapter.stop())
    const client = clientFor(t, servers, single, tables)
    const runId = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'
    const run = await client.start('single', { runId })
    assert.equal(run.runId, runId.toLowerCase())
    await run.result({ timeoutMs: 20_000 })
    await client.start('single').then((another) => another.result({ timeoutMs: 20_000 }))
    await assert.rejects(client.start('single', { runId: 'order-17' }), { code: 'RUN_ID_INVALID' })
    await assert.rejects(client.start('single', { runId: runId.toLowerCase() }), { code: 'RUN_EXISTS' })
  })
})
