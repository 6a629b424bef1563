// The registry of live workers, and the gate that is open while everybody who works a queue is in it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { Engine, Store } from '../../dist/bridge/native.js'
import { openBroker } from '../../dist/connections/amqp.js'
import { openDatabase } from '../../dist/connections/postgres.js'
import { openRedis } from '../../dist/connections/redis.js'
import { checkOptions, engineOptions } from '../../dist/options/adapter-schema.js'
import { sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'

const PROGRAM = new URL('support/registered-worker.js', import.meta.url)
/** Longer than a worker counts as alive, and than the gate takes to open. */
const SOON = { timeout: 30_000 }
const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))

const flow = createFlow('registered').node('a', async () => ({ output: 1 }))

/** An engine that a test may ask, stopped with its corner; with a store of its own where it is given. */
function engine(servers, store = openRedis(urls.redis)) {
  const checked = checkOptions(servers.options(flow))
  const host = {
    describe: () => null,
    revision: () => null,
    blueprints: () => '{}',
    wake() {},
    publishResult: async () => {},
  }
  const made = new Engine(
    JSON.stringify({ ...engineOptions(checked), worker: `asks-${Math.random()}` }),
    openBroker(urls.amqp),
    openDatabase(urls.database),
    store,
    { ...host, hasEventBus: false, publishesResults: false },
  )
  servers.adapters.push({ stop: () => made.stop(1000) })
  return made
}

/** The workers of a test's own queue, as an engine knows them. */
const workersOf =
  ({ queue }) =>
  async (asking) =>
    JSON.parse(await asking.workers()).filter(({ queues }) => queues.includes(queue))

function startProcess(t, servers) {
  const { contextTable: contextTableName, statusTable: statusTableName, queue: queueName } = servers
  const settings = { amqpConnection: urls.amqp, pgClient: urls.database, contextTableName, statusTableName, queueName }
  const worker = new WorkerProcess(PROGRAM, { settings: { ...settings, redis: urls.redis, concurrency: 7 } })
  t.after(() => worker.stop('SIGKILL'))
  return worker
}

// Side by side: nearly all of their time they wait for heartbeats, or for their absence.
/** What a worker says that it can do, where it listens to no events. */
const CAPABILITIES = ['registry', 'subflows', 'live-context', 'child-runs']

describe('the registry', { concurrency: true }, () => {
  it('lists workers with what they can do; one that stops or is killed disappears', async (t) => {
    const servers = await sharedServersFor(t)
    const workers = workersOf(servers)
    const asking = engine(servers)
    assert.deepEqual(await workers(asking), [], 'who only asks is no worker')
    const here = servers.adapter(flow, { concurrency: 3 })
    const there = startProcess(t, servers)
    const [one, other] = await until(async () => {
      const found = await workers(asking)
      return found.length === 2 && found.sort((a, b) => a.slots - b.slots)
    })
    assert.deepEqual([one.slots, one.pid, one.host, one.version], [3, process.pid, hostname(), version])
    assert.deepEqual([one.queues, one.capabilities], [[servers.queue], CAPABILITIES])
    assert.ok(Math.abs(one.since - Date.now()) < 60_000 && one.age < 10_000)
    assert.ok(other.slots === 7 && other.pid !== process.pid && other.id !== one.id)

    await servers.run(flow)
    const met = await until(async () => {
      const found = await workers(asking)
      const blueprints = found.flatMap((worker) => Object.entries(worker.blueprints))
      return blueprints.length > 0 && blueprints
    }, SOON)
    assert.ok(met[0][0] === 'registered' && met[0][1].length > 0, JSON.stringify(met))

    await there.stop('SIGKILL')
    await until(async () => (await workers(asking)).length === 1, SOON)
    await here.stop()
    assert.deepEqual(await workers(asking), [], 'it says goodbye')
  })

  it('is kept in PostgreSQL where the store does not keep it, if the table was made', async (t) => {
    const servers = await sharedServersFor(t)
    const workers = workersOf(servers)
    const own = new Map()
    const basic = () =>
      Store.custom({
        increment: async () => 1,
        setIfNotExist: async (key, value) => !own.has(key) && Boolean(own.set(key, value)),
        extendTtl: async (key) => own.has(key),
        delete: async (key) => void own.delete(key),
        get: async (key) => own.get(key) ?? null,
      })
    const worker = engine(servers, basic())
    const tables = {
      pgClient: urls.database,
      contextTableName: servers.contextTable,
      statusTableName: servers.statusTable,
    }
    await migrate({ ...tables, direction: 'down' })
    worker.start()
    assert.deepEqual(await workers(worker), [])
    await migrate(tables)
    await until(async () => (await workers(worker)).length === 1, SOON)
    worker.isGateOpen('registry', [servers.queue])
    await until(() => worker.isGateOpen('registry', [servers.queue]), SOON)
    await worker.stop(1000)
    assert.deepEqual(await workers(worker), [])
  })
})

describe('the gate', { concurrency: true }, () => {
  /** Whether it is open for the queue of a test, as an engine sees it. */
  const gateOf =
    ({ queue }) =>
    (asking) =>
      asking.isGateOpen('registry', [queue])

  it('opens when everybody is registered, and closes for a foreign consumer until it is gone', async (t) => {
    const servers = await sharedServersFor(t)
    const isOpen = gateOf(servers)
    const [one, other] = [engine(servers), engine(servers)]
    for (const each of [one, other]) {
      each.start()
      assert.equal(isOpen(each), false)
    }
    await until(() => isOpen(one) && isOpen(other), SOON)
    assert.equal(one.isGateOpen('flying', [servers.queue]), false)
    assert.equal(one.isGateOpen('registry', ['elsewhere']), false)

    const { consumerTag } = await servers.channel.consume(servers.queue, () => {})
    await until(() => !isOpen(one) && !isOpen(other), SOON)
    await servers.channel.cancel(consumerTag)
    await until(() => isOpen(one) && isOpen(other), SOON)

    // Whoever stops in order says so: the numbers agree at every look but one that falls in between.
    await other.stop(1000)
    await until(() => isOpen(one), SOON)
  })

  it('closes when Redis forgets, and opens again', async (t) => {
    const servers = await sharedServersFor(t)
    const isOpen = gateOf(servers)
    // A database that nobody else uses: what it forgets concerns only this test.
    const redis = Object.assign(new URL(urls.redis), { pathname: '/7' }).href
    // Each says that it lives right before it looks: only others are missed.
    const [one, other] = [engine(servers, openRedis(redis)), engine(servers, openRedis(redis))]
    for (const each of [one, other]) {
      each.start()
      isOpen(each)
      await sleep(1000)
    }
    await until(() => isOpen(one), SOON)
    const store = new RedisCoordinationStore(redis)
    const forgetting = setInterval(() => store.delete('flowcraft:workers'), 100)
    try {
      await until(() => !isOpen(one), SOON)
    } finally {
      clearInterval(forgetting)
    }
    await until(() => isOpen(one), SOON)
  })
})
