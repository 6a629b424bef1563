// How far a node is: it says so, whoever describes its run sees it, and its next attempt goes on from there.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createAesCodec, RedisCoordinationStore, RetryAfter } from '@flowcraft/rabbitmq-adapter'
import { createFlow, SubflowNode, UnsafeEvaluator } from 'flowcraft'
import Redis from 'ioredis'
import { readProgress, writeProgress } from '../../dist/execution/progress-store.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { environmentFor } from '../testing/support.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }
const store = new RedisCoordinationStore(urls.redis)

/** A worker, and a client that starts the flow's runs. */
async function scene(t, flow, options = {}, ofClient = {}) {
  await servers.workerFor(t, flow, options)
  return clientFor(t, servers, flow, ofClient)
}

/** A node that says how far it is, and goes on when it is let go. */
function telling(...said) {
  const letGo = deferred()
  const flow = createFlow('telling').node('work', async ({ dependencies: { job }, signal }) => {
    for (const each of said) job.heartbeat(each)
    signal.addEventListener('abort', letGo.resolve)
    await letGo.promise
    return { output: 'done' }
  })
  return { flow, letGo: letGo.resolve }
}

const progressOf = async (run, nodeId = 'work') =>
  (await run.describe()).nodes.find((node) => node.nodeId === nodeId)?.progress

/** What the store holds of a node. */
async function held(run, path = 'work') {
  const keys = [1, 2].map((slot) => `flowcraft:progress:${slot}:${run.runId}:${path}`)
  return (await Promise.all(keys.map((key) => store.get(key)))).filter((text) => text !== undefined)
}

const isGone = async (run, path) => (await held(run, path)).length === 0

/** A store of a user's own: notes what is done to keys of progress, and may refuse it. */
function ownStore({ refuses = () => false } = {}) {
  const calls = []
  const methods = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get'].map((name) => [
    name,
    async (key, ...more) => {
      const isProgress = key.startsWith('flowcraft:progress:')
      if (isProgress) calls.push(name)
      if (isProgress && refuses()) throw new Error('the store is away')
      return store[name](key, ...more)
    },
  ])
  return { calls, ...Object.fromEntries(methods) }
}

