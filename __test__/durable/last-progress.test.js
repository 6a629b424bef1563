// What a node said of its progress: its next attempt goes on from there, and nothing breaks where the store has lost it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RetryAfter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { readProgress, writeProgress } from '../../dist/execution/progress-store.js'
import { clientFor } from '../client/support/clients.js'
import { ENDS, isGone, ownStore, progressOf, scene, telling } from '../client/support/progress.js'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { environmentFor } from '../testing/support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('the next attempt goes on from there', () => {
  for (const retryMode of ['in-process', 'queue']) {
    it(`after one that failed, retries through the ${retryMode}`, async (t) => {
      const seen = []
      const flow = createFlow('resuming').node(
        'work',
        async ({ dependencies: { job } }) => {
          seen.push([job.attempt, await job.lastProgress()])
          // The second one has said nothing when it fails.
          if (job.attempt !== 2) for (let page = 1; page <= 50; page++) job.heartbeat({ page: page * job.attempt })
          if (job.attempt < 4) throw new Error('not yet')
          return { output: await job.lastProgress() }
        },
        { config: { maxRetries: 4, retryDelay: 1 } },
      )
      const client = await scene(t, servers, flow, { retryMode })
      const run = await client.start('resuming')
      assert.deepEqual((await run.result(ENDS)).context['_outputs.work'], { page: 200 })
      assert.deepEqual(seen, [
        [1, undefined],
        [2, { page: 50 }],
        [3, { page: 50 }],
        [4, { page: 150 }],
      ])
      await until(() => isGone(run))
    })
  }

  it('after one that asked to run again later', async (t) => {
    const flow = createFlow('later').node('work', async ({ dependencies: { job } }) => {
      const polled = (await job.lastProgress()) ?? 0
      job.heartbeat(polled + 1)
      if (polled < 3) throw new RetryAfter(1)
      return { output: polled }
    })
    const client = await scene(t, servers, flow)
    const run = await client.start('later')
    assert.equal((await run.result(ENDS)).context['_outputs.work'], 3)
  })

  it('while it waits its progress is that of the last one', async (t) => {
    const letGo = deferred()
    const flow = createFlow('waiting').node('work', async ({ dependencies: { job } }) => {
      if ((await job.lastProgress()) !== undefined) return {}
      job.heartbeat('as far as this')
      await letGo.promise
      throw new RetryAfter(1_500)
    })
    const client = await scene(t, servers, flow)
    const run = await client.start('waiting')
    letGo.resolve()
    const waits = await until(async () => (await run.describe()).nodes.find(({ dueAt, progress }) => dueAt && progress))
    assert.deepEqual([waits.state, waits.progress.value, waits.progress.attempt], ['due', 'as far as this', 1])
    await run.result(ENDS)
  })

  it('after a worker that stops', async (t) => {
    const seen = []
    const flow = createFlow('deployed').node('work', async ({ dependencies: { job }, signal }) => {
      seen.push(await job.lastProgress())
      if (seen.length > 1) return { output: 'done' }
      job.heartbeat('as far as this')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const old = await servers.workerFor(t, flow, { stopTimeout: 200 })
    const client = clientFor(t, servers, flow)
    const run = await client.start('deployed')
    await until(() => progressOf(run))
    await old.stop()
    const adapter = servers.adapter(flow)
    t.after(() => adapter.stop())
    await run.result(ENDS)
    assert.deepEqual(seen, [undefined, 'as far as this'])
    await until(() => isGone(run))
  })

  it('after the time limit of the one before', async (t) => {
    const flow = createFlow('limited').node(
      'work',
      async ({ dependencies: { job } }) => {
        const last = await job.lastProgress()
        if (last !== undefined) return { output: last }
        job.heartbeat('begun')
        job.heartbeat('as far as this')
        return new Promise(() => {})
      },
      { config: { timeout: 80, maxRetries: 2, retryDelay: 1 } },
    )
    const client = await scene(t, servers, flow, { retryMode: 'queue' })
    const run = await client.start('limited')
    assert.equal((await run.result(ENDS)).context['_outputs.work'], 'as far as this')
  })

  it('after the death of a worker', async (t) => {
    const seen = []
    const flow = createFlow('killed').node('work', async ({ dependencies: { job } }) => {
      seen.push(await job.lastProgress())
      if (seen.length > 1) return { output: 'done' }
      job.heartbeat('as far as this')
      return new Promise(() => {})
    })
    const env = await environmentFor(t, { killed: flow })
    const run = await env.client.start('killed')
    await env.untilExecuting('work')
    await until(() => progressOf(run))
    await env.killWorker({ executing: 'work' })
    await env.expectRun(run).toHaveCompleted()
    assert.deepEqual(seen, [undefined, 'as far as this'])
  })

  it('where a worker dies between the two steps of a write', async () => {
    const keys = new Map()
    let left = Number.POSITIVE_INFINITY
    const step = (act) => async (key, value) => {
      left -= 1
      if (left < 0) throw new Error('dead')
      return act(key, value)
    }
    const memory = {
      get: async (key) => keys.get(key) ?? null,
      delete: step((key) => void keys.delete(key)),
      setIfNotExist: step((key, value) => !keys.has(key) && keys.set(key, value) && true),
    }
    const place = { runId: 'r', path: 'n', execution: 1 }
    const write = async (json) => {
      const { next } = await readProgress(memory, place)
      await writeProgress(memory, place, next, { json, attempt: 1, at: 0, worker: 'w' })
    }
    const latest = async () => (await readProgress(memory, place)).latest?.stored
    for (const json of ['1', '2', '3']) {
      await write(json)
      assert.equal(await latest(), Number(json))
    }
    left = 1
    await assert.rejects(write('4'))
    assert.equal(await latest(), 3)
    left = Number.POSITIVE_INFINITY
    await write('5')
    assert.equal(await latest(), 5)
    const another = { ...place, execution: 2 }
    assert.deepEqual(await readProgress(memory, another), { latest: undefined, next: { slot: 1, count: 1 } })
    const [key] = keys.keys()
    keys.set(key, 'not ours')
    await write('6')
    assert.equal(await latest(), 6)
  })
})

