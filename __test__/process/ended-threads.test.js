// A worker thread may be ended at any moment, in a process that lives on: its jobs are another worker's at once. What the
// engine asked of the thread then is never answered.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { isLease } from '../fixtures/leases.js'
import { onServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'

/** Both here and in a thread: a function of a flow would have another name there. */
const BLUEPRINT = { id: 'threaded', nodes: [{ id: 'only', uses: 'only' }], edges: [] }
const here = {
  toBlueprint: () => BLUEPRINT,
  getFunctionRegistry: () => new Map([['only', async () => ({ output: 'here' })]]),
}

function threadOf(servers, moment) {
  const tables = { contexts: servers.contextTable, statuses: servers.statusTable, queue: servers.queue }
  return new Worker(new URL('./programs/ended-thread.js', import.meta.url), {
    workerData: { ...tables, blueprint: BLUEPRINT, moment },
  })
}

/** Begins a run, and ends the thread that has its job at that moment. */
async function endedAt(moment, servers) {
  const thread = threadOf(servers, moment)
  const there = once(thread, 'message')
  const runId = servers.runId()
  const leases = new RedisCoordinationStore(urls.redis)
  if (moment === 'blocked') await there
  await servers.begin(here, {}, { runId })
  if (moment === 'blocked') await until(async () => isLease(await leases.get(`flowcraft:nodelock:${runId}:only`)))
  await there
  await thread.terminate()
  return runId
}

describe('a worker thread that is ended', () => {
  const moments = {
    blocked: ['before it described the blueprint', 'here'],
    leasing: ['while its own coordination store is asked', 'here'],
    running: ['while it runs a node', 'here'],
    publishing: ['while it publishes a result', 'in the thread'],
  }
  for (const [moment, [title, output]] of Object.entries(moments)) {
    it(`${title} leaves its job to another worker`, async (t) => {
      const servers = await sharedServersFor(t)
      const runId = await endedAt(moment, servers)
      await until(async () => (await servers.waiting()) === 1, { what: 'the job to be back in its queue' })
      servers.adapter(here)
      const { status, context } = await servers.settled(runId, undefined, 10_000)
      assert.deepEqual([status, context['_outputs.only']], ['completed', output])
    })
  }

  it('leaves no connection behind', onServers('connections'), async (t) => {
    const servers = await sharedServersFor(t)
    const connections = async () => {
      const { consumerCount } = await servers.channel.checkQueue(servers.queue)
      const { rows } = await servers.pg.query(
        `SELECT count(*)::int AS open FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()
         AND application_name = 'flowcraft'`,
        [servers.name],
      )
      // The sessions behind a pooler are the pooler's own.
      const sessions = urls.database === urls.direct ? { sessions: rows[0].open } : {}
      return { consumers: consumerCount, ...sessions }
    }
    const thread = threadOf(servers, 'running')
    t.after(() => thread.terminate())
    const runId = await servers.begin(here)
    await once(thread, 'message')
    const { consumers, sessions = 1 } = await connections()
    assert.ok(consumers === 1 && sessions > 0)
    await thread.terminate()
    const none = async () => Object.values(await connections()).every((open) => open === 0)
    await until(none, { what: 'the connections to be closed' })
    assert.equal(await servers.statusOf(runId), 'running')
  })
})
