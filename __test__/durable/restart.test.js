// A pause of each kind, with every process and every server restarted in the middle: once in good order, once by a
// crash of everything. Redis comes back empty. This scenario has servers of its own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { openPrivateServers } from '../fixtures/private-servers.js'
import { onServers } from '../fixtures/which-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { blueprints, fleetAdapter } from './programs/flows.js'

let servers

/** Starts runs as any client does. */
async function begin(runs) {
  for (const [blueprintId, runId] of Object.entries(runs)) {
    await servers.insert(runId)
    await servers.send(runId, blueprintId, 'fleet')
  }
}

/** Polls every run until all of them are as asked. */
async function all(runs, ready, what, timeout = 20_000) {
  const deadline = Date.now() + timeout
  for (;;) {
    const rows = await servers.sql(
      `SELECT run_id, status, status_data, context_data FROM contexts JOIN statuses USING (run_id) WHERE run_id = ANY ($1)`,
      [Object.values(runs)],
    )
    const of = (runId) => rows.find((row) => row.run_id === runId)
    const seen = Object.fromEntries(Object.entries(runs).map(([id, runId]) => [id, of(runId)]))
    const late = Object.entries(seen).filter(([id, row]) => !ready(row, id))
    if (late.length === 0) return seen
    if (Date.now() > deadline) {
      const left = late.map(([id, row]) => `${id} is ${row?.status}: ${JSON.stringify(row?.context_data)}`)
      throw new Error(`Waited ${timeout} ms for ${what}; ${left.join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function startWorker(t) {
  const worker = new WorkerProcess(new URL('./programs/worker.js', import.meta.url), { settings: servers.urls })
  t.after(() => worker.stop('SIGKILL'))
  await worker.started()
  return worker
}

/** Delivers a webhook to an adapter's handler, at the path that its URL names. */
async function deliver(adapter, url, body) {
  const server = createServer(adapter.webhookHandler()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address()
    return await fetch(`http://127.0.0.1:${port}${new URL(url).pathname}`, { method: 'POST', body })
  } finally {
    server.close()
  }
}

describe('every pause lives through a restart of every process and server', onServers('a restart'), () => {
  before(async () => {
    servers = await openPrivateServers()
  })
  after(() => servers?.close())

  for (const [how, signal] of [
    ['in good order', 'SIGTERM'],
    ['by a crash', 'SIGKILL'],
  ]) {
    it(how, async (t) => {
      const runs = Object.fromEntries(Object.keys(blueprints).map((id) => [id, `${id}-${signal}`]))
      // The website's process is the one that is not restarted: its connections break, and it goes on.
      const website = fleetAdapter(servers.urls)
      t.after(() => website.stop())
      const first = await startWorker(t)
      const began = Date.now()
      await begin(runs)
      const paused = ({ status, context_data: context }, id) =>
        id === 'retry' ? context._flowcraft.ledger.nodes.pause?.failures === 1 : status === 'awaiting'
      await all(runs, (row, id) => row?.context_data._flowcraft && paused(row, id), 'every run to pause')
      assert.deepEqual([...(await website.sendEvent(runs.early, 'payment_processed', 'early'))], [])
      const { url } = await website.registerWebhookEndpoint(runs.webhook, 'pause')

      await first.stop(signal)
      await Promise.all([servers.rabbitmq, servers.postgres, servers.redis].map((server) => server.restart({ signal })))
      t.diagnostic(`all restarted ${Date.now() - began} ms after the runs began`)
      const second = await startWorker(t)

      assert.deepEqual([...(await website.resumeWithAction(runs.wait, 'on', 'resumed'))], ['pause'])
      assert.deepEqual([...(await website.resumeWithAction(runs.early, 'on'))], ['pause'])
      assert.deepEqual([...(await website.sendEvent(runs.event, 'payment_processed', 'paid'))], ['pause'])
      assert.equal((await deliver(website, url, 'called')).status, 202)

      const done = await all(runs, ({ status }) => status === 'completed', 'every run to complete')
      t.diagnostic(`all completed ${Date.now() - began} ms after the runs began`)
      const output = (id) => done[id].context_data['_outputs.done']
      assert.equal(output('wait'), 'resumed')
      assert.equal(output('early'), 'early')
      assert.equal(output('event'), 'paid')
      assert.equal(output('webhook').request.body, 'called')
      assert.equal(output('sleep'), 'started')
      assert.equal(output('retry'), 'up again')
      await second.stop('SIGTERM')
    })
  }
})
