// A node deletes a key while its own write of it is on its way to the record: the last word counts.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { Engine } from '../../dist/bridge/native.js'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers } from '../fixtures/shared-servers.js'

let servers
/** Where the next write waits before it leaves. */
let gate
before(async () => {
  servers = await openSharedServers()
  const { write } = Engine.prototype
  Engine.prototype.write = async function (...given) {
    const { begun, opened } = gate ?? {}
    begun?.resolve()
    await opened?.promise
    return write.apply(this, given)
  }
})
after(() => servers.close())

for (const [how, remove] of Object.entries({
  'is deleted': (context) => context.delete('key'),
  'is set to nothing': (context) => context.set('key', undefined),
  'is deleted by a patch': (context) => context.patch([{ op: 'delete', key: 'key' }]),
})) {
  it(`a key that ${how} while it is being written is gone`, async () => {
    gate = { begun: deferred(), opened: deferred() }
    const ended = deferred()
    const flow = createFlow('removing')
      .node('start', () => ({ output: 1 }))
      .node('beside', async () => ({ output: await ended.promise }))
      .node('removes', async ({ context }) => {
        context.set('key', 'written')
        await gate.begun.promise
        const removed = remove(context)
        gate.opened.resolve()
        await removed
        ended.resolve('ended')
        return { output: await context.has('key') }
      })
      .edge('start', 'beside')
      .edge('start', 'removes')
    const { status, context } = await servers.runAlone(flow, { workers: 2 })
    assert.equal(status, 'completed')
    assert.deepEqual([context.key, context['_outputs.removes']], [undefined, false])
  })
}
