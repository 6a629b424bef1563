// How fast the pages are with a hundred thousand runs and with a run of a thousand nodes, in a browser on real servers. It says
// the figures; its bounds hold on a slow machine too.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { ask, quick, serve } from './support/board.js'
import { inBrowser, openBrowser, pageFor, picture } from './support/browser.js'

const RUNS = 100_000
/** The longest that may take, in milliseconds: to paint anything, to show what was asked for, to answer a click, to lay out a graph. */
const [PAINT, SHOWN, CLICK, LAYOUT] = [5_000, 10_000, 5_000, 60_000]
/** The most that a page may load at first, in bytes: files and answers, compressed. */
const LOADED = 300 * 1024

const needs = onServers('memory has no tables to fill')
const options = needs.skip ? needs : inBrowser

/** Fills a table with rows like that of a run; `change` is SQL for what is other in each, by its number `n`. */
function cloned(servers, table, runId, change) {
  return servers.pg.query(
    `INSERT INTO ${table} SELECT (jsonb_populate_record(NULL::${table}, to_jsonb(seed) || ${change})).*
     FROM ${table} AS seed, generate_series(1, ${RUNS}) AS n WHERE seed.run_id = $1`,
    [runId],
  )
}

/** A hundred thousand runs of five blueprints, of every status, of the last month. */
async function filled(servers, seed) {
  const id = "'run-' || lpad(n::text, 6, '0')"
  const { rows } = await servers.pg.query(`SELECT context_data FROM ${servers.contextTable} WHERE run_id = $1`, [seed])
  assert.equal(rows[0].context_data._flowcraft.blueprint.id, 'quick')
  await cloned(
    servers,
    servers.contextTable,
    seed,
    `jsonb_build_object('run_id', ${id}, 'context_data',
       jsonb_set(seed.context_data, '{_flowcraft,blueprint,id}', to_jsonb('flow-' || n % 5)))`,
  )
  await cloned(
    servers,
    servers.statusTable,
    seed,
    `jsonb_build_object('run_id', ${id}, 'updated_at', now() - n * interval '25 seconds', 'status',
       (ARRAY['completed', 'completed', 'completed', 'failed', 'awaiting', 'cancelled', 'running'])[1 + n % 7])`,
  )
  await servers.pg.query(`ANALYZE ${servers.contextTable}`)
  await servers.pg.query(`ANALYZE ${servers.statusTable}`)
}

/** A batch of 500 items, and 25 lines of 20 nodes. */
function thousand() {
  const flow = createFlow('thousand')
    .node('begin', async () => ({ output: Array.from({ length: 500 }, (_, at) => at) }))
    .batch('items', async ({ input }) => ({ output: input }), { inputKey: 'begin', outputKey: 'all' })
    .edge('begin', 'items_scatter')
  for (let line = 0; line < 25; line += 1) {
    for (let at = 0; at < 20; at += 1) {
      flow.node(`n${line}-${at}`, async () => ({ output: at }))
      flow.edge(at === 0 ? 'begin' : `n${line}-${at - 1}`, `n${line}-${at}`)
    }
  }
  return flow
}

/** How long something in the page takes, in milliseconds: until it has painted what it waits for. */
async function timed(page, act, shown) {
  const begun = performance.now()
  await act()
  await shown()
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))))
  return Math.round(performance.now() - begun)
}

/** When the page painted first, and what it has loaded. */
function loadedBy(page) {
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation')
    const resources = performance.getEntriesByType('resource')
    const [paint] = performance.getEntriesByName('first-contentful-paint')
    const bytes = [navigation, ...resources].reduce((sum, { transferSize }) => sum + transferSize, 0)
    return { paint: Math.round(paint?.startTime ?? 0), bytes }
  })
}

/** Says the figures, and holds each to its bound. */
function hold(t, figures) {
  for (const [name, [value, most, unit = 'ms']] of Object.entries(figures)) {
    t.diagnostic(`${name}: ${value.toLocaleString('en')} ${unit}`)
    assert.ok(value <= most, `${name}: ${value} ${unit}, more than ${most}`)
  }
}

