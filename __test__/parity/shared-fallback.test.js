// Two nodes that share a fallback: what follows each of them runs, whichever failed first.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

for (const [name, first, second] of [
  ['the second fails long after the fallback is done', 0, 200],
  ['both fail at once', 0, 0],
]) {
  it(`${name}: what follows both runs`, async () => {
    const failing = (ms) => async () => {
      await sleep(ms)
      throw new Error('down')
    }
    const pass = async ({ input }) => ({ output: input })
    const flow = createFlow('shared')
      .node('p', failing(first), { config: { fallback: 'f' } })
      .node('q', failing(second), { config: { fallback: 'f' } })
      .node('f', async () => ({ output: 'rescued' }))
      .node('x', pass)
      .node('y', pass)
      .edge('p', 'x')
      .edge('q', 'y')
    const { status, context } = await servers.runAlone(flow, { starts: ['p', 'q'], workers: 2 })
    assert.equal(status, 'completed')
    assert.deepEqual([context['_outputs.x'], context['_outputs.y']], ['rescued', 'rescued'])
  })
}
