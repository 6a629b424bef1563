// A worker that hangs, one that is stopped under load, and a node that does not let anybody else run.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { counted } from '../fixtures/executions.js'
import { leases } from '../fixtures/leases.js'
import { openPrivateServers, until as waitFor } from '../fixtures/private-servers.js'
import { Fleet, startWorker } from './support/fleet.js'
import { flowsFor, outcomes } from './support/flows.js'

let servers
before(async () => {
  servers = await openPrivateServers()
})
after(() => servers?.close())

async function worker(t, name, options) {
  const worker = startWorker(servers, { name, ...options })
  t.after(() => worker.stop('SIGKILL'))
  await worker.started()
  return worker
}

const executions = (run, node) => servers.executions.all([run]).filter((each) => each.node === node)

describe('a worker that hangs', () => {
  it('loses its lease, another takes the job, and its late result is refused', async (t) => {
    servers.freshQueue()
    const env = { FLOWCRAFT_LOG: 'flowcraft_rabbitmq_adapter=debug' }
    const hanging = await worker(t, 'hanging', { env })
    const run = await servers.begin('line', { ms: 1500 })
    await waitFor(() => executions(run, 'work').length === 1)
    hanging.signal('SIGSTOP')
    const begun = Date.now()
    await worker(t, 'other')
    await servers.ended([run])
    t.diagnostic(`the run ends ${Date.now() - begun} ms after its worker hung, 1500 ms of which are the node's own`)
    const before = await servers.look(run)
    assert.equal(before.context['_outputs.end'].worker, 'other')

    hanging.signal('SIGCONT')
    await waitFor(() => hanging.lines(/the result was not counted/).length > 0, {
      what: 'the late result to be refused',
    })
    assert.deepEqual(await servers.look(run), before, 'nothing of the late result was written')
    assert.deepEqual(counted(before.context), outcomes.line().nodes)
    assert.deepEqual(servers.executions.perNode(run), { start: 1, work: 2, end: 1 })

    const next = await servers.begin('line')
    await hanging.stop('SIGTERM')
    await servers.ended([next])
  })
})

describe('stopping under load, on SIGTERM', () => {
  it('loses nothing, repeats nothing, and leaves no lease behind', async (t) => {
    servers.freshQueue()
    // Repair would hide what was lost.
    const fleet = new Fleet(servers, { size: 2, repairInterval: 0 })
    await fleet.start()
    t.after(() => fleet.stop())
    const runs = []
    const redis = new Redis(servers.urls.redis)
    t.after(() => redis.disconnect())
    for (let stops = 0; stops < 4; stops++) {
      const [victim] = fleet.workers
      const hasWorked = () => servers.executions.all().some(({ worker }) => worker === victim.name)
      // Again and again: one that is slow to connect finds nothing left to do.
      await waitFor(async () => {
        for (let n = 0; n < 10; n++) runs.push(await servers.begin('fan'))
        return hasWorked()
      })
      const { code } = await victim.stop('SIGTERM')
      assert.equal(code, 0, victim.printed)
      assert.match(victim.printed, /stopped/)
    }
    await servers.ended(runs, { timeout: 30_000 })
    await fleet.stop()
    for (const run of runs) {
      const { status, context } = await servers.look(run)
      assert.equal(status, 'completed')
      assert.deepEqual(counted(context), outcomes.fan().nodes)
      assert.deepEqual(servers.executions.perNode(run), outcomes.fan().nodes)
    }
    assert.deepEqual(await leases(redis), [])
    // With its consumers whatever they held is back in the queue.
    assert.deepEqual(await servers.lookAtQueue(), { ready: 0, consumers: 0 })
  })
})

describe('a node that blocks the event loop', { concurrency: true }, () => {
  /** A worker that is blocked by a node until `release()` is called, and its run. */
  async function blocked(t, options) {
    const queueName = servers.freshQueue()
    const until = join(servers.folder, queueName)
    const process = await worker(t, 'blocked', { ...options, queueName })
    const run = await servers.begin('line', { blocks: 'blocked', until }, { queue: queueName })
    await waitFor(() => executions(run, 'work').length === 1)
    const other = servers.adapter(flowsFor(servers.executions, 'other'), { queueName })
    t.after(() => other.stop())
    return { process, run, queueName, release: () => writeFile(until, '') }
  }

  it('keeps its lease meanwhile: nobody else runs it', async (t) => {
    const { run, queueName, release } = await blocked(t)
    // The same job once more, as a broker may deliver it; and longer than a lease and the silence of a lost run.
    await servers.send(run, 'line', queueName, 'work')
    await sleep(8000)
    await release()
    await servers.ended([run])
    assert.deepEqual(servers.executions.perNode(run), outcomes.line().nodes)
    assert.equal((await servers.look(run)).context['_outputs.end'].worker, 'blocked')
  })

  it('for longer than the worker allows counts as dead: another runs it, and its late result is refused', async (t) => {
    const env = { FLOWCRAFT_LOG: 'flowcraft_rabbitmq_adapter=debug' }
    const { process, run, release } = await blocked(t, { eventLoopTimeout: 1000, env })
    const begun = Date.now()
    await servers.ended([run])
    t.diagnostic(`the run ends ${Date.now() - begun} ms after its worker was blocked`)
    const before = await servers.look(run)
    assert.equal(before.context['_outputs.end'].worker, 'other')
    await release()
    await waitFor(() => process.lines(/the result was not counted/).length > 0, {
      what: 'the late result to be refused',
    })
    assert.deepEqual(await servers.look(run), before)
    assert.deepEqual(counted(before.context), outcomes.line().nodes)
    assert.equal(executions(run, 'work').length, 2)
  })
})
