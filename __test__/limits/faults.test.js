// Limits while workers are killed, and when Redis forgets them.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { redis } from '../faults/support/faults.js'
import { deferred } from '../fixtures/deferred.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { limited, mostAtATime } from './support.js'

const PROGRAM = new URL('programs/worker.js', import.meta.url)

let servers
before(async () => {
  servers = await openPrivateServers({ shared: ['rabbitmq', 'postgres'] })
})
after(() => servers?.close())

const begin = (count, start = 'work') =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const run = `${servers.queue}-${Math.random().toString(36).slice(2)}`
      await servers.insert(run)
      await servers.send(run, 'calls', servers.queue, start)
      return run
    }),
  )

/** A flow in this process, as the fixtures have it. */
const runtimeOf = (flow) => ({
  blueprints: { calls: flow.toBlueprint() },
  registry: Object.fromEntries(flow.getFunctionRegistry()),
})

describe('workers that are killed', () => {
  it('never have more go on than the limit says, and their places come back', async (t) => {
    servers.freshQueue()
    const [limit, file] = ['killed', join(servers.folder, 'killed')]
    const limits = { [limit]: { concurrency: 3 } }
    const { runtimeOptions, coordinationStore, ...settings } = servers.settings({}, { limits, concurrency: 4 })
    let started = 0
    const worker = () => {
      started += 1
      const name = `w${started}`
      const told = { ...settings, redis: servers.urls.redis, file, name, ms: 300, limit }
      return new WorkerProcess(PROGRAM, { name, settings: told })
    }
    const lines = () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line))
        : []
    const open = () => {
      const all = lines()
      const ended = new Set(all.filter(({ what }) => what === 'ends').map(({ execution }) => execution))
      return all.filter(({ what, execution }) => what === 'begins' && !ended.has(execution))
    }
    let workers = [worker(), worker(), worker()]
    const deaths = new Map()
    await Promise.all(workers.map((each) => each.started()))
    const runs = await begin(40)
    for (let kills = 0; kills < 4; kills += 1) {
      const victim = await until(() => workers.find((each) => open().some((line) => line.worker === each.name)), {
        what: 'a worker that executes a node',
      })
      await victim.stop('SIGKILL')
      deaths.set(victim.name, Date.now())
      workers = [...workers.filter((each) => each !== victim), worker()]
      await sleep(700)
    }
    await servers.ended(runs)
    await Promise.all(workers.map((each) => each.stop('SIGTERM')))
    const all = lines()
    const spans = all
      .filter(({ what }) => what === 'begins')
      .map(({ execution, worker, at }) => {
        const end = all.find((line) => line.execution === execution && line.what === 'ends')
        return { from: at, to: end?.at ?? deaths.get(worker) }
      })
    t.diagnostic(`${spans.length} executions of 40 runs, ${deaths.size} workers killed`)
    assert.ok(spans.length > 40, 'a node was executed again')
    assert.ok(mostAtATime(spans) <= 3, `${mostAtATime(spans)} at a time`)
  })
})

describe('a flushed Redis', () => {
  it('lets in as many again beside those that go on, which count again with their next renewal', async (t) => {
    servers.freshQueue()
    const { promise, resolve } = deferred()
    t.after(resolve)
    let [begun, ended] = [0, 0]
    const flow = limited('calls', 'flushed', async () => {
      begun += 1
      await promise
      ended += 1
      return {}
    })
    const options = { limits: { flushed: { concurrency: 2 } }, concurrency: 10 }
    const adapters = [1, 2].map(() => servers.adapter(runtimeOf(flow), options))
    const runs = await begin(2)
    await until(() => begun === 2)
    await redis.flushed(servers)
    // They renew what they hold three times in two seconds.
    await sleep(1_500)
    runs.push(...(await begin(6)))
    await sleep(1_500)
    assert.equal(begun, 2, 'those that go on count again')
    resolve()
    await servers.ended(runs)
    assert.deepEqual([begun, ended], [8, 8])
    await Promise.all(adapters.map((adapter) => adapter.stop()))
  })

  it('never lets in more than twice the limit', async () => {
    servers.freshQueue()
    const spans = []
    const flow = limited('calls', 'twice', async () => {
      const span = { from: performance.now() }
      await sleep(200)
      spans.push({ ...span, to: performance.now() })
      return {}
    })
    const options = { limits: { twice: { concurrency: 2 } }, concurrency: 10 }
    const adapters = [1, 2].map(() => servers.adapter(runtimeOf(flow), options))
    const runs = await begin(30)
    await until(() => spans.length > 4)
    await redis.flushed(servers)
    await servers.ended(runs)
    assert.ok(mostAtATime(spans) <= 4, `${mostAtATime(spans)} at a time`)
    await Promise.all(adapters.map((adapter) => adapter.stop()))
  })

  it('starts the window of a rate again', async () => {
    servers.freshQueue()
    let begun = 0
    const flow = limited('calls', 'anew', () => {
      begun += 1
      return {}
    })
    const options = { limits: { anew: { rate: { count: 3, perMs: 3_600_000 } } } }
    const adapter = servers.adapter(runtimeOf(flow), options)
    const first = await begin(3)
    await servers.ended(first)
    await begin(3)
    await sleep(1_000)
    assert.equal(begun, 3)
    await redis.flushed(servers)
    await servers.ended(await begin(3))
    assert.equal(begun, 6)
    await adapter.stop()
  })
})
