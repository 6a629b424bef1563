// Numbers that no double holds, in what a node waits for and in how far it is: written by other programs, and shown as they are.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { saysMore } from '../../dist/bridge/exact.js'
import { clientFor } from '../client/support/clients.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { ask, serve } from './support/board.js'

const [MARK, LARGE] = [1_234_567, '12345678901234567890.5']

describe('JSON text says more than its value', () => {
  for (const [json, is] of [
    ['1', false],
    ['9007199254740992', false],
    ['9007199254740993', true],
    ['-12345678901234567890', true],
    ['100000000000000000000000', false],
    ['1e300', false],
    ['1.0', false],
    ['0.1', false],
    ['1E+2', false],
    ['0.10000000000000000001', true],
    ['1e400', true],
    ['0e999', false],
    ['123456789012345.67890123', true],
    ['"9007199254740993"', false],
    ['{"id":"3e9a","at":1700000000000}', false],
    ['{"a":[{"b":[1,9007199254740993]}]}', true],
  ]) {
    it(`${json}: ${is}`, () => assert.equal(saysMore(json), is))
  }
})

/** The leaf at a path of what the dashboard shows. */
const leaf = (view, [key, ...path]) =>
  key === undefined ? view.text : leaf(view.children.find((child) => child.key === key).value, path)

describe('a number that is too exact for a double is shown as it is', onServers('other programs write SQL'), () => {
  it('in the details of a wait', async (t) => {
    const servers = await sharedServersFor(t)
    const asking = createFlow('asking').node('ask', async ({ dependencies: { job, workflowState } }) => {
      await workflowState.markAsAwaiting(job.nodeId, { reason: 'limit', order: { amount: MARK, of: [MARK, 'x'] } })
      return { output: undefined }
    })
    await servers.workerFor(t, asking)
    const client = clientFor(t, servers, asking)
    const { runId } = await client.start('asking', { runId: servers.runId() })
    await until(async () => (await client.run(runId).describe()).status === 'awaiting')
    const [url, hiding] = [
      await serve(t, { client }),
      await serve(t, { client, redact: (path, value) => (path.at(-1) === 'amount' ? '•••' : value) }),
    ]
    const waitOf = async (from) => (await ask(`${from}/api/run?id=${runId}`)).body.nodes[0].waitsFor
    assert.equal((await waitOf(url)).exact, undefined, 'a value says all of it')
    const exact = 'replace(context_data::text, $2, $3)::jsonb'
    await servers.pg.query(`UPDATE ${servers.contextTable} SET context_data = ${exact} WHERE run_id = $1`, [
      runId,
      String(MARK),
      LARGE,
    ])
    const shown = await waitOf(url)
    assert.equal(leaf(shown.exact, ['order', 'amount']), LARGE)
    assert.equal(leaf(shown.exact, ['order', 'of', '0']), LARGE)
    assert.equal(shown.details.order.amount, Number(LARGE))
    const [approval] = (await ask(`${url}/api/approvals`)).body.approvals
    assert.equal(leaf(approval.nodes[0].waitsFor.exact, ['order', 'amount']), LARGE)
    assert.equal(leaf((await waitOf(hiding)).exact, ['order', 'amount']), '•••')
  })

  it('in the progress of a node', async (t) => {
    const servers = await sharedServersFor(t)
    const end = deferred()
    const busy = createFlow('busy').node('work', async ({ dependencies: { job } }) => {
      job.heartbeat({ rows: MARK })
      await end.promise
      return { output: 'done' }
    })
    await servers.workerFor(t, busy)
    const client = clientFor(t, servers, busy)
    const { runId } = await client.start('busy', { runId: servers.runId() })
    const url = await serve(t, { client })
    const progress = async () => (await ask(`${url}/api/run?id=${runId}`)).body.nodes[0].progress
    const shown = await until(progress)
    assert.deepEqual([shown.value, shown.exact], [{ rows: MARK }, undefined])
    const redis = new Redis(urls.redis)
    t.after(() => redis.disconnect())
    for (const key of await redis.keys(`*flowcraft:progress:*${runId}*`)) {
      await redis.set(key, (await redis.get(key)).replace(String(MARK), LARGE), 'KEEPTTL')
    }
    assert.equal(leaf((await progress()).exact, ['rows']), LARGE)
    end.resolve()
    assert.equal((await client.run(runId).result()).status, 'completed')
  })
})