describe('a store that fails', () => {
  it('breaks nothing: the node goes on, and no client sees how far it is', async (t) => {
    const own = ownStore({ refuses: () => true })
    const letGo = deferred()
    const flow = createFlow('failing').node('work', async ({ dependencies: { job } }) => {
      job.heartbeat(1)
      await letGo.promise
      job.heartbeat(2)
      return { output: await job.lastProgress() }
    })
    const client = await scene(t, servers, flow, { coordinationStore: own }, { coordinationStore: own })
    const run = await client.start('failing')
    await until(() => own.calls.length > 0)
    const { status, nodes } = await run.describe()
    assert.deepEqual([status, nodes[0].state, nodes[0].progress], ['running', 'due', undefined])
    letGo.resolve()
    assert.equal((await run.result(ENDS)).context['_outputs.work'], 2)
  })

  it('has lost what an earlier attempt recorded: the next one begins at its beginning', async (t) => {
    const seen = []
    const flow = createFlow('lost').node(
      'work',
      async ({ dependencies: { job } }) => {
        seen.push(await job.lastProgress())
        if (job.attempt === 2) return {}
        job.heartbeat('as far as this')
        throw new Error('not yet')
      },
      { config: { maxRetries: 2, retryDelay: 1 } },
    )
    const own = ownStore({ refuses: () => true })
    const client = await scene(t, servers, flow, { coordinationStore: own, retryMode: 'queue' })
    const run = await client.start('lost')
    await run.result(ENDS)
    assert.deepEqual(seen, [undefined, undefined])
  })

  it('does not answer: a description comes without progress', async (t) => {
    const { flow, letGo } = telling('here')
    const silent = { ...ownStore(), get: () => new Promise(() => {}) }
    const client = await scene(t, servers, flow)
    const blind = clientFor(t, servers, flow, { coordinationStore: silent })
    const run = await client.start('telling')
    await until(() => progressOf(run))
    const asked = performance.now()
    assert.equal(await progressOf(blind.run(run.runId)), undefined)
    assert.ok(performance.now() - asked < 4_000)
    letGo()
    await run.result(ENDS)
  })

  it('for a while has the last value once it is back, without another call', async (t) => {
    let isAway = true
    const own = ownStore({ refuses: () => isAway })
    const { flow, letGo } = telling('kept')
    const client = await scene(t, servers, flow, { coordinationStore: own })
    const run = await client.start('telling')
    await until(() => own.calls.length > 0)
    isAway = false
    assert.equal((await until(() => progressOf(run))).value, 'kept')
    letGo()
    await run.result(ENDS)
  })
})
