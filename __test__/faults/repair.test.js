// A job whose message is lost is found and published again, by any started worker; one that merely waits is not,
// however long the queue is.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRabbitMqReconciler } from '@flowcraft/rabbitmq-adapter'
import { createFlow, NullLogger } from 'flowcraft'
import { withoutJournal } from '../fixtures/journal.js'
import { openSharedServers, sharedServersFor, until } from '../fixtures/shared-servers.js'

const BACKLOG = 100_000
const LOST = 5

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Two nodes; the second takes as long as told. */
function twoSteps(milliseconds) {
  return createFlow('two-steps')
    .node('a', async () => ({ output: 1 }))
    .node('b', async ({ input }) => {
      await sleep(milliseconds)
      return { output: input + 1 }
    })
    .edge('a', 'b')
}

/** An event bus that remembers which jobs were published. */
function listener() {
  const published = []
  const emit = (event) => {
    if (event.type === 'job:enqueued') published.push(`${event.payload.runId} ${event.payload.nodeId}`)
  }
  return { published, emit }
}

/** A run that has done `a`, and whose job for `b` is nowhere. */
async function runThatLostItsJob(servers, flow) {
  await servers.freshQueue()
  // It may have begun with `b` by then: it hands it back.
  const adapter = servers.adapter(flow, { stopTimeout: 0 })
  const run = await servers.begin(flow)
  await until(async () => (await servers.look(run)).context['_outputs.a'] === 1)
  await adapter.stop()
  await until(async () => (await servers.waiting()) >= 1, { what: 'the job of b in the queue' })
  // That of a may come back too, if it was not acknowledged yet.
  await sleep(500)
  await servers.channel.purgeQueue(servers.queue)
  return run
}

/** The context of such a run, as it would be in a queue of its own. */
async function runLikeThoseThatLostTheirJobs() {
  const { context } = await servers.look(await runThatLostItsJob(servers, twoSteps(500)))
  await servers.freshQueue()
  context._flowcraft.queue = servers.queue
  return context
}

