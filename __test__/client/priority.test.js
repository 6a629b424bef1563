// Runs of a greater priority are worked first, where their queue was declared for it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }

/** Two nodes, each of which notes the name of its run; that of the run `first` waits until it is told to go on. */
function noting() {
  const [begun, gate, order] = [deferred(), deferred(), []]
  const note = async ({ context }) => {
    const name = await context.get('name')
    order.push(name)
    if (name === 'first') {
      begun.resolve()
      await gate.promise
    }
    return {}
  }
  const flow = createFlow('noting').node('one', note).node('two', note).edge('one', 'two')
  return { flow, order, begun: begun.promise, open: gate.resolve }
}

/** A worker that does one job at a time, on a queue that it declares, and a client. */
async function scene(t, flow, options) {
  servers.queue = `${servers.name}_${Object.keys(options).join('_')}`
  servers.queues.add(servers.queue)
  const adapter = servers.adapter(flow, { concurrency: 1, continuation: false, ...options })
  t.after(() => adapter.stop())
  await adapter.ready()
  return { adapter, client: clientFor(t, servers, flow, options) }
}

async function startAll(client, names) {
  const runs = []
  for (const [name, priority] of Object.entries(names)) {
    runs.push(await client.start('noting', { context: { name }, ...(priority !== undefined && { priority }) }))
  }
  return runs
}

const NAMES = { none: undefined, urgent: 5, soon: 3, 'most urgent': 200 }

describe('a run with a priority', () => {
  it('is worked before others, with all of its nodes, where its queue is declared for it', async (t) => {
    const { flow, order, begun, open } = noting()
    const { client } = await scene(t, flow, { maxPriority: 5 })
    const [first] = await startAll(client, { first: undefined })
    await begun
    const runs = await startAll(client, NAMES)
    open()
    for (const run of [first, ...runs]) await run.result(ENDS)
    // Of two that are as urgent, the one that came first; and the second nodes come behind those that wait.
    const urgent = ['urgent', 'most urgent', 'urgent', 'most urgent']
    assert.deepEqual(order, ['first', ...urgent, 'soon', 'soon', 'none', 'first', 'none'])
  })

  it('is worked in its turn where its queue tells none apart', async (t) => {
    const { flow, order, begun, open } = noting()
    const { client } = await scene(t, flow, { queueType: 'classic' })
    const [first] = await startAll(client, { first: undefined })
    await begun
    const runs = await startAll(client, NAMES)
    open()
    for (const run of [first, ...runs]) await run.result(ENDS)
    assert.deepEqual(order.slice(0, 5), ['first', ...Object.keys(NAMES)])
  })

  it('keeps it when it is retried', async (t) => {
    let fails = true
    const { flow, order, begun, open } = noting()
    const failing = createFlow('failing').node('fail', async () => {
      order.push('failing')
      if (fails) throw new Error('not yet')
      return {}
    })
    const { client } = await scene(t, [flow, failing], { maxPriority: 5, queueType: 'classic' })
    const run = await client.start('failing', { priority: 4 })
    await run.result(ENDS).catch(() => {})
    fails = false
    const [first] = await startAll(client, { first: undefined })
    await begun
    const [none] = await startAll(client, { none: undefined })
    await run.retry()
    open()
    for (const each of [first, none, run]) await each.result(ENDS)
    await until(() => order.length === 6)
    assert.deepEqual(order.slice(0, 4), ['failing', 'first', 'failing', 'none'])
  })

  it('refuses a priority that is none', async (t) => {
    const { flow } = noting()
    const client = clientFor(t, servers, flow)
    for (const priority of [-1, 256, 1.5, '3', Number.NaN]) {
      await assert.rejects(client.start('noting', { priority }), { code: 'INVALID_ARGUMENT' }, String(priority))
    }
  })
})
