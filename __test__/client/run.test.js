// One run, as an application holds it: its result, its description, and what is done to it, by a client that has no blueprint.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RunEndedError, RunFailedError, RunNotFoundError } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { asking, failing, greeting, scene, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('the result', () => {
  it('of a completed run is that of the runtime', async (t) => {
    const { starting, client } = await scene(t, servers, greeting)
    const { runId } = await starting.start('greeting', { context: { name: 'Ada' } })
    const { context, serializedContext, status } = await client.run(runId).result({ timeoutMs: 20_000 })
    assert.deepEqual([status, context['_outputs.hello']], ['completed', 'hello Ada'])
    assert.deepEqual(JSON.parse(serializedContext), context)
    assert.equal('_flowcraft' in context, false)
  })

  it('of a failed run is an error that says why, and which node', async (t) => {
    const { starting, client } = await scene(t, servers, failing)
    const { runId } = await starting.start('failing')
    const failure = await client
      .run(runId)
      .result({ timeoutMs: 20_000 })
      .catch((error) => error)
    assert.ok(failure instanceof RunFailedError)
    assert.deepEqual([failure.code, failure.runId, failure.retryable], ['RUN_FAILED', runId, false])
    assert.match(failure.reason, /card declined/)
    assert.deepEqual(
      failure.nodeErrors.map(({ nodeId }) => nodeId),
      ['charge'],
    )
    await client.run(runId).retry()
    assert.equal((await client.run(runId).result({ timeoutMs: 20_000 })).context['_outputs.charge'], 'charged')
  })

  it('of a cancelled run is an error with the reason', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const { runId } = await starting.start('asking')
    const result = client.run(runId).result({ timeoutMs: 20_000 })
    result.catch(() => {})
    await servers.settled(runId, ['awaiting'])
    assert.equal(await client.run(runId).cancel('not needed'), true)
    await assert.rejects(result, { code: 'RUN_CANCELLED', runId, reason: 'not needed', name: 'RunFailedError' })
    assert.equal(await client.run(runId).cancel(), false)
  })

  it('is waited for until its end, until a time is up, or until the caller gives up', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const { runId } = await starting.start('asking')
    const run = client.run(runId)
    await assert.rejects(run.result({ timeoutMs: 50 }), { code: 'RESULT_TIMEOUT', runId, retryable: true })
    await assert.rejects(run.result({ timeoutMs: 0 }), { code: 'RESULT_TIMEOUT' })
    await assert.rejects(run.result({ timeoutMs: -1 }), { code: 'INVALID_ARGUMENT' })
    const reason = new Error('the user went away')
    const controller = new AbortController()
    const given = run.result({ signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    await assert.rejects(given, reason)
    await assert.rejects(run.result({ signal: controller.signal }), reason)
  })

  it('is there at once where the run is over, and soon after its end for many who wait', async (t) => {
    const { starting, client } = await scene(t, servers, single)
    const runs = await starting.startMany(
      'single',
      Array.from({ length: 100 }, () => ({})),
    )
    const results = await Promise.all(runs.map(({ runId }) => client.run(runId).result({ timeoutMs: 20_000 })))
    assert.ok(results.every(({ context }) => context['_outputs.only'] === 1))
    await client.run(runs[0].runId).result({ timeoutMs: 0 })
  })
})

describe('a description', () => {
  it('says what is done, what is due and what waits for what', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const begun = Date.now()
    const { runId } = await starting.start('asking')
    await servers.settled(runId, ['awaiting'])
    const { nodes, createdAt, updatedAt, ...told } = await client.run(runId).describe()
    assert.deepEqual(told, { runId, status: 'awaiting', blueprintId: 'asking', version: null })
    assert.ok(Math.abs(createdAt - begun) < 60_000 && updatedAt >= createdAt - 1_000)
    const states = nodes.map(({ nodeId, state, execution }) => [nodeId, state, execution])
    assert.deepEqual(states, [
      ['approval', 'awaiting', 1],
      ['ask', 'done', 1],
    ])
    assert.ok(nodes[0].waitsFor)
    await client.run(runId).resume({ action: 'yes', output: 'fine' })
    assert.equal((await client.run(runId).result({ timeoutMs: 20_000 })).context['_outputs.done'], 'fine')
    const after = await client.run(runId).describe()
    assert.deepEqual([after.status, after.nodes.every(({ state }) => state === 'done')], ['completed', true])
  })

  it('of a failed run says why', async (t) => {
    const flow = createFlow('broken').node('charge', async () => Promise.reject(new Error('no money')))
    const { starting, client } = await scene(t, servers, flow)
    const run = await starting.start('broken')
    await assert.rejects(run.result({ timeoutMs: 20_000 }), { code: 'RUN_FAILED' })
    const { status, reason, nodes } = await client.run(run.runId).describe()
    assert.deepEqual([status, nodes[0].state], ['failed', 'failed'])
    assert.match(reason, /no money/)
    assert.match(nodes[0].error, /no money/)
  })

  it('of a run that a client of another kind began says what its rows say', async (t) => {
    const { client } = await scene(t, servers, asking)
    const runId = await servers.begin(asking)
    await servers.settled(runId, ['awaiting'])
    const { createdAt, blueprintId, status } = await client.run(runId).describe()
    assert.deepEqual([createdAt, blueprintId, status], [undefined, 'asking', 'awaiting'])
    const bare = servers.runId()
    await servers.insert(bare, '{"a":1}')
    assert.deepEqual(await client.run(bare).describe(), { runId: bare, status: 'running', nodes: [] })
  })
})

describe('control without a blueprint', () => {
  it('tells a run of an event', async (t) => {
    const flow = createFlow('events').wait('paid', { params: { eventName: 'payment' } })
    const { starting, client } = await scene(t, servers, flow)
    const { runId } = await starting.start('events')
    await servers.settled(runId, ['awaiting'])
    const [node] = (await client.run(runId).describe()).nodes
    const { event } = node.waitsFor
    assert.equal(event, 'payment')
    assert.deepEqual([...(await client.run(runId).sendEvent(event, { amount: 42 }))], ['paid'])
    assert.deepEqual((await client.run(runId).result({ timeoutMs: 20_000 })).context['_outputs.paid'], { amount: 42 })
    await assert.rejects(client.run(runId).sendEvent(event), RunEndedError)
  })

  it('deletes a run that is over, and no other', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const { runId } = await starting.start('asking')
    await servers.settled(runId, ['awaiting'])
    await assert.rejects(client.run(runId).delete(), { code: 'RUN_NOT_ENDED', runId })
    await client.run(runId).cancel()
    await client.run(runId).delete()
    assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
    for (const call of ['delete', 'describe', 'result', 'cancel', 'retry', 'resume']) {
      await assert.rejects(
        client.run(runId)[call](),
        (error) => error instanceof RunNotFoundError && error.runId === runId,
      )
    }
  })
})
