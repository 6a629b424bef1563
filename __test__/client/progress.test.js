// How far a node is: it says so, and a client that describes its run sees it while it is executed.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createAesCodec } from '@flowcraft/rabbitmq-adapter'
import { createFlow, SubflowNode, UnsafeEvaluator } from 'flowcraft'
import Redis from 'ioredis'
import { readProgress, removeProgress, writeProgress } from '../../dist/execution/progress-store.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'
import { ENDS, held, isGone, ownStore, progressOf, scene, store, telling } from './support/progress.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('the progress of a node', () => {
  it('is seen while it is executed, with its moment, attempt and worker, and gone afterwards', async (t) => {
    const { flow, letGo } = telling({ page: 3, of: 10 })
    const client = await scene(t, servers, flow)
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
    const client = await scene(t, servers, flow, { coordinationStore: own })
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
    const client = await scene(t, servers, flow)
    const run = await client.start('snapshot')
    await until(async () => (await progressOf(run))?.value.page === 1)
    letGo.resolve()
    assert.deepEqual((await run.result(ENDS)).context['_outputs.work'], { page: 1 })
  })

  for (const value of [null, false, 0, '', 'text', [1, [2]]]) {
    it(`may be ${JSON.stringify(value)}`, async (t) => {
      const { flow, letGo } = telling(value)
      const client = await scene(t, servers, flow)
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
    const client = await scene(t, servers, flow, { runtime: { logger } })
    const run = await client.start('telling')
    assert.deepEqual((await until(() => progressOf(run))).value, 'x'.repeat(16_382))
    letGo()
    await run.result(ENDS)
    const said = lines.filter((line) => line.includes('job.heartbeat'))
    assert.equal(said.length, 1, lines.join('\n'))
    assert.match(said[0], /16385 bytes of JSON, more than 16384/)
  })

  it('of a run that is cancelled is seen no more', async (t) => {
    const { flow } = telling('half')
    const client = await scene(t, servers, flow)
    const run = await client.start('telling')
    await until(() => progressOf(run))
    await run.cancel()
    assert.equal(await progressOf(run), undefined)
  })

  it('of a node that fails is removed', async (t) => {
    const letGo = deferred()
    const flow = createFlow('declining').node('work', async ({ dependencies: { job } }) => {
      job.heartbeat('half')
      await letGo.promise
      throw new Error('declined')
    })
    const client = await scene(t, servers, flow)
    const run = await client.start('declining')
    await until(() => progressOf(run))
    letGo.resolve()
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    await until(() => isGone(run))
  })

  it('inside a subflow stands at its path', async (t) => {
    const { flow: inner, letGo } = telling('inside')
    const outer = createFlow('outer').node('sub', SubflowNode, { params: { blueprintId: 'telling' } })
    const client = await scene(t, servers, [outer, inner], { subflows: 'jobs' })
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
    const client = await scene(t, servers, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const run = await client.start('looping')
    await until(async () => (await progressOf(run))?.value === 2)
    letGo.resolve()
    await run.result(ENDS)
    assert.deepEqual(before, [undefined, undefined])
  })

  it('is not taken away by the removal of what an earlier execution recorded, however late', async () => {
    const place = { runId: randomUUID(), path: 'work' }
    const write = (execution, slot) =>
      writeProgress(
        store,
        { ...place, execution },
        { slot, count: slot },
        { json: `${execution}`, attempt: 1, at: 0, worker: 'w' },
      )
    await Promise.all([write(1, 1), write(1, 2)])
    // The next execution records between a removal's look at a key and its deletion.
    const late = {
      get: (key) => store.get(key),
      delete: async (key) => {
        await Promise.all([write(2, 1), write(2, 2)])
        await store.delete(key)
      },
    }
    await removeProgress(late, { ...place, execution: 1 })
    assert.equal((await readProgress(store, { ...place, execution: 1 })).latest, undefined)
    assert.equal((await readProgress(store, { ...place, execution: 2 })).latest?.stored, 2)
    await removeProgress(store, { ...place, execution: 2 })
    assert.ok(await isGone(place, place.path))
  })

  it('before a run failed is none once it is retried', async (t) => {
    const before = []
    const flow = createFlow('mended').node('work', async ({ dependencies: { job } }) => {
      before.push(await job.lastProgress())
      job.heartbeat('as far as this')
      if (before.length === 1) throw new Error('not yet')
      return {}
    })
    const client = await scene(t, servers, flow)
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
    const client = await scene(t, servers, flow)
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
    const client = await scene(t, servers, flow)
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

describe('with a codec', () => {
  const [codec, other] = [1, 2].map(() => createAesCodec({ keys: { k: randomBytes(32) }, current: 'k' }))

  it('no client reads it without the key', async (t) => {
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
    const client = await scene(t, servers, flow, { codec, retryMode: 'queue' }, { codec })
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