describe('the progress of a node', () => {
  it('is seen while it is executed, with its moment, attempt and worker, and gone afterwards', async (t) => {
    const { flow, letGo } = telling({ page: 3, of: 10 })
    const client = await scene(t, flow)
    const began = Date.now()
    const run = await client.start('telling')
    const { at, worker, ...progress } = await until(() => progressOf(run))
    assert.deepEqual(progress, { value: { page: 3, of: 10 }, attempt: 1 })
    assert.ok(at instanceof Date && Math.abs(at.getTime() - began) < 20_000, String(at))
    assert.match(worker, new RegExp(`:${process.pid}:`))
    letGo()
    await run.result(ENDS)
    assert.equal(await progressOf(run), undefined)
    await until(() => isGone(run))
  })

  it('is written as often as it is worth: of thousands of calls the last one', async (t) => {
    const own = ownStore()
    const letGo = deferred()
    const flow = createFlow('busy').node('work', async ({ dependencies: { job } }) => {
      for (let done = 1; done <= 10_000; done++) assert.equal(job.heartbeat({ done }), undefined)
      await letGo.promise
      return {}
    })
    const client = await scene(t, flow, { coordinationStore: own })
    const run = await client.start('busy')
    await until(async () => (await progressOf(run))?.value.done === 10_000)
    const writes = own.calls.filter((name) => name === 'setIfNotExist')
    assert.equal(writes.length, 2)
    letGo.resolve()
    await run.result(ENDS)
  })

  it('is what it was at the call, and stays where a heartbeat says nothing', async (t) => {
    const letGo = deferred()
    const flow = createFlow('snapshot').node('work', async ({ dependencies: { job } }) => {
      const state = { page: 1 }
      job.heartbeat({ page: 0 })
      job.heartbeat(state)
      state.page = 2
      job.heartbeat()
      await letGo.promise
      return { output: await job.lastProgress() }
    })
    const client = await scene(t, flow)
    const run = await client.start('snapshot')
    await until(async () => (await progressOf(run))?.value.page === 1)
    letGo.resolve()
    assert.deepEqual((await run.result(ENDS)).context['_outputs.work'], { page: 1 })
  })

  for (const value of [null, false, 0, '', 'text', [1, [2]]]) {
    it(`may be ${JSON.stringify(value)}`, async (t) => {
      const { flow, letGo } = telling(value)
      const client = await scene(t, flow)
      const run = await client.start('telling')
      assert.deepEqual((await until(() => progressOf(run))).value, value)
      letGo()
      await run.result(ENDS)
    })
  }

  it('that is too large or no JSON is not recorded, and the log says so once', async (t) => {
    const lines = []
    const logger = { debug: () => {}, info: () => {}, error: () => {}, warn: (line) => void lines.push(line) }
    const circular = {}
    circular.self = circular
    const { flow, letGo } = telling('x'.repeat(16_382), 'y'.repeat(16_383), circular, 1n, () => {})
    const client = await scene(t, flow, { runtime: { logger } })
    const run = await client.start('telling')
    assert.deepEqual((await until(() => progressOf(run))).value, 'x'.repeat(16_382))
    letGo()
    await run.result(ENDS)
    const said = lines.filter((line) => line.includes('job.heartbeat'))
    assert.equal(said.length, 1, lines.join('\n'))
    assert.match(said[0], /16385 bytes of JSON, more than 16384/)
  })

  it('of a run that is cancelled is removed once its code has ended', async (t) => {
    const { flow } = telling('half')
    const client = await scene(t, flow)
    const run = await client.start('telling')
    await until(() => progressOf(run))
    await run.cancel()
    await until(() => isGone(run))
    assert.equal(await progressOf(run), undefined)
  })

  it('inside a subflow stands at its path', async (t) => {
    const { flow: inner, letGo } = telling('inside')
    const outer = createFlow('outer').node('sub', SubflowNode, { params: { blueprintId: 'telling' } })
    const client = await scene(t, [outer, inner], { subflows: 'jobs' })
    const run = await client.start('outer')
    assert.equal((await until(() => progressOf(run, 'sub/work'))).value, 'inside')
    letGo()
    await run.result(ENDS)
    await until(() => isGone(run, 'sub/work'))
  })

  it('of an earlier execution is none of a later one', async (t) => {
    const letGo = deferred()
    const before = []
    const flow = createFlow('looping')
      .node('begin', async ({ context }) => {
        await context.set('n', 0)
        return {}
      })
      .node('work', async ({ context, dependencies: { job } }) => {
        const n = (await context.get('n')) + 1
        before.push(await job.lastProgress())
        job.heartbeat(n)
        await context.set('n', n)
        if (n === 2) await letGo.promise
        return {}
      })
      .loop('again', { startNodeId: 'work', endNodeId: 'work', condition: 'n < 2' })
      .edge('begin', 'again')
    const client = await scene(t, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const run = await client.start('looping')
    await until(async () => (await progressOf(run))?.value === 2)
    letGo.resolve()
    await run.result(ENDS)
    assert.deepEqual(before, [undefined, undefined])
  })

  it('before a run failed is none once it is retried', async (t) => {
    const before = []
    const flow = createFlow('mended').node('work', async ({ dependencies: { job } }) => {
      before.push(await job.lastProgress())
      job.heartbeat('as far as this')
      if (before.length === 1) throw new Error('not yet')
      return {}
    })
    const client = await scene(t, flow)
    const run = await client.start('mended')
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    await run.retry()
    await run.result(ENDS)
    assert.deepEqual(before, [undefined, undefined])
  })

  it('is looked for of the first 500 nodes that are due', async (t) => {
    const ids = Array.from({ length: 501 }, (_, at) => `n${at}`)
    const wide = ids.reduce((flow, id) => flow.node(id, async () => ({})), createFlow('wide'))
    const client = clientFor(t, servers, wide)
    const run = await client.start('wide')
    const write = (path) =>
      writeProgress(
        store,
        { runId: run.runId, path, execution: 1 },
        { slot: 1, count: 1 },
        { json: '1', attempt: 1, at: 0, worker: 'w' },
      )
    await Promise.all(ids.map(write))
    const { nodes } = await run.describe()
    assert.deepEqual([nodes.length, nodes.filter(({ progress }) => progress).length], [501, 500])
  })

  it('expires within an hour of its last write', onServers('a time to live'), async (t) => {
    const { flow, letGo } = telling('one')
    const client = await scene(t, flow)
    const run = await client.start('telling')
    await until(() => progressOf(run))
    const redis = new Redis(urls.redis)
    t.after(() => redis.disconnect())
    const ttl = await redis.ttl(`flowcraft:progress:1:${run.runId}:work`)
    assert.ok(ttl > 3_500 && ttl <= 3_600, `${ttl} s`)
    letGo()
    await run.result(ENDS)
  })

  it('is not seen by a client without the store, nor by watch', async (t) => {
    const { flow, letGo } = telling('here')
    const client = await scene(t, flow)
    const blind = clientFor(t, servers, flow, { coordinationStore: undefined })
    const run = await client.start('telling')
    await until(() => progressOf(run))
    assert.equal(await progressOf(blind.run(run.runId)), undefined)
    const watched = run.watch()
    const { value } = await watched.next()
    assert.deepEqual([value.nodes[0].state, value.nodes[0].progress], ['due', undefined])
    await watched.return()
    letGo()
    await run.result(ENDS)
  })
})

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
      const client = await scene(t, flow, { retryMode })
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
    const client = await scene(t, flow)
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
    const client = await scene(t, flow)
    const run = await client.start('waiting')
    letGo.resolve()
    const waits = await until(async () => (await run.describe()).nodes.find(({ dueAt, progress }) => dueAt && progress))
    assert.deepEqual([waits.state, waits.progress.value, waits.progress.attempt], ['due', 'as far as this', 1])
    await run.result(ENDS)
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
  it('breaks nothing: the node goes on, and nobody sees how far it is', async (t) => {
    const own = ownStore({ refuses: () => true })
    const letGo = deferred()
    const flow = createFlow('failing').node('work', async ({ dependencies: { job } }) => {
      job.heartbeat(1)
      await letGo.promise
      job.heartbeat(2)
      return { output: await job.lastProgress() }
    })
    const client = await scene(t, flow, { coordinationStore: own }, { coordinationStore: own })
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
    const client = await scene(t, flow, { coordinationStore: own, retryMode: 'queue' })
    const run = await client.start('lost')
    await run.result(ENDS)
    assert.deepEqual(seen, [undefined, undefined])
  })

  it('does not answer: a description comes without progress', async (t) => {
    const { flow, letGo } = telling('here')
    const silent = { ...ownStore(), get: () => new Promise(() => {}) }
    const client = await scene(t, flow)
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
    const client = await scene(t, flow, { coordinationStore: own })
    const run = await client.start('telling')
    await until(() => own.calls.length > 0)
    isAway = false
    assert.equal((await until(() => progressOf(run))).value, 'kept')
    letGo()
    await run.result(ENDS)
  })
})