describe('how fast the dashboard is', options, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  it('with 100,000 runs', { timeout: 600_000 }, async (t) => {
    const servers = await sharedServersFor(t)
    await servers.migrate()
    await servers.workerFor(t, quick)
    const client = clientFor(t, servers, quick)
    const { runId } = await client.start('quick', { runId: 'seed' })
    await until(async () => (await client.run(runId).describe()).status === 'completed')
    await filled(servers, runId)
    const url = await serve(t, { client })
    const cost = async (call) => {
      const begun = performance.now()
      assert.equal((await ask(`${url}/api/${call}`)).status, 200)
      return Math.round(performance.now() - begun)
    }
    const server = {
      'the server lists a page': [await cost('runs'), CLICK],
      'the server counts for the first time': [await cost('runs/counts'), CLICK],
      'the server counts again': [await cost('runs/counts'), 1_000],
      'the server says the throughput of a month': [await cost('runs/throughput?span=month'), CLICK],
    }
    const { page, wrong } = await pageFor(t, browser)
    const row = (id) => page.getByRole('link', { name: id, exact: true }).waitFor()
    const shown = await timed(
      page,
      () => page.goto(`${url}/#/runs`),
      () => row('seed'),
    )
    const { paint, bytes } = await loadedBy(page)
    const next = await timed(
      page,
      () => page.getByRole('link', { name: 'Next page' }).click(),
      () => row('run-099950'),
    )
    const chips = page.getByRole('group', { name: 'Status' })
    await chips.getByText('14,286').first().waitFor()
    const filter = await timed(
      page,
      () => chips.getByRole('button', { name: /failed/ }).click(),
      () => row('run-099998'),
    )
    const prefix = await timed(
      page,
      async () => {
        await page.getByLabel('Id begins with').fill('run-05000')
        await page.getByLabel('Id begins with').press('Enter')
      },
      () => row('run-050004'),
    )
    const overview = await timed(
      page,
      () => page.goto(`${url}/#/overview`),
      () => page.getByRole('heading', { name: 'By blueprint' }).waitFor(),
    )
    hold(t, {
      ...server,
      'first paint': [paint, PAINT],
      'the list is there': [shown, SHOWN],
      'the next page': [next, CLICK],
      'a filter by status': [filter, CLICK],
      'a filter by the beginning of ids': [prefix, CLICK],
      'the overview': [overview, SHOWN],
      'the list loads': [bytes, LOADED, 'bytes'],
    })
    assert.deepEqual(wrong, [])
  })

  it('with a run of 1,000 nodes', { timeout: 600_000 }, async (t) => {
    const servers = await sharedServersFor(t)
    const flow = thousand()
    await servers.workerFor(t, flow)
    const client = clientFor(t, servers, flow)
    const run = await client.start('thousand', { runId: 'thousand-1' })
    await until(async () => (await run.describe()).status === 'completed', { timeout: 300_000 })
    assert.ok((await run.describe()).nodes.length > 1_000)
    const url = await serve(t, { client })
    const { page, wrong } = await pageFor(t, browser)
    page.setDefaultTimeout(LAYOUT)
    const box = (title) => page.locator('.box', { has: page.getByText(title, { exact: true }) }).first()
    const asked = page.getByRole('button', { name: /^Draw \d+ nodes$/ })
    const shown = await timed(
      page,
      () => page.goto(`${url}/#/run?id=thousand-1`),
      () => asked.waitFor(),
    )
    const { paint, bytes } = await loadedBy(page)
    const drawn = await timed(
      page,
      () => asked.click(),
      () => box('begin').waitFor(),
    )
    await picture(page, 'thousand-folded')
    const chosen = await timed(
      page,
      () => box('begin').click(),
      () => page.getByRole('complementary', { name: 'Node begin' }).getByText('Took').waitFor(),
    )
    await page.getByRole('button', { name: 'Close the node' }).click()
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Fit View' }).click()
    const unfold = page.getByRole('button', { name: 'Unfold each item' })
    const unfolded = await timed(
      page,
      () => unfold.dispatchEvent('click'),
      () => page.getByRole('button', { name: 'Fold each item', exact: true }).waitFor(),
    )
    await picture(page, 'thousand-unfolded')
    const nodes = await timed(
      page,
      () => page.getByRole('link', { name: 'Nodes', exact: true }).click(),
      () => page.getByRole('button', { name: /Show more of 1,\d+ nodes/ }).waitFor(),
    )
    const timeline = await timed(
      page,
      () => page.getByRole('link', { name: 'Timeline', exact: true }).click(),
      () => page.getByRole('rowheader', { name: 'begin' }).waitFor(),
    )
    hold(t, {
      'first paint': [paint, PAINT],
      'the run is there': [shown, SHOWN],
      'its graph of about 500 boxes is drawn': [drawn, LAYOUT],
      'a node is chosen': [chosen, CLICK],
      'a batch is unfolded, to about 1,000 boxes': [unfolded, LAYOUT],
      'the table of nodes': [nodes, CLICK],
      'the timeline': [timeline, CLICK],
      'the run loads': [bytes, LOADED, 'bytes'],
    })
    assert.deepEqual(wrong, [])
  })
})
