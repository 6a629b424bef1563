// What the look for lost jobs must not overlook, and what it must leave alone.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { openSharedServers, sharedServersFor, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Two nodes; the second takes as long as told. `id` and `version` tell blueprints apart. */
function twoSteps(milliseconds, { id = 'two-steps', version } = {}) {
  const flow = createFlow(id)
    .node('a', async () => ({ output: 1 }))
    .node('b', async ({ input }) => {
      await sleep(milliseconds)
      return { output: input + 1 }
    })
    .edge('a', 'b')
  const toBlueprint = flow.toBlueprint.bind(flow)
  flow.toBlueprint = () => ({ ...toBlueprint(), ...(version && { metadata: { version } }) })
  return flow
}

/** A run that has done `a`, and whose job for `b` is nowhere; last heard of so long ago. */
async function runThatLostItsJob(flow, { silentFor = '1 second' } = {}) {
  const adapter = servers.adapter(flow, { repairInterval: 0 })
  const run = await servers.begin(flow)
  await until(async () => (await servers.look(run)).context['_outputs.a'] === 1)
  await adapter.stop()
  await servers.channel.purgeQueue(servers.queue)
  await servers.pg.query(`UPDATE ${servers.statusTable} SET updated_at = now() - $2::interval WHERE run_id = $1`, [
    run,
    silentFor,
  ])
  return run
}

describe('a lost job is found', () => {
  it('however long its run has been silent', async () => {
    await servers.freshQueue()
    const run = await runThatLostItsJob(twoSteps(500), { silentFor: '3 days' })
    servers.adapter(twoSteps(0), { repairInterval: 500 })
    assert.equal((await servers.settled(run)).context['_outputs.b'], 2)
  })

  it('beside a run whose result cannot be published', async () => {
    await servers.freshQueue()
    class Unwilling extends RabbitMqAdapter {
      async publishFinalResult(runId, result) {
        if (runId === stuck) throw new Error('the receiver is away')
        await super.publishFinalResult(runId, result)
      }
    }
    let stuck
    const first = servers.adapter(twoSteps(0), { Adapter: Unwilling, repairInterval: 0 })
    stuck = servers.runId()
    await servers.begin(twoSteps(0), {}, { runId: stuck })
    await until(async () => (await servers.look(stuck)).context['_outputs.b'] === 2)
    await first.stop()
    const run = await runThatLostItsJob(twoSteps(500))
    servers.adapter(twoSteps(0), { Adapter: Unwilling, repairInterval: 500 })
    assert.equal((await servers.settled(run)).context['_outputs.b'], 2)
  })

  it('by a worker that does not have its blueprint, for one that has', async () => {
    await servers.freshQueue()
    const run = await runThatLostItsJob(twoSteps(500, { id: 'theirs' }))
    const settings = { repairInterval: 500, blueprintTimeout: 60_000 }
    servers.adapter(twoSteps(0, { id: 'ours' }), settings)
    await sleep(1_000) // it looks, and goes on being the one who looks
    servers.adapter(twoSteps(0, { id: 'theirs' }), { ...settings, repairInterval: 0 })
    assert.equal((await servers.settled(run)).context['_outputs.b'], 2)
  })
})

describe('what is not lost is left alone', { concurrency: true }, () => {
  it('timers that wait in a backlog', async (t) => {
    const servers = await sharedServersFor(t)
    const sleeper = createFlow('sleeper').sleep('nap', { duration: 4000 })
    const published = []
    const eventBus = { emit: ({ type, payload }) => type === 'job:enqueued' && published.push(payload.nodeId) }
    const first = servers.adapter([sleeper, twoSteps(0)], { repairInterval: 0 })
    const runs = []
    for (let n = 0; n < 20; n++) runs.push(await servers.begin(sleeper))
    for (const run of runs) await servers.settled(run, ['awaiting'])
    await first.stop()
    // All timers come due, behind a worker that is busy for long.
    await until(async () => (await servers.waiting()) === 20)
    const busy = twoSteps(20_000)
    await servers.begin(busy)
    servers.adapter([busy, sleeper], { concurrency: 1, repairInterval: 300, eventBus })
    await sleep(16_000)
    assert.deepEqual(
      published.filter((node) => node === 'nap'),
      [],
    )
  })

  it('a result that is being published: nobody publishes it a second time', async (t) => {
    const servers = await sharedServersFor(t)
    const calls = []
    class Slow extends RabbitMqAdapter {
      async publishFinalResult(runId, result) {
        calls.push(runId)
        await sleep(14_000)
        await super.publishFinalResult(runId, result)
      }
    }
    for (let n = 0; n < 2; n++) servers.adapter(twoSteps(0), { Adapter: Slow, repairInterval: 500 })
    const run = await servers.begin(twoSteps(0))
    await servers.settled(run)
    assert.deepEqual(calls, [run])
  })
})

describe('a message of another blueprint or version', () => {
  it('ends no run: a run is failed only by a job of its own', async () => {
    await servers.freshQueue()
    const flow = createFlow('patient').wait('hold')
    const adapter = servers.adapter(flow, { blueprintTimeout: 300 })
    const run = await servers.begin(flow)
    await servers.settled(run, ['awaiting'])
    await servers.send({ runId: run, blueprintId: 'typo', nodeId: 'hold' })
    await until(async () => (await adapter.listDeadLetters()).some(({ job }) => job?.blueprintId === 'typo'))
    assert.equal((await servers.look(run)).status, 'awaiting')
    await adapter.resumeWithAction(run, 'go')
    await servers.settled(run, ['completed'])
  })

  it('is put back where this worker’s version lacks the node', async () => {
    await servers.freshQueue()
    const run = await runThatLostItsJob(twoSteps(500, { version: '2' }))
    const old = createFlow('two-steps').node('a', async () => ({ output: 1 }))
    const toBlueprint = old.toBlueprint.bind(old)
    old.toBlueprint = () => ({ ...toBlueprint(), metadata: { version: '1' } })
    const worker = servers.adapter(old, { repairInterval: 0 })
    await servers.send({ runId: run, blueprintId: 'two-steps', nodeId: 'b', round: 1 })
    await sleep(1_500)
    assert.deepEqual(await worker.listDeadLetters(), [])
    servers.adapter(twoSteps(0, { version: '2' }), { repairInterval: 0 })
    assert.equal((await servers.settled(run)).context['_outputs.b'], 2)
  })
})
