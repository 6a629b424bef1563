// An adapter and its process: stopping, exiting, several adapters, worker threads. Never a crash, never a hang.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createFlow } from 'flowcraft'
import { isLease } from '../fixtures/leases.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const program = (name) => new URL(`./programs/${name}.js`, import.meta.url)

/** Starts a program of its own process, told where things are. */
function start(name, more = {}) {
  const settings = { contexts: servers.contextTable, statuses: servers.statusTable, queue: servers.queue, ...more }
  return new WorkerProcess(program(name), { name, settings })
}

/** Waits for a process to end by itself, and says what it printed when it does not. */
async function ended(child) {
  const { code, signal } = await child.ended()
  assert.notEqual(signal, 'SIGKILL', `the process did not end by itself: ${child.printed}`)
  return code
}

const slow = (id, ms) =>
  createFlow(id).node('slow', async () => {
    await sleep(ms)
    return { output: 'done' }
  })

describe('stop()', () => {
  it('lets nodes in flight finish', async () => {
    await servers.freshQueue()
    const flow = slow('inflight', 300)
    const adapter = servers.adapter(flow)
    const runId = await servers.begin(flow)
    await until(async () => (await servers.look(runId)).context.blueprintId)
    await adapter.stop()
    assert.equal((await servers.look(runId)).status, 'completed')
  })

  it('hands back what it did not start', async () => {
    await servers.freshQueue()
    const flow = slow('handback', 300)
    const adapter = servers.adapter(flow, { concurrency: 1 })
    const runs = []
    for (let i = 0; i < 4; i++) runs.push(await servers.begin(flow))
    await until(async () => (await servers.look(runs[0])).context.blueprintId)
    await adapter.stop()
    const states = await Promise.all(runs.map(async (runId) => (await servers.look(runId)).status))
    const completed = states.filter((status) => status === 'completed').length
    assert.ok(completed >= 1 && completed < 4, states.join())
    assert.equal(await until(() => servers.waiting()), 4 - completed)
  })

  it('is bounded: a node that does not end gets its signal, and its job goes to another worker', async () => {
    await servers.freshQueue()
    let aborted = false
    let first = true
    const flow = createFlow('endless').node('a', async ({ signal }) => {
      if (!first) return { output: 'second worker' }
      first = false
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      aborted = true
      return { output: 'too late' }
    })
    const adapter = servers.adapter(flow, { stopTimeout: 200 })
    const runId = await servers.begin(flow)
    await until(() => !first)
    const begun = Date.now()
    await adapter.stop()
    assert.ok(Date.now() - begun < 4000)
    await until(() => aborted)
    const other = servers.adapter(flow)
    assert.equal((await servers.settled(runId)).context['_outputs.a'], 'second worker')
    await other.stop()
  })

  it('fails no run by what a node answers to its signal', async () => {
    await servers.freshQueue()
    let executions = 0
    const flow = createFlow('aborted').node('a', async ({ signal }) => {
      executions += 1
      if (executions <= 8) await sleep(60_000, undefined, { signal })
      return { output: 'another worker' }
    })
    const adapter = servers.adapter(flow, { stopTimeout: 100 })
    const runs = await Promise.all(Array.from({ length: 8 }, () => servers.begin(flow)))
    await until(() => executions === 8)
    await adapter.stop()
    const other = servers.adapter(flow)
    for (const runId of runs) {
      const { status, context } = await servers.settled(runId)
      assert.deepEqual([status, context['_outputs.a']], ['completed', 'another worker'])
    }
    await other.stop()
  })

  it('may be called twice, without a start, and be followed by another start', async () => {
    await servers.freshQueue()
    const flow = slow('again', 1)
    const adapter = servers.adapter(flow, { started: false })
    await adapter.stop()
    adapter.start()
    adapter.start()
    assert.equal((await servers.run(flow)).status, 'completed')
    await Promise.all([adapter.stop(), adapter.stop()])
    adapter.start()
    assert.equal((await servers.run(flow)).status, 'completed')
    await adapter.stop()
  })

  it('leaves no lease behind', async () => {
    await servers.freshQueue()
    const { Redis } = await import('ioredis')
    const redis = new Redis(urls.redis)
    const flow = slow('leases', 50)
    const adapter = servers.adapter(flow)
    const runs = await Promise.all(Array.from({ length: 20 }, () => servers.begin(flow)))
    await sleep(60)
    await adapter.stop()
    const left = await Promise.all(runs.map((runId) => redis.get(`flowcraft:nodelock:${runId}:slow`)))
    assert.deepEqual(left.filter(isLease), [])
    redis.disconnect()
  })
})

describe('a process', () => {
  it('ends by itself after stop()', async () => {
    await servers.freshQueue()
    const child = start('stops', { kind: 'urls' })
    assert.equal(await ended(child), 0, child.printed)
    assert.match(child.printed, /stopped/)
  })

  it('ends by itself after stop(), with live objects closed by their owner', async () => {
    await servers.freshQueue()
    const child = start('stops', { kind: 'live' })
    assert.equal(await ended(child), 0, child.printed)
  })

  it('that reconciles from a schedule, its adapter never started, ends by itself', async () => {
    await servers.freshQueue()
    const flow = slow('cron', 1)
    const runId = await servers.begin(flow, { blueprintId: 'cron' }, { starts: [] })
    await servers.pg.query(
      `UPDATE ${servers.statusTable} SET updated_at = now() - interval '1 day' WHERE run_id = $1`,
      [runId],
    )
    const child = start('cron')
    assert.equal(await ended(child), 0, child.printed)
    assert.match(child.printed, /"stalledRuns":1,"reconciledRuns":1,"failedRuns":0/)
    assert.equal(await until(() => servers.waiting()), 1)
  })

  it('may exit while jobs run, and another worker carries them on', async () => {
    await servers.freshQueue()
    const child = start('exits')
    const flow = slow('exits', 10)
    const runs = await Promise.all(Array.from({ length: 30 }, () => servers.begin(flow)))
    assert.equal(await ended(child), 7, child.printed)
    const adapter = servers.adapter(flow)
    for (const runId of runs) assert.equal((await servers.settled(runId, undefined, 25_000)).status, 'completed')
    await adapter.stop()
  })
})

describe('several adapters', () => {
  it('live side by side in one process', async () => {
    await servers.freshQueue()
    const flow = createFlow('side')
      .node('a', async () => ({ output: 1 }))
      .node('b', async ({ input }) => ({ output: input + 1 }))
      .edge('a', 'b')
    const adapters = Array.from({ length: 5 }, () => servers.adapter(flow))
    const runs = await Promise.all(Array.from({ length: 40 }, () => servers.begin(flow)))
    for (const runId of runs) assert.equal((await servers.settled(runId)).context['_outputs.b'], 2)
    await Promise.all(adapters.map((adapter) => adapter.stop()))
  })

  it('live in worker threads, which may be terminated at any moment', async () => {
    await servers.freshQueue()
    const settings = { contexts: servers.contextTable, statuses: servers.statusTable, queue: servers.queue }
    const threads = Array.from({ length: 3 }, () => new Worker(program('thread'), { workerData: settings }))
    await Promise.all(threads.map((thread) => once(thread, 'message')))
    const flow = slow('thread', 20)
    const runs = await Promise.all(Array.from({ length: 30 }, () => servers.begin(flow)))
    await sleep(50)
    await threads[0].terminate()
    await threads[1].terminate()
    for (const runId of runs) assert.equal((await servers.settled(runId, undefined, 30_000)).status, 'completed')
    threads[2].postMessage('stop')
    await once(threads[2], 'exit')
  })
})