describe('a lost job', { concurrency: true }, () => {
  it('is published again by a started worker, within seconds', async (t) => {
    const servers = await sharedServersFor(t)
    const run = await runThatLostItsJob(servers, twoSteps(500))
    const bus = listener()
    const begun = Date.now()
    servers.adapter(twoSteps(0), { repairInterval: 1000, eventBus: bus })
    assert.equal((await servers.settled(run)).context['_outputs.b'], 2)
    // The broker may deliver a message before it confirms it.
    await until(() => bus.published.length > 0)
    assert.deepEqual(bus.published, [`${run} b`])
    console.log(`# a lost job was found and done after ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  })

  it('is published by the workers of its own queue', async (t) => {
    const servers = await sharedServersFor(t)
    const run = await runThatLostItsJob(servers, twoSteps(500))
    const queue = servers.queue
    await servers.freshQueue()
    const bus = listener()
    const stranger = servers.adapter(twoSteps(0), { repairInterval: 500, eventBus: bus })
    await sleep(8_000)
    await stranger.stop()
    assert.deepEqual([bus.published, (await servers.look(run)).status], [[], 'running'])
    servers.queue = queue
    servers.adapter(twoSteps(0), { repairInterval: 500 })
    await servers.settled(run)
  })

  it('is not made of a node that is running, however long it takes', async (t) => {
    const servers = await sharedServersFor(t)
    const bus = listener()
    servers.adapter(twoSteps(12_000), { repairInterval: 500, eventBus: bus })
    const other = servers.adapter(twoSteps(12_000), { repairInterval: 500, eventBus: bus })
    const run = await servers.begin(twoSteps(12_000))
    await sleep(9_000)
    const reconciler = createRabbitMqReconciler({
      adapter: other,
      pgClient: servers.pg,
      statusTableName: servers.statusTable,
      stalledThresholdSeconds: 3,
      logger: new NullLogger(),
    })
    assert.deepEqual(await reconciler.run(), { stalledRuns: 0, reconciledRuns: 0, failedRuns: 0 })
    assert.equal((await servers.settled(run)).status, 'completed')
    assert.deepEqual(bus.published, [`${run} b`], 'by the result of a, and by nobody else')
  })
})

describe('a backlog', { skip: withoutJournal }, () => {
  it(`of ${BACKLOG} jobs is published once; of them those that are lost, again`, async () => {
    const template = await runLikeThoseThatLostTheirJobs()
    const begin = Date.now() - 300_000
    await insertWaitingRuns(template, begin)
    await publishTheirJobs(begin)

    const bus = listener()
    const slow = Array.from({ length: 2 }, () => servers.adapter(twoSteps(50), { repairInterval: 1000, eventBus: bus }))
    const lost = Array.from({ length: LOST }, (_, index) => `bulk-${index + 1} b`)
    await until(() => bus.published.length >= LOST, { timeout: 60_000, what: 'the lost jobs to be published again' })
    assert.ok((await servers.waiting()) > BACKLOG / 2, 'the queue is still long')
    await sleep(10_000) // several looks more
    await Promise.all(slow.map((adapter) => adapter.stop()))

    assert.deepEqual(bus.published.sort(), lost.sort())
    const { rows } = await servers.pg.query(
      `SELECT count(*)::int AS done FROM ${servers.statusTable} WHERE run_id LIKE 'bulk-%' AND status = 'completed'`,
    )
    assert.equal((await servers.waiting()) + rows[0].done, BACKLOG, 'every job waits once or is done')
  })

  async function insertWaitingRuns(template, begin) {
    await servers.pg.query(
      `INSERT INTO ${servers.contextTable} SELECT 'bulk-' || i, $1::jsonb FROM generate_series(1, ${BACKLOG}) AS i`,
      [JSON.stringify(template)],
    )
    await servers.pg.query(
      `INSERT INTO ${servers.statusTable} (run_id, status, updated_at)
       SELECT 'bulk-' || i, 'running', to_timestamp($1::float8 + i * 0.001) FROM generate_series(1, ${BACKLOG}) AS i`,
      [begin / 1000],
    )
  }

  /** As their results would have published them, but for the first few. */
  async function publishTheirJobs(begin) {
    for (let index = LOST + 1; index <= BACKLOG; index++) {
      const job = { runId: `bulk-${index}`, blueprintId: 'two-steps', nodeId: 'b', round: 1, at: begin + index }
      servers.channel.sendToQueue(servers.queue, Buffer.from(JSON.stringify(job)), { persistent: true })
      if (index % 5000 === 0) await servers.channel.waitForConfirms()
    }
    await servers.channel.waitForConfirms()
  }
})

describe('several reconcilers', { skip: withoutJournal }, () => {
  it('share thousands of stalled runs: each is brought back once', async () => {
    const template = await runLikeThoseThatLostTheirJobs()
    const runs = 2_000
    await servers.pg.query(
      `INSERT INTO ${servers.contextTable} SELECT 'stalled-' || i, $1::jsonb FROM generate_series(1, ${runs}) AS i`,
      [JSON.stringify(template)],
    )
    await servers.pg.query(
      `INSERT INTO ${servers.statusTable} (run_id, status, updated_at)
       SELECT 'stalled-' || i, 'running', now() - interval '1 hour' FROM generate_series(1, ${runs}) AS i`,
    )
    const options = { pgClient: servers.pg, statusTableName: servers.statusTable, stalledThresholdSeconds: 1800 }
    const reconcilers = Array.from({ length: 3 }, () =>
      createRabbitMqReconciler({
        ...options,
        adapter: servers.adapter(twoSteps(0), { started: false }),
        logger: new NullLogger(),
      }),
    )
    const stats = await Promise.all(reconcilers.map((reconciler) => reconciler.run()))
    assert.equal(
      stats.reduce((sum, { reconciledRuns }) => sum + reconciledRuns, 0),
      runs,
    )
    assert.equal(await servers.waiting(), runs, 'one job each')
  })
})
