// While a team rolls over, workers on core's own base class and ours share a queue. Whoever does which node of a run,
// it ends right.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow, NullLogger } from 'flowcraft'
import { Redis } from 'ioredis'
import { PlainWorker } from '../fixtures/plain-worker.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'

const RUNS = 60

let servers
before(async () => {
  servers = await openSharedServers()
  await untilLeasesAreTrusted()
})
after(() => servers.close())

/** While a Redis that was found empty is young, our workers put off what an older worker may be at; version 1 says nothing of itself. */
async function untilLeasesAreTrusted() {
  const adapter = servers.adapter(createFlow('first').node('only', async () => ({})))
  await adapter.ready()
  const redis = new Redis(urls.redis)
  await until(async () => (await redis.exists('flowcraft:epoch:young')) === 0)
  redis.disconnect()
  await adapter.stop()
}

const doneBy = { plain: 0, ours: 0 }

/** Forks, joins all, forks again, joins any, and ends in two nodes. Every node notes who did it. */
function flow(who) {
  const node = (work) => async (api) => {
    doneBy[who]++
    await sleep(Math.random() * 8)
    return { output: await work(api) }
  }
  const three = ['left', 'middle', 'right']
  const built = createFlow('rolled-over').node(
    'start',
    node(async ({ context }) => context.get('n')),
  )
  for (const [index, side] of three.entries()) {
    built
      .node(
        side,
        node(async ({ input }) => input + index),
      )
      .edge('start', side)
  }
  built.node(
    'sum',
    node(async ({ context }) => {
      const sides = await Promise.all(three.map((side) => context.get(`_outputs.${side}`)))
      return sides.reduce((sum, value) => sum + value, 0)
    }),
    { config: { joinStrategy: 'all' } },
  )
  for (const side of three) built.edge(side, 'sum')
  for (const side of ['fast', 'slow'])
    built
      .node(
        side,
        node(async ({ input }) => input * 2),
      )
      .edge('sum', side)
  built.node(
    'first',
    node(async ({ input }) => input + 1),
    { config: { joinStrategy: 'any' } },
  )
  return built.edge('fast', 'first').edge('slow', 'first')
}

function plainWorker() {
  const built = flow('plain')
  return PlainWorker.start({
    runtimeOptions: {
      blueprints: { 'rolled-over': built.toBlueprint() },
      registry: Object.fromEntries(built.getFunctionRegistry()),
      logger: new NullLogger(),
    },
    amqp: urls.amqp,
    // Its own client is not what a pooler is tried with.
    database: urls.direct,
    redis: urls.redis,
    queue: servers.queue,
    contexts: servers.contextTable,
    statuses: servers.statusTable,
    prefetch: 4,
  })
}

async function beginRuns() {
  const runs = []
  for (let n = 1; n <= RUNS; n++) {
    // Version 1 refuses a run whose row has no version yet.
    runs.push({ n, run: await servers.begin(flow('ours'), { n, blueprintVersion: null }) })
  }
  return runs
}

async function assertRight({ n, run }) {
  const { context } = await servers.settled(run, ['completed'])
  assert.equal(context['_outputs.sum'], 3 * n + 3, JSON.stringify(context, null, 1))
  assert.equal(context['_outputs.first'], 2 * (3 * n + 3) + 1)
}

describe('a mixed fleet', () => {
  it('ends every run right, whoever did which node', async () => {
    await servers.freshQueue()
    const plain = [await plainWorker(), await plainWorker()]
    for (let count = 0; count < 2; count++) servers.adapter(flow('ours'), { concurrency: 4 })
    const runs = await beginRuns()
    for (const run of runs) await assertRight(run)
    await Promise.all(plain.map((worker) => worker.stop()))
    console.log(`# nodes done by version 1: ${doneBy.plain}, by this one: ${doneBy.ours}, of ${RUNS * 8}`)
    assert.ok(doneBy.plain > RUNS && doneBy.ours > RUNS, 'both worked')
    const extra = doneBy.plain + doneBy.ours - RUNS * 8
    assert.ok(extra <= RUNS / 10, `${extra} executions more than nodes`)
  })

  it('is rolled over: what version 1 began, this one ends', async () => {
    await servers.freshQueue()
    const plain = await plainWorker()
    const runs = await beginRuns()
    await sleep(150)
    servers.adapter(flow('ours'))
    await plain.stop() // its messages come back
    for (const run of runs) await assertRight(run)
  })

  it('leaves no counter of a join behind for ever', async () => {
    const redis = new Redis(urls.redis)
    const keys = await redis.keys(`flowcraft:*:${servers.name}-*`)
    const lasting = await Promise.all(keys.map((key) => redis.ttl(key)))
    await redis.quit()
    // One that expires meanwhile answers otherwise; one that stays for ever, with -1.
    assert.ok(keys.length > 0 && lasting.every((seconds) => seconds !== -1))
  })
})
