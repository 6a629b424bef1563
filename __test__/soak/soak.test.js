// Full load for a long time: memory, connections and file handles stay where they were after warm-up. By a setting:
//   FLOWCRAFT_SOAK_MINUTES=10 npm test soak
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'

const MINUTES = Number(process.env.FLOWCRAFT_SOAK_MINUTES ?? 0)
const IN_FLIGHT = 200
const NODES = 10
const MEGABYTE = 2 ** 20

let servers
before(async () => {
  if (MINUTES > 0) servers = await openSharedServers()
})
after(() => servers?.close())

/** A worker process, which sends what there is to say of itself. */
function startWorker() {
  const settings = { contexts: servers.contextTable, statuses: servers.statusTable, queue: servers.queue }
  return new WorkerProcess(new URL('./programs/worker.js', import.meta.url), { settings, sends: true })
}

/** Keeps so many runs going until it is over, and checks and removes those that end. */
async function keepBusy(until) {
  let going = 0
  let ended = 0
  let next = 0
  while (Date.now() < until || going > 0) {
    const { rows } = await servers.pg.query(
      `WITH ended AS (DELETE FROM ${servers.statusTable} WHERE status <> 'running' RETURNING run_id, status)
       DELETE FROM ${servers.contextTable} c USING ended e WHERE c.run_id = e.run_id
       RETURNING e.status, context_data->'_outputs.s10' AS output`,
    )
    for (const { status, output } of rows) assert.deepEqual([status, output], ['completed', 7])
    going -= rows.length
    ended += rows.length
    const due = Date.now() < until ? IN_FLIGHT - going : 0
    if (due > 0) await begin(next, due)
    next += due
    going += due
    await sleep(20)
  }
  return ended
}

async function begin(first, count) {
  const ids = Array.from({ length: count }, (_, index) => `soak-${first + index}`)
  await servers.pg.query(`INSERT INTO ${servers.contextTable} SELECT id, '{}' FROM unnest($1::text[]) AS id`, [ids])
  await servers.pg.query(
    `INSERT INTO ${servers.statusTable} (run_id, status) SELECT id, 'running' FROM unnest($1::text[]) AS id`,
    [ids],
  )
  for (const runId of ids) {
    const job = { runId, blueprintId: 'soak', nodeId: 's1' }
    servers.channel.sendToQueue(servers.queue, Buffer.from(JSON.stringify(job)), { persistent: true })
  }
  await servers.channel.waitForConfirms()
}

/** Medians of a part of what was observed. */
function level(observed, from, to) {
  const part = observed.slice(Math.floor(observed.length * from), Math.ceil(observed.length * to))
  const median = (key) => part.map((each) => each[key]).sort((a, b) => a - b)[Math.floor(part.length / 2)]
  return { rss: median('rss'), files: median('files'), handles: median('handles'), heapUsed: median('heapUsed') }
}

const skip = MINUTES > 0 ? false : 'set FLOWCRAFT_SOAK_MINUTES'
it('is as large after a long time at full load as after the warm-up', { skip }, async () => {
  const worker = startWorker()
  const observed = worker.messages
  const runs = await keepBusy(Date.now() + MINUTES * 60_000)
  const loaded = observed.slice()
  assert.deepEqual(await worker.stop('SIGTERM', 60_000), { code: 0, signal: null }, worker.printed)

  const warm = level(loaded, 0.2, 0.4)
  const late = level(loaded, 0.8, 1)
  const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(1)} MB`
  console.log(`# ${runs} runs, ${runs * NODES} jobs, ${Math.round((runs * NODES) / (MINUTES * 60))} a second`)
  console.log(`# memory ${megabytes(warm.rss)} after warm-up, ${megabytes(late.rss)} at the end`)
  console.log(`# heap ${megabytes(warm.heapUsed)} and ${megabytes(late.heapUsed)}`)
  console.log(`# open files ${warm.files} and ${late.files}, handles ${warm.handles} and ${late.handles}`)
  assert.equal(observed.at(-1).jobs, runs * NODES, 'every node ran once')
  assert.ok(late.rss < warm.rss * 1.1, 'memory is flat')
  assert.ok(late.files <= warm.files + 2, 'no file or connection is left open')
  assert.ok(late.handles <= warm.handles + 2, 'no handle is left open')
})
