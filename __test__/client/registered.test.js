// A client without blueprints starts runs of those that workers have registered.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Two nodes begin it, and one follows both. */
function forked(version, value = 1) {
  const flow = createFlow('forked')
    .node('left', async ({ context }) => ({ output: (await context.get('amount')) + value }))
    .node('right', async () => ({ output: value }))
    .node('both', async ({ context }) => ({
      output: (await context.get('_outputs.left')) + (await context.get('_outputs.right')),
    }))
    .edge('left', 'both')
    .edge('right', 'both')
  const blueprint = flow.toBlueprint()
  const named = version === undefined ? blueprint : { ...blueprint, metadata: { ...blueprint.metadata, version } }
  return { toBlueprint: () => named, getFunctionRegistry: () => flow.getFunctionRegistry() }
}

/** Starts once a worker has said what it has. */
const started = (client, options = {}) =>
  until(() =>
    client.start('forked', options).catch((error) => {
      assert.equal(error.code, 'BLUEPRINT_UNKNOWN', error.stack)
    }),
  )

describe('a client that has no blueprint', () => {
  it('starts what a worker has that lives, and no more once it is gone', async (t) => {
    await servers.freshQueue()
    await assert.rejects(clientFor(t, servers).start('forked'), { code: 'BLUEPRINT_UNKNOWN' })
    const worker = await servers.workerFor(t, forked())
    const client = clientFor(t, servers)
    const run = await started(client, { context: { amount: 40 }, tags: ['eu'] })
    assert.equal(run.outcome, 'new')
    const described = await run.describe()
    assert.deepEqual([described.blueprintId, described.version, described.tags], ['forked', null, ['eu']])
    const { context } = await run.result({ timeoutMs: 20_000 })
    assert.equal(context['_outputs.both'], 42)
    const many = await client.startMany('forked', [{ context: { amount: 1 } }, { context: { amount: 2 } }])
    const results = await Promise.all(many.map((each) => each.result({ timeoutMs: 20_000 })))
    assert.deepEqual(
      results.map((result) => result.context['_outputs.both']),
      [3, 4],
    )
    const again = await client.start('forked', {
      runId: run.runId,
      context: { amount: 0 },
      onConflict: 'restart-if-ended',
    })
    assert.deepEqual(
      [again.outcome, (await again.result({ timeoutMs: 20_000 })).context['_outputs.both']],
      ['restarted', 2],
    )
    await assert.rejects(client.start('nothing'), { code: 'BLUEPRINT_UNKNOWN' })
    // Which outputs lead where, only the blueprint says.
    const outputs = { context: { '_outputs.left': 1 } }
    await assert.rejects(client.start('forked', outputs), { code: 'BLUEPRINT_UNKNOWN', message: /outputs/ })
    assert.equal(
      (await client.workers()).some((each) => 'entries' in each),
      false,
    )
    await worker.stop()
    await assert.rejects(client.start('forked'), { code: 'BLUEPRINT_UNKNOWN' })
  })

  it('goes by the worker that was started last, and by its version', async (t) => {
    await servers.workerFor(t, forked('1'))
    const client = clientFor(t, servers)
    await started(client, { version: '1' }).then((run) => run.result({ timeoutMs: 20_000 }))
    const adapter = servers.adapter(forked('2'))
    t.after(() => adapter.stop())
    await until(() => client.start('forked', { version: '2' }).catch(() => false))
    await assert.rejects(client.start('forked', { version: '1' }), { code: 'BLUEPRINT_VERSION' })
  })

  it('does not go by workers of another queue', async (t) => {
    await servers.workerFor(t, forked())
    const client = clientFor(t, servers)
    await started(client)
    const elsewhere = clientFor(t, servers, undefined, { queueName: `${servers.queue}-other` })
    await assert.rejects(elsewhere.start('forked'), { code: 'BLUEPRINT_UNKNOWN', message: /-other/ })
  })
})
