// Contexts of a hundred megabytes, at which many look: neither memory nor the servers are asked for more than is shown.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientFor } from '../client/support/clients.js'
import { onServers, sharedServersFor } from '../fixtures/shared-servers.js'
import { ask, quick, serve } from './support/board.js'

const MEGABYTE = 1024 * 1024
const VIEWERS = 20
/** What a slow machine that does other things too may need, in milliseconds: for a first look, and for one that shows nothing new. */
const [FIRST, NEXT] = [60_000, 3_000]
/** How much more memory this process may take, in megabytes. One viewer who reads all of it takes several hundred. */
const MORE = 150

/** Six lists of 60,000 objects each, and a text of ten megabytes. */
const LARGE = `
  SELECT jsonb_object_agg('list' || n, list) || jsonb_build_object('text', repeat('once upon a time ', 600000), 'small', 1)
  FROM generate_series(1, 6) AS n, LATERAL (
    SELECT jsonb_agg(jsonb_build_object('at', g, 'words', repeat(md5((n * g)::text), 7))) AS list
    FROM generate_series(1, 60000) AS g) AS made`

/** A dashboard over runs whose contexts are as large as that, and how it is asked. */
async function largeRuns(t, ids) {
  const servers = await sharedServersFor(t)
  const client = clientFor(t, servers, quick)
  for (const runId of ids) {
    await client.start('quick', { runId })
    await servers.pg.query(
      `UPDATE ${servers.contextTable} SET context_data = context_data || (${LARGE}) WHERE run_id = $1`,
      [runId],
    )
  }
  const url = await serve(t, { client })
  const get = async (call, query) => {
    const begun = performance.now()
    const { status, body } = await ask(`${url}/api/${call}?${new URLSearchParams(query)}`)
    return { status, body, took: performance.now() - begun }
  }
  return { servers, client, get }
}

/** Does work, and says by how many megabytes the process was larger meanwhile at most. */
async function growth(work) {
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 10)
  try {
    return [await work(), (most - before) / MEGABYTE]
  } finally {
    clearInterval(timer)
  }
}

const rounded = (numbers) => numbers.map((number) => Math.round(number)).join(', ')

describe('a context of a hundred megabytes', onServers('memory has no SQL'), () => {
  it('is looked at by many, again and again', async (t) => {
    const { servers, get } = await largeRuns(t, ['large'])
    const { rows } = await servers.pg.query(
      `SELECT length(context_data::text)::float8 AS size FROM ${servers.contextTable} WHERE run_id = 'large'`,
    )
    assert.ok(rows[0].size > 95 * MEGABYTE, `${rows[0].size}`)
    const look = () => Promise.all(Array.from({ length: VIEWERS }, () => get('run/context', { id: 'large' })))
    const [firsts, grown] = await growth(look)
    for (const { status, body } of firsts) {
      assert.equal(status, 200)
      assert.equal(body.value.children.find(({ key }) => key === 'list3').value.kind, 'array')
      assert.ok(JSON.stringify(body).length < 20_000)
    }
    const first = Math.max(...firsts.map(({ took }) => took))
    const nexts = []
    for (let turn = 0; turn < 5; turn += 1) nexts.push(...(await look()).map(({ took }) => took))
    const slowest = Math.max(...nexts)
    t.diagnostic(`${VIEWERS} viewers: first look ${rounded([first])} ms, later at most ${rounded([slowest])} ms`)
    t.diagnostic(`the process grew by ${rounded([grown])} MB`)
    assert.ok(first < FIRST, `${first} ms`)
    assert.ok(slowest < NEXT, `${slowest} ms`)
    assert.ok(grown < MORE, `${grown} MB`)
    // A change is seen at once.
    await servers.pg.query(
      `UPDATE ${servers.contextTable} SET context_data = context_data || '{"small":2}' WHERE run_id = 'large'`,
    )
    const { body } = await get('run/context', { id: 'large' })
    assert.equal(body.value.children.find(({ key }) => key === 'small').value.text, '2')
  })

  it('is opened value by value and page by page, and given out whole only where it is small', async (t) => {
    const { get } = await largeRuns(t, ['large'])
    const tooks = []
    const seen = async (path, from) => {
      const { status, body, took } = await get('run/context', { id: 'large', path: JSON.stringify(path), from })
      assert.equal(status, 200)
      tooks.push(took)
      return body.value
    }
    const [, grown] = await growth(async () => {
      assert.deepEqual((await seen(['list2'], 59_900)).children.at(-1).key, '59999')
      assert.equal((await seen(['list2'], 0)).next, 100)
      assert.equal((await seen(['list2', '7', 'at'], 0)).text, '8')
      const text = await seen(['text'], 0)
      assert.deepEqual([text.isCut, text.text.length], [true, 2_000])
      for (const path of ['["list2"]', '["text"]', '[]']) {
        assert.equal((await get('run/copy', { id: 'large', path })).body.error.code, 'VALUE_TOO_LARGE')
      }
      assert.equal((await get('run/copy', { id: 'large', path: '["list2","7"]' })).status, 200)
    })
    t.diagnostic(`values and pages took ${rounded(tooks)} ms; the process grew by ${rounded([grown])} MB`)
    assert.ok(Math.max(...tooks) < FIRST)
    assert.ok(grown < MORE, `${grown} MB`)
  })

  it('is compared with another one', async (t) => {
    const { servers, get } = await largeRuns(t, ['one', 'other'])
    const change = `{"text":"another","list4":[1],"small":2}`
    await servers.pg.query(
      `UPDATE ${servers.contextTable} SET context_data = context_data || $1::jsonb WHERE run_id = 'other'`,
      [change],
    )
    const compare = () => get('runs/compare-contexts', { one: 'one', other: 'other' })
    const [answers, grown] = await growth(() => Promise.all(Array.from({ length: VIEWERS }, compare)))
    for (const { body } of answers) {
      const keys = body.differences.map(({ key }) => key).filter((key) => !key.startsWith('_'))
      assert.deepEqual([keys, body.same >= 5], [['list4', 'small', 'text'], true])
    }
    const took = Math.max(...answers.map((answer) => answer.took))
    t.diagnostic(
      `${VIEWERS} viewers compare two of them: ${rounded([took])} ms; the process grew by ${rounded([grown])} MB`,
    )
    assert.ok(took < FIRST, `${took} ms`)
    assert.ok(grown < MORE, `${grown} MB`)
  })
})
