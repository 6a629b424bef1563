// The client that needs no package of ours, as it stands in docs/moving-from-version-1.md.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { it } from 'node:test'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { sharedServersFor, urls } from '../fixtures/shared-servers.js'

const flow = createFlow('greeting')
  .node('hello', async ({ context }) => ({ output: `hello ${await context.get('name')}` }))
  .node('shout', async ({ input }) => ({ output: input.toUpperCase() }))
  .edge('hello', 'shout')

const AsyncFunction = (async () => {}).constructor

/** The code under "A client without this package", over the tables and the queue of a test. */
async function client({ contextTable, statusTable, queue }) {
  const page = await readFile(new URL('../../docs/moving-from-version-1.md', import.meta.url), 'utf8')
  const [, code] = page.split('## A client')[1].match(/```js\n([\s\S]*?)```/)
  const here = code
    .replaceAll('flowcraft_contexts', contextTable)
    .replaceAll('flowcraft_statuses', statusTable)
    .replaceAll('flowcraft-jobs', queue)
  return new AsyncFunction('connection', 'pg', 'runId', here)
}

/** Servers of which nobody has declared the queue. */
async function undeclared(t) {
  const servers = await sharedServersFor(t)
  servers.queue = `${servers.queue}_new`
  servers.queues.add(servers.queue)
  return servers
}

it('starts a run, also before any worker has ever declared the queue', async (t) => {
  const servers = await undeclared(t)
  const start = await client(servers)
  const connection = await amqplib.connect(urls.amqp)
  t.after(() => connection.close())
  const runId = servers.runId()
  await start(connection, servers.pg, runId)
  servers.adapter(flow)
  assert.equal((await servers.settled(runId)).context['_outputs.shout'], 'HELLO ADA')
})

it('fails where its message reaches no queue, and the run is started by its row', async (t) => {
  const servers = await undeclared(t)
  const start = await client(servers)
  const connection = await amqplib.connect(urls.amqp)
  t.after(() => connection.close())
  const runId = servers.runId()
  const careless = {
    createConfirmChannel: async () => Object.assign(await connection.createConfirmChannel(), { assertQueue() {} }),
  }
  await assert.rejects(start(careless, servers.pg, runId), /no such queue/)
  servers.adapter(flow, { repairInterval: 500 })
  assert.equal((await servers.settled(runId)).context['_outputs.shout'], 'HELLO ADA')
})