describe('with a codec', () => {
  const [codec, other] = [1, 2].map(() => createAesCodec({ keys: { k: randomBytes(32) }, current: 'k' }))

  it('nobody reads it without the key', async (t) => {
    const letGo = deferred()
    const flow = createFlow('secret').node(
      'work',
      async ({ dependencies: { job } }) => {
        if (job.attempt === 2) return { output: await job.lastProgress() }
        job.heartbeat({ card: '4000-PLAINTEXT' })
        await letGo.promise
        throw new Error('not yet')
      },
      { config: { maxRetries: 2, retryDelay: 1 } },
    )
    const client = await scene(t, flow, { codec, retryMode: 'queue' }, { codec })
    const run = await client.start('secret')
    assert.deepEqual((await until(() => progressOf(run))).value, { card: '4000-PLAINTEXT' })
    const [text] = await held(run)
    assert.match(text, /_flowcraft\.encrypted/)
    assert.doesNotMatch(text, /PLAINTEXT|card/)
    for (const wrong of [undefined, other]) {
      const seen = await progressOf(clientFor(t, servers, flow, { codec: wrong }).run(run.runId))
      assert.deepEqual([seen.value, seen.attempt], ['[encrypted]', 1])
    }
    letGo.resolve()
    assert.deepEqual((await run.result(ENDS)).context['_outputs.work'], { card: '4000-PLAINTEXT' })
  })
})
