// A client dies, or its connections are cut, at any step of a start: each run ends exactly once, or nothing of it exists.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { childRun } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { onServers, openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { clientFor, executions, greeting } from './support/clients.js'
import { CuttingProxy } from './support/cutting-proxy.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const SOON = { repairInterval: 500, leaseSeconds: 2 }

/** Where a client is killed, and whether the run exists then. */
const POINTS = [
  ['start-before-insert', false],
  ['start-after-insert', true],
  ['start-after-publish', true],
]

/** Has a process of its own start a run, and be killed at a point of it. */
async function killedAt(point, run) {
  const settings = {
    ...run,
    amqpConnection: urls.amqp,
    pgClient: urls.database,
    contextTableName: servers.contextTable,
    statusTableName: servers.statusTable,
    queueName: servers.queue,
  }
  const program = new URL('./programs/starts.js', import.meta.url)
  const process = new WorkerProcess(program, { settings, env: { FLOWCRAFT_FAULT: `crash@${point}` } })
  const { signal } = await process.ended(20_000)
  assert.equal(signal, 'SIGKILL', process.printed)
}

describe('a client that is killed', onServers('a process of its own'), () => {
  for (const [point, exists] of POINTS) {
    it(`at ${point} leaves ${exists ? 'a run that ends' : 'nothing'}`, async (t) => {
      await servers.workerFor(t, greeting, SOON)
      const runId = servers.runId()
      await killedAt(point, { runId })
      if (exists) {
        const { context } = await servers.settled(runId)
        assert.deepEqual([context['_outputs.shout'], executions.get(runId)], [`HELLO ${runId.toUpperCase()}`, 1])
      } else {
        assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
      }
    })
  }

  it('when it has cancelled a run, and not yet the child that it waits for, leaves that to a worker', async (t) => {
    const asking = createFlow('asking').wait('word', { params: { eventName: 'word' } })
    const parent = createFlow('parent').node('ask', childRun('asking'))
    await servers.workerFor(t, [parent, asking], { repairInterval: 0 })
    const client = clientFor(t, servers, [parent, asking])
    const run = await client.start('parent')
    const waitsFor = async () => (await run.describe()).nodes.find(({ nodeId }) => nodeId === 'ask')?.waitsFor
    await until(waitsFor)
    const child = client.run((await waitsFor()).details.childRunId)
    await killedAt('run-cancelled', { cancelled: run.runId })
    assert.deepEqual([(await run.describe()).status, (await child.describe()).status], ['cancelled', 'awaiting'])
    await until(async () => (await child.describe()).status === 'cancelled', { what: 'its child to be cancelled' })
  })

  for (const [point, exists] of POINTS) {
    it(`at ${point} of a run again from a node leaves ${exists ? 'a run that ends' : 'nothing'}`, async (t) => {
      await servers.workerFor(t, greeting, SOON)
      const first = await clientFor(t, servers, greeting).start('greeting', { context: { name: 'first' } })
      await first.result({ timeoutMs: 20_000 })
      const before = executions.get('first')
      const runId = servers.runId()
      await killedAt(point, { runId, again: first.runId })
      if (!exists) return assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
      const { context } = await servers.settled(runId)
      assert.deepEqual([context['_outputs.shout'], executions.get('first')], ['HELLO FIRST', before])
    })
  }
})

describe('a client whose connections are cut', onServers('connections'), () => {
  for (const [name, cutsDatabase, cutsBroker] of [
    ['to PostgreSQL', true, false],
    ['to RabbitMQ', false, true],
    ['to both', true, true],
  ]) {
    it(`${name} starts each run once, or says that it did not`, async (t) => {
      await servers.workerFor(t, greeting, { ...SOON, concurrency: 50 })
      const database = await CuttingProxy.before(urls.database)
      const broker = await CuttingProxy.before(urls.amqp)
      t.after(() => Promise.all([database.close(), broker.close()]))
      const through = { pgClient: database.url, amqpConnection: broker.url }
      const client = clientFor(t, servers, greeting, through)
      const ids = Array.from({ length: 100 }, () => servers.runId())
      let goesOn = true
      const cutting = (async () => {
        for (let turn = 0; goesOn; turn += 1) {
          await sleep(15 + ((turn * 37) % 60))
          if (cutsDatabase) database.cut()
          if (cutsBroker) broker.cut()
        }
      })()
      const started = []
      for (let from = 0; from < ids.length; from += 10) {
        const some = ids.slice(from, from + 10)
        started.push(
          ...(await Promise.allSettled(
            some.map((runId) => client.start('greeting', { runId, context: { name: runId } })),
          )),
        )
      }
      goesOn = false
      await cutting
      const unsure = started.filter(({ status }) => status === 'rejected')
      for (const { reason } of unsure) assert.ok(reason.retryable && ids.includes(reason.runId), reason.stack)
      for (const [index, { status }] of started.entries()) {
        const runId = ids[index]
        const { contexts } = await servers.rowsOf(runId)
        assert.ok(status === 'rejected' || contexts === 1, `${runId} was started and is not there`)
        if (contexts === 0) continue
        const { context } = await servers.settled(runId, ['completed'], 60_000)
        assert.equal(context['_outputs.shout'], `HELLO ${runId.toUpperCase()}`)
        assert.equal(executions.get(runId), 1, runId)
      }
      assert.ok(unsure.length < ids.length / 2, `${unsure.length} were not started`)
    })
  }
})
