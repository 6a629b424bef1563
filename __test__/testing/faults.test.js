// Crashes and outages: what a test does to an environment, and that runs survive it as they do on servers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { counting, environmentFor, held } from './support.js'

describe('a worker that is killed', () => {
  it('within a node: another one executes it, and its result counts once', async (t) => {
    const { flow, executions, letGo } = held()
    const { client, expectRun, killWorker, untilExecuting } = await environmentFor(t, { held: flow })
    const run = await client.start('held')
    await untilExecuting('hold', run)
    await killWorker()
    await untilExecuting('hold', run)
    assert.equal(executions.length, 2)
    letGo('second')
    executions[0]({ output: 'first' })
    await expectRun(run).toHaveCompleted({
      outputs: { hold: 'second', after: 'second' },
      attempts: { hold: 2, after: 1 },
    })
  })

  it('has the signals of its nodes aborted, and what they answer counts for nothing', async (t) => {
    const signals = []
    const flow = createFlow('late').node('only', ({ signal }) => {
      signals.push(signal)
      return signals.length > 1
        ? { output: 'in time' }
        : new Promise((resolve) => signal.addEventListener('abort', () => resolve({ output: 'late' })))
    })
    const { client, expectRun, killWorker, untilExecuting } = await environmentFor(t, { late: flow })
    const run = await client.start('late')
    await untilExecuting('only')
    await killWorker({ executing: 'only' })
    await expectRun(run).toHaveCompleted({ outputs: { only: 'in time' } })
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
  })

  it('too often fails the node, as maxDeaths says', async (t) => {
    const { flow } = held()
    const env = await environmentFor(t, { held: flow }, { adapter: { maxDeaths: 2 } })
    const run = await env.client.start('held')
    for (const _death of [1, 2]) {
      await env.untilExecuting('hold')
      await env.killWorker({ executing: 'hold' })
    }
    await env.expectRun(run).toHaveFailed({ reason: /2 workers/, nodes: ['hold'], attempts: { hold: 2 } })
  })

  it('within several nodes that take long: each of them begins again alone, and none waits for the end of another', async (t) => {
    const { flow, executions } = held()
    const env = await environmentFor(t, { held: flow }, { patience: 30_000 })
    const runs = await Promise.all([1, 2, 3].map(() => env.client.start('held')))
    for (const run of runs) await env.untilExecuting('hold', run)
    await env.killWorker()
    const killed = performance.now()
    for (const run of runs) await env.untilExecuting('hold', run)
    const took = performance.now() - killed
    assert.equal(executions.length, 6)
    assert.ok(
      took > 9_900,
      `the third began ${took} ms after the death: the others had not been alone for five seconds each`,
    )
    for (const letGo of executions) letGo({ output: 'done' })
    for (const run of runs) await env.expectRun(run).toHaveCompleted({ attempts: { hold: 2 } })
  })

  it('of several leaves the others alone', async (t) => {
    const { flow, letGo, executions } = held()
    const env = await environmentFor(t, { held: flow, counting }, { workers: 3 })
    const run = await env.client.start('held')
    await env.untilExecuting('hold')
    await env.killWorker({ executing: 'hold', replace: false })
    await env.untilExecuting('hold')
    await env.expectRun(await env.client.start('counting')).toHaveCompleted()
    letGo('done')
    await env.expectRun(run).toHaveCompleted({ attempts: { hold: executions.length } })
  })

  it('is not replaced unless it is to be: what is started waits', async (t) => {
    const env = await environmentFor(t, { counting })
    await env.killWorker({ replace: false })
    const run = await env.client.start('counting')
    await env.settle()
    assert.equal((await run.describe()).status, 'running')
    await assert.rejects(() => env.killWorker(), /no worker to kill/)
    env.startWorker()
    await env.expectRun(run).toHaveCompleted()
  })

  it('has to execute the node that is named', async (t) => {
    const env = await environmentFor(t, { counting })
    await assert.rejects(() => env.killWorker({ executing: 'first' }), /No worker executes the node 'first'/)
    assert.equal(env.adapter.constructor.name, 'RabbitMqAdapter')
  })

  it('a hundred times, wherever its runs are: each ends once', async (t) => {
    const results = new Map()
    const chain = createFlow('chain')
      .node('a', () => ({ output: 1 }))
      .node('b', ({ input }) => ({ output: input + 1 }))
      .node('c', ({ input }) => ({ output: input + 1 }))
      .edge('a', 'b')
      .edge('b', 'c')
    const env = await environmentFor(t, { chain }, { workers: 2, adapter: { maxDeaths: 0 } })
    for (let round = 0; round < 100; round += 1) {
      const run = await env.client.start('chain')
      results.set(run.runId, run)
      for (let turns = round % 5; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
      await env.killWorker()
    }
    await env.clock.advance('1 min')
    for (const run of results.values()) await env.expectRun(run).toHaveCompleted({ outputs: { c: 3 } })
  })
})

describe('an outage', () => {
  for (const server of ['postgres', 'rabbitmq', 'redis']) {
    it(`of ${server} while a node is executed: its result is kept, and it runs once`, async (t) => {
      const { flow, letGo } = held()
      const { client, expectRun, fail, restore, settle, untilExecuting } = await environmentFor(t, { held: flow })
      const run = await client.start('held')
      await untilExecuting('hold')
      await fail(server)
      letGo('kept')
      await settle()
      await restore(server)
      await expectRun(run).toHaveCompleted({ outputs: { after: 'kept' }, attempts: { hold: 1, after: 1 } })
    })

    it(`of ${server} while a run sleeps does not wake it late`, async (t) => {
      const sleeping = createFlow('sleeping').sleep('pause', { duration: 3_600_000 })
      const { client, clock, expectRun, fail, restore } = await environmentFor(t, { sleeping })
      const run = await client.start('sleeping')
      await expectRun(run).toAwait('pause')
      await fail(server)
      await clock.advance('2 hours')
      await restore()
      await expectRun(run).toHaveCompleted()
    })
  }

  it('of postgres refuses a start, as on servers, and leaves nothing', async (t) => {
    const { client, fail, restore } = await environmentFor(t, { counting })
    await fail('postgres')
    await assert.rejects(() => client.start('counting', { runId: 'refused' }), { code: 'DATABASE_UNREACHABLE' })
    await restore()
    await assert.rejects(() => client.run('refused').describe(), { code: 'RUN_NOT_FOUND' })
  })

  it('of rabbitmq lets a start stand: recovery publishes it', async (t) => {
    const { client, clock, expectRun, fail, restore } = await environmentFor(t, { counting })
    await fail('rabbitmq')
    const run = await client.start('counting')
    await restore('rabbitmq')
    await clock.advance('20 s')
    await expectRun(run).toHaveCompleted({ outputs: { second: 2 } })
  })

  it('of redis holds nothing up', async (t) => {
    const { client, expectRun, fail } = await environmentFor(t, { counting })
    await fail('redis')
    await expectRun(await client.start('counting')).toHaveCompleted({ attempts: { first: 1, second: 1 } })
  })

  it('is of a server that there is', async (t) => {
    const { fail } = await environmentFor(t, {})
    await assert.rejects(() => fail('mysql'), { code: 'INVALID_ARGUMENT' })
  })
})
