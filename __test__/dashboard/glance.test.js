// What PostgreSQL itself says of contexts: the same that is said of one that was read whole, on rows and on journals.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { ask, serve } from './support/board.js'

const CONTEXT = {
  number: 9_007_199_254_740_991,
  texts: ['', 'é'.repeat(1_999), 'é'.repeat(2_000), 'é'.repeat(2_001), '"\\\n'.repeat(2_000), '𝄞'.repeat(9_000)],
  empty: { list: [], object: {}, nothing: null, yes: true },
  many: Object.fromEntries(Array.from({ length: 250 }, (_, at) => [`key${at}`, { at, words: 'w'.repeat(40) }])),
  list: Array.from({ length: 250 }, (_, at) => [at, 'x'.repeat(40)]),
  deep: { '': { '~/"': [[{ 0: 'x'.repeat(5_000) }]] } },
  __proto__key: 1,
  removed: 'a key that a node deletes',
}

/** Paths that are there, and some that are not. */
const PATHS = [
  [],
  ['number'],
  ['texts'],
  ['texts', '3'],
  ['empty'],
  ['empty', 'list'],
  ['empty', 'nothing'],
  ['many'],
  ['list'],
  ['list', '249'],
  ['deep', '', '~/"', '0', '0'],
  ['late'],
  ['removed'],
  ['_outputs.change'],
  ['none'],
  ['many', 'none'],
  ['list', '250'],
  ['number', 'none'],
]

/** A run that changes its context and then awaits: what it wrote is in its journal, where there is one. */
const changing = createFlow('changing')
  .node('change', async ({ context }) => {
    await context.delete('removed')
    await context.set('late', { list: Array.from({ length: 120 }, (_, at) => `late ${at}`) })
    await context.set('number', 12)
    return { output: 'x'.repeat(6_000) }
  })
  .wait('approval')
  .edge('change', 'approval')

/** Without sizes: of what is large PostgreSQL says them about, and it writes JSON with spaces. */
function shapeOf(view) {
  if (!view) return view
  const { size, children, ...rest } = view
  assert.ok(size > 0)
  return { ...rest, ...(children && { children: children.map(({ key, value }) => [key, shapeOf(value)]) }) }
}

/** Keys of JSON texts have another order than those of rows. */
function sorted(shape) {
  const children = shape?.children?.map(([key, child]) => [key, sorted(child)])
  if (!children) return shape
  const isObject = shape.kind === 'object'
  return { ...shape, children: isObject ? children.sort(([one], [other]) => (one < other ? -1 : 1)) : children }
}

/** A client, and two dashboards of it: what `told` shows PostgreSQL says, and `read` reads all of it, as it may hide something. */
async function scene(t, kind) {
  const servers = await sharedServersFor(t)
  if (kind === 'a journal') await servers.migrate()
  await servers.workerFor(t, changing)
  const client = clientFor(t, servers, changing)
  const told = await serve(t, { client })
  const read = await serve(t, { client, redact: (_path, value) => value })
  return { servers, client, told, read }
}

describe('a context that PostgreSQL tells', onServers('memory has no SQL'), () => {
  for (const kind of ['rows', 'a journal']) {
    it(`is the one that is read, on ${kind}`, async (t) => {
      const { servers, client, told, read } = await scene(t, kind)
      const run = await client.start('changing', { runId: servers.runId(), context: CONTEXT })
      await until(async () => (await run.describe()).status === 'awaiting')
      const seen = async (url, path, from) => {
        const query = new URLSearchParams({ id: run.runId, path: JSON.stringify(path), from })
        const { status, body } = await ask(`${url}/api/run/context?${query}`)
        assert.equal(status, 200, JSON.stringify(body))
        return body.value
      }
      for (const path of PATHS) {
        for (const from of [0, 100, 200]) {
          const [one, other] = [await seen(told, path, from), await seen(read, path, from)]
          assert.deepEqual(one?.next, other?.next, `${JSON.stringify(path)} from ${from}`)
          // A page of many keys is that of another order.
          if (one?.children?.length >= 100 && one.kind === 'object') continue
          if (path[0] === 'many' && from > 0) continue
          assert.deepEqual(sorted(shapeOf(one)), sorted(shapeOf(other)), `${JSON.stringify(path)} from ${from}`)
        }
      }
      const pages = await Promise.all([0, 100, 200].map((from) => seen(told, ['many'], from)))
      const keys = pages.flatMap(({ children }) => children.map(({ key }) => key))
      assert.deepEqual(keys.sort(), Object.keys(CONTEXT.many).sort())
      await run.resume()
      await until(async () => (await run.describe()).status === 'completed')
      assert.deepEqual(sorted(shapeOf(await seen(told, [], 0))), sorted(shapeOf(await seen(read, [], 0))))
    })
  }

  for (const kind of ['rows', 'a journal']) {
    it(`differs from another as the one that is read, on ${kind}`, async (t) => {
      const { servers, client, told, read } = await scene(t, kind)
      const [one, other] = [
        await client.start('changing', { runId: servers.runId(), context: CONTEXT }),
        await client.start('changing', { runId: servers.runId(), context: { ...CONTEXT, list: ['x'], fresh: 1 } }),
      ]
      for (const run of [one, other]) await until(async () => (await run.describe()).status === 'awaiting')
      const query = new URLSearchParams({ one: one.runId, other: other.runId })
      const [seen, wanted] = await Promise.all(
        [told, read].map(async (url) => (await ask(`${url}/api/runs/compare-contexts?${query}`)).body),
      )
      const shown = ({ differences, ...counts }) => [
        counts,
        differences.map(({ key, change, one, other }) => [key, change, shapeOf(one), shapeOf(other)]),
      ]
      assert.deepEqual(shown(seen), shown(wanted))
      assert.ok(seen.same > 5)
      assert.deepEqual(
        seen.differences.filter(({ key }) => !key.startsWith('_')).map(({ key, change }) => `${key} ${change}`),
        ['fresh added', 'list changed'],
      )
    })
  }

  it('of a run that is not there is as it is read', async (t) => {
    const servers = await sharedServersFor(t)
    const client = clientFor(t, servers, changing)
    const [told, read] = [await serve(t, { client }), await serve(t, { client, redact: (_path, value) => value })]
    for (const path of ['[]', '["number"]']) {
      const answers = [told, read].map((url) => ask(`${url}/api/run/context?id=none&path=${encodeURIComponent(path)}`))
      const [one, other] = await Promise.all(answers)
      assert.deepEqual([one.status, one.body], [other.status, other.body])
    }
  })
})
