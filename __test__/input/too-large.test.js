// Outputs of many megabytes: the node that brings too much is the one to blame, at once, with the size and the limit. What
// the limit promises can be stored, final result included, and nobody else notices either.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { onServers, sharedServersFor } from '../fixtures/shared-servers.js'

const healthy = createFlow('healthy')
  .node('a', async () => ({ output: 1 }))
  .node('b', async () => ({ output: 2 }))
  .edge('a', 'b')

/** a → b, where the output of a takes so many megabytes; b notes that it ran. */
function chain(megabytes, ran) {
  return createFlow(`chain-${megabytes}`)
    .node('a', async () => ({ output: 'x'.repeat(megabytes * 1e6) }))
    .node('b', async ({ input }) => {
      ran.push(input.length)
      return { output: input.length }
    })
    .edge('a', 'b')
}

describe('an output that is too large', () => {
  it('fails its own node, with its size and the limit, and no neighbour', async (t) => {
    const servers = await sharedServersFor(t)
    const ran = []
    const large = chain(70, ran)
    servers.adapter([large, healthy], { concurrency: 20 })
    const before = Date.now()
    const run = await servers.begin(large)
    const others = await Promise.all(Array.from({ length: 15 }, () => servers.begin(healthy)))
    for (const other of others) assert.equal((await servers.settled(other)).status, 'completed')
    const { status, result, context } = await servers.settled(run)
    t.diagnostic(`failed after ${Date.now() - before} ms: ${result.reason}`)
    assert.equal(status, 'failed')
    assert.match(result.reason, /Node 'a'.*takes 70\.1 MB.*would take 140\.\d MB.*at most 128\.0 MB/)
    assert.deepEqual([ran, context['_outputs.a']], [[], undefined])
  })

  it('lets its fallback take over', async (t) => {
    const servers = await sharedServersFor(t)
    const flow = createFlow('saved')
      .node('a', async () => ({ output: 'x'.repeat(130e6) }), { config: { fallback: 'small' } })
      .node('small', async () => ({ output: 'small' }))
      .node('end', async ({ input }) => ({ output: `${input}!` }))
      .edge('a', 'end')
    servers.adapter(flow)
    const { status, context } = await servers.run(flow)
    assert.deepEqual([status, context['_outputs.end']], ['completed', 'small!'])
  })

  it('that a loop writes again and again counts once', async (t) => {
    const servers = await sharedServersFor(t)
    const flow = createFlow('again')
      .node('start', async () => ({ output: 0 }))
      .node('work', async ({ context }) => {
        await context.set('round', ((await context.get('round')) ?? 0) + 1)
        return { output: 'x'.repeat(30e6) }
      })
      .edge('start', 'loop')
      .loop('loop', { startNodeId: 'work', endNodeId: 'work', condition: 'round < 6' })
    servers.adapter(flow)
    const { status, result } = await servers.settled(await servers.begin(flow, { round: 0 }), undefined, 60_000)
    assert.equal(status, 'completed', result?.reason)
  })
})

describe('the largest output that the limit allows', onServers('the limits of PostgreSQL'), () => {
  it('is stored, and so is the final result', async (t) => {
    const servers = await sharedServersFor(t)
    const ran = []
    const large = chain(63, ran)
    servers.adapter([large, healthy], { concurrency: 20 })
    const run = await servers.begin(large)
    const others = await Promise.all(Array.from({ length: 10 }, () => servers.begin(healthy)))
    for (const other of others) assert.equal((await servers.settled(other)).status, 'completed')
    // Not with its context, which the client would read again and again.
    for (const end = Date.now() + 90_000; (await servers.statusOf(run)) === 'running'; ) {
      assert.ok(Date.now() < end, 'it does not end')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    assert.deepEqual([await servers.statusOf(run), ran], ['completed', [63e6]])
  })
})
