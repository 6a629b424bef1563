// 200 starts for each step at which a client dies, or a connection of it is cut: each run ends exactly once, or no row, no message
// and no key of it exists.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { clientFor, clientOptions, executions, greeting } from './support/clients.js'
import { CuttingProxy } from './support/cutting-proxy.js'

const STARTS = 200
const SOON = { repairInterval: 500, leaseSeconds: 2, concurrency: 50 }

let servers
let redis
before(async () => {
  servers = await openSharedServers()
  redis = new Redis(urls.redis)
})
after(async () => {
  redis.disconnect()
  await servers.close()
})

/** Looks at each run: how many ended, each once; of all others nothing is there. */
async function endedOnce(ids) {
  let ended = 0
  for (const runId of ids) {
    const { contexts, statuses } = await servers.rowsOf(runId)
    assert.equal(contexts, statuses, runId)
    if (contexts === 0) continue
    const { context } = await servers.settled(runId, ['completed'], 60_000)
    assert.equal(context['_outputs.shout'], `HELLO ${runId.toUpperCase()}`)
    assert.equal(executions.get(runId), 1, runId)
    ended += 1
  }
  await until(async () => (await servers.waiting()) === 0, { what: 'no message to be left' })
  const keys = await redis.keys('*')
  for (const runId of ids) {
    if ((await servers.rowsOf(runId)).contexts === 1) continue
    assert.equal(executions.get(runId), undefined, `${runId} was executed, and is not there`)
    assert.deepEqual(
      keys.filter((key) => key.split(':').includes(runId)),
      [],
    )
  }
  return ended
}

describe('a client is killed while it starts runs', onServers('processes of their own'), () => {
  const A_CLIENT = 20

  /** Has a process start some runs, and die when one of them passes the point as the n-th. */
  async function killed(point, n, runIds) {
    const { coordinationStore: _store, blueprints: _flows, logger: _logger, ...options } = clientOptions(servers)
    const program = new URL('./programs/starts.js', import.meta.url)
    const env = { FLOWCRAFT_FAULT: `crash@${point}:${n}` }
    const process = new WorkerProcess(program, { settings: { ...options, runIds }, env })
    const { signal } = await process.ended(30_000)
    assert.equal(signal, 'SIGKILL', process.printed)
  }

  for (const point of ['start-before-insert', 'start-after-insert', 'start-after-publish']) {
    it(`${STARTS} at ${point}`, async (t) => {
      await servers.workerFor(t, greeting, SOON)
      const all = []
      for (let turn = 0; turn < STARTS / A_CLIENT; turn += 1) {
        const ids = Array.from({ length: A_CLIENT }, () => servers.runId())
        await killed(point, 1 + 2 * turn, ids)
        all.push(...ids)
      }
      const ended = await endedOnce(all)
      t.diagnostic(`${ended} of ${STARTS} runs were there, and ended once`)
      assert.ok(ended < STARTS, 'every client died too late')
      assert.ok(ended > 0, 'every client died too early')
    })
  }
})

describe('a connection is cut at a step of a start', onServers('connections'), () => {
  /** The pieces of a start on a connection that is open, its request and the answer; and the first of one that is opened again. */
  const [STEPS, OPENING] = [2, 10]

  for (const [name, option, url] of [
    ['PostgreSQL', 'pgClient', urls.database],
    ['RabbitMQ', 'amqpConnection', urls.amqp],
  ]) {
    it(`${STARTS} times, that to ${name}`, async (t) => {
      await servers.workerFor(t, greeting, SOON)
      const proxy = await CuttingProxy.before(url)
      t.after(() => proxy.close())
      const client = clientFor(t, servers, greeting, { [option]: proxy.url })
      const ids = Array.from({ length: STARTS }, () => servers.runId())
      const failed = []
      for (const [turn, runId] of ids.entries()) {
        proxy.cutAfter(turn % STEPS, turn % OPENING)
        await client.start('greeting', { runId, context: { name: runId } }).catch((error) => {
          assert.ok(error.retryable && error.runId === runId, error.stack)
          failed.push(runId)
        })
      }
      proxy.cutAfter()
      for (const runId of ids) {
        if (!failed.includes(runId)) assert.equal((await servers.rowsOf(runId)).contexts, 1, `${runId} is not there`)
      }
      const ended = await endedOnce(ids)
      t.diagnostic(
        `${proxy.cuts} cuts, ${failed.length} calls failed; ${ended} of ${STARTS} runs were there, and ended once`,
      )
      assert.ok(ended >= STARTS - failed.length)
      assert.ok(proxy.cuts >= STARTS, `${proxy.cuts} cuts`)
    })
  }
})
