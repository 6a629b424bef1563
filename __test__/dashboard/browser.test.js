// The dashboard as people use it, in a browser, over runs of a fleet in memory: every page at desktop and phone width, dark and
// light, without anything that axe or the browser's console complains of.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { serve } from './support/board.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture, SIZES, violationsOf } from './support/browser.js'

const MARKUP = '<img src=x onerror=alert(1)>'

/** A flow with all that a graph can have: branches, a batch, a loop, a subflow, a wait and a node that fails. */
function flows(world) {
  const address = createFlow('address')
    .node('parse', async () => ({ output: 'parsed' }))
    .node('verify', async () => ({ output: 'verified' }))
    .edge('parse', 'verify')
  const order = createFlow('order')
    .node('receive', async () => ({ output: [1, 2, 3, 4, 5] }))
    .node('charge', async () => {
      if (world.declined) throw new Error('The card was declined by the bank: insufficient funds (code 51)')
      return { output: { amount: 42.5, currency: 'EUR' } }
    })
    .batch('items', async ({ input }) => ({ output: input }), { inputKey: 'receive', outputKey: 'packed' })
    .wait('approval')
    .node('ship', async () => ({ output: 'shipped' }))
    .node('refund', async () => ({ output: 'refunded' }))
    .edge('receive', 'charge')
    .edge('receive', 'items_scatter')
    .edge('charge', 'approval')
    .edge('items_gather', 'approval')
    .edge('approval', 'ship', { action: 'approve' })
    .edge('approval', 'refund', { action: 'reject' })
  const blueprint = order.toBlueprint()
  const withSubflow = {
    ...blueprint,
    nodes: [...blueprint.nodes, { id: 'address', uses: 'subflow', params: { blueprintId: 'address' } }],
    edges: [...blueprint.edges, { source: 'receive', target: 'address' }, { source: 'address', target: 'approval' }],
  }
  return { address, order: { toBlueprint: () => withSubflow, getFunctionRegistry: () => order.getFunctionRegistry() } }
}

describe('the dashboard in a browser', inBrowser, () => {
  const world = { declined: false }
  const closing = []
  let browser
  let env
  let url
  before(async () => {
    browser = await openBrowser()
    env = await createTestEnvironment({ flows: flows(world), adapter: { blueprintTimeout: 0 } })
    await env.client.start('order', {
      runId: 'order-17',
      context: { customer: 'ada', total: 9_007_199_254_740_991, note: MARKUP },
    })
    await env.client.start('order', { runId: MARKUP })
    for (let at = 20; at < 45; at += 1) await env.client.start('order', { runId: `order-${at}` })
    await env.settle()
    world.declined = true
    for (let at = 50; at < 58; at += 1) await env.client.start('order', { runId: `order-${at}` })
    await env.settle()
    world.declined = false
    for (const at of [20, 21, 22, 23]) await env.client.run(`order-${at}`).resume({ action: 'approve' })
    await env.client.run('order-24').cancel('asked by the customer')
    const hourly = { blueprintId: 'address', startAt: Date.now() + 3_600_000, everyMs: 3_600_000 }
    await env.client.schedules.create({ id: 'hourly', ...hourly })
    await env.client.schedules.create({ id: 'moving', ...hourly, paused: true, note: 'the warehouse moves' })
    await env.client.schedules.create({
      id: 'nightly',
      blueprintId: 'address',
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
    })
    await env.adapter.enqueueJob({ runId: 'lost', blueprintId: 'gone', nodeId: 'charge' })
    await env.settle()
    url = await serve({ after: (close) => closing.push(close) }, { client: env.client })
  })
  after(async () => {
    for (const close of closing) close()
    await browser.close()
    await env.close()
  })

  const PAGES = {
    overview: { hash: '#/overview', shows: 'By blueprint' },
    runs: { hash: '#/runs', shows: 'order-57' },
    run: { hash: '#/run?id=order-17', shows: 'items_scatter' },
    'run-timeline': { hash: '#/run?id=order-17&tab=timeline', shows: 'items_scatter' },
    'run-nodes': { hash: '#/run?id=order-50&tab=nodes&node=charge', shows: 'insufficient funds' },
    'run-context': { hash: '#/run?id=order-17&tab=context', shows: 'customer' },
    compare: { hash: '#/compare?one=order-50&other=order-17', shows: 'keys differ' },
    approvals: { hash: '#/approvals', shows: 'reject' },
    schedules: { hash: '#/schedules', shows: 'the warehouse moves' },
    dead: { hash: '#/dead', shows: 'gone' },
  }

  for (const size of Object.keys(SIZES)) {
    it(`has nothing wrong on any page, light and dark, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size })
      await page.goto(`${url}/#/overview`)
      for (const [name, { hash, shows }] of Object.entries(PAGES)) {
        await page.evaluate((to) => {
          window.location.hash = to
        }, hash)
        await page.locator('main').getByText(shows, { exact: false }).first().waitFor()
        await picture(page, `${name}-${size}-light`)
        await page.emulateMedia({ colorScheme: 'dark' })
        await picture(page, `${name}-${size}-dark`)
        await page.emulateMedia({ colorScheme: 'light' })
        await assertInOrder(page, name)
      }
      assert.deepEqual(wrong, [])
    })
  }

  it('keeps filters in the address, and goes on by keys', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/runs`)
    await page
      .getByRole('button', { name: /failed/ })
      .first()
      .click()
    await page.waitForFunction(() => window.location.hash.includes('status=failed'))
    await page.getByText('order-57').waitFor()
    assert.equal(await page.getByText('order-24').count(), 0)
    await page.keyboard.press('/')
    await page.keyboard.type('order-5')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => window.location.hash.includes('prefix=order-5'))
    await page.reload()
    await page.getByText('order-57').waitFor()
    await page.locator('h1').click()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => window.location.hash.startsWith('#/run?id=order-5'))
    await page.keyboard.press('g')
    await page.keyboard.press('d')
    await page.getByRole('heading', { name: 'Dead letters' }).waitFor()
    await page.keyboard.press('Control+k')
    await page.keyboard.type('order-17')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'order-17' }).waitFor()
  })

  it('shows ids with markup as text, and numbers exactly', async (t) => {
    const { page, wrong } = await pageFor(t, browser)
    page.on('dialog', () => wrong.push('a dialog opened'))
    await page.goto(`${url}/#/run?id=${encodeURIComponent(MARKUP)}`)
    await page.getByRole('heading', { name: MARKUP }).waitFor()
    await page.getByRole('button', { name: 'Mermaid' }).click()
    await page.getByText('flowchart LR').waitFor()
    assert.equal(await page.locator('img[src="x"]').count(), 0)
    await page.goto(`${url}/#/run?id=order-17&tab=context`)
    await page.getByText(String(9_007_199_254_740_991)).waitFor()
    assert.deepEqual(wrong, [])
  })

  it('approves by a button, and follows what happens then', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/approvals`)
    const card = page.locator('li', { has: page.getByRole('link', { name: 'order-25', exact: true }) })
    await card.getByRole('button', { name: 'approve' }).click()
    await page.getByLabel('Output of the node, as JSON').fill('{"by":"ada"}')
    await page.getByRole('button', { name: 'Resume by approve' }).click()
    await page.getByText('approval goes on by approve').waitFor()
    await card.waitFor({ state: 'detached' })
    await page.goto(`${url}/#/run?id=order-25&tab=nodes`)
    await page.locator('.runHead').getByText('completed').waitFor()
    await page.getByRole('button', { name: 'ship' }).click()
    await page.getByRole('complementary', { name: 'Node ship' }).getByText('"shipped"').waitFor()
  })

  it('runs again from a node, and goes to the new run', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/run?id=order-50&tab=nodes&node=charge`)
    await page.getByRole('button', { name: 'Run again from here' }).click()
    assert.deepEqual(await violationsOf(page), [])
    await picture(page, 'rerun')
    await page.getByLabel('Keys of the context to change, as JSON').fill('{ "note": ')
    await page.getByRole('button', { name: 'Run again', exact: true }).click()
    await page.getByText('The context is no JSON').waitFor()
    await page.getByLabel('Keys of the context to change, as JSON').fill('{ "note": "corrected" }')
    await page.getByLabel('Id of the new run').fill('order-17')
    await page.getByRole('button', { name: 'Run again', exact: true }).click()
    await page.getByRole('alert').getByText('order-17').waitFor()
    await page.getByLabel('Id of the new run').fill('again-50')
    await page.getByRole('button', { name: 'Run again', exact: true }).click()
    await page.getByRole('heading', { name: 'again-50' }).waitFor()
    await page.locator('.runHead').getByText('awaiting').waitFor()
    await page.goto(`${url}/#/run?id=again-50&tab=context`)
    await page.getByText('corrected').waitFor()
    await picture(page, 'rerun-done')
    assert.deepEqual(await violationsOf(page), [])
    await page.locator('.runHead').getByRole('link', { name: 'order-50' }).click()
    await page.getByRole('heading', { name: 'order-50' }).waitFor()
    await page.locator('.runHead').getByText('failed').first().waitFor()
  })

  it('compares two runs, from the list and from the page of one', async (t) => {
    const { page, wrong } = await pageFor(t, browser)
    page.on('dialog', () => wrong.push('a dialog opened'))
    await page.goto(`${url}/#/runs?prefix=order-5`)
    await page.getByRole('checkbox', { name: 'Choose order-51' }).check()
    assert.equal(await page.getByRole('link', { name: 'Compare the two' }).count(), 0)
    await page.getByRole('checkbox', { name: 'Choose order-52' }).check()
    await page.getByRole('link', { name: 'Compare the two' }).click()
    await page.waitForFunction(() => window.location.hash === '#/compare?one=order-51&other=order-52')
    await page.getByRole('heading', { name: 'Nodes' }).waitFor()
    await page.goto(`${url}/#/run?id=order-51`)
    await page.getByRole('link', { name: 'Compare with …' }).click()
    await page.waitForFunction(() => window.location.hash.includes('one=order-50'))
    await page.getByLabel('Compared with it').fill('order-17')
    await page.getByLabel('Compared with it').press('Enter')
    const row = (name) => page.locator('.compared tbody tr', { has: page.getByRole('rowheader', { name }) })
    await row(/^charge/)
      .getByText('insufficient funds')
      .waitFor()
    assert.match(await row(/^charge/).textContent(), /differs/)
    await page.getByLabel('Only differences').focus()
    await page.keyboard.press('Space')
    await row(/^charge/).waitFor()
    await row(/^customer/)
      .getByText('added')
      .waitFor()
    await row(/^note/).getByText(MARKUP).waitFor()
    await page.goto(`${url}/#/compare?one=order-50&other=${encodeURIComponent(MARKUP)}`)
    await page.getByRole('link', { name: MARKUP }).first().waitFor()
    assert.equal(await page.locator('img[src="x"]').count(), 0)
    await page.goto(`${url}/#/compare?one=order-50&other=none`)
    await page.getByRole('alert').getByText('RUN_NOT_FOUND').waitFor()
    await page.goto(`${url}/#/compare?one=order-50&other=order-50`)
    await page.getByText('No node differs').waitFor()
    await row(/^receive/).waitFor()
    await page.getByLabel('Only differences').press('Space')
    await row(/^receive/).waitFor({ state: 'detached' })
    assert.deepEqual(
      wrong.filter((text) => !text.includes('404')),
      [],
    )
  })

  it('retries what failed, after a look at it', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/runs?status=failed`)
    await page.getByText('order-57').waitFor()
    await page.getByRole('button', { name: 'Retry …' }).click()
    await picture(page, 'bulk')
    assert.deepEqual(await violationsOf(page), [])
    await page.getByRole('button', { name: 'Retry 8 runs' }).click()
    await page.getByText('8 of 8 runs retried').waitFor()
    await page.getByRole('button', { name: 'Close', exact: true }).last().click()
    await page.getByText('No run matches').waitFor()
  })

  it('has schedules pause, go on and start a run', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/schedules`)
    const row = page.locator('tr', { has: page.getByText('nightly') })
    await row.getByText('30 2 * * * (Europe/Berlin)').waitFor()
    await page.getByRole('button', { name: 'Pause: nightly' }).click()
    await page.getByLabel('Why, for those who look later').fill('a holiday')
    assert.deepEqual(await violationsOf(page), [])
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await row.getByText('a holiday').waitFor()
    await row.getByText('paused').waitFor()
    await page.getByRole('button', { name: 'Start a run now: nightly' }).click()
    await page.getByRole('button', { name: 'Start a run now', exact: true }).click()
    await page.getByText(/nightly.* starts/).waitFor()
    await page.getByRole('button', { name: 'Go on: nightly' }).click()
    await page.getByRole('button', { name: 'Go on', exact: true }).click()
    await row.getByText('active').waitFor()
    await row.locator('a[data-open]').click()
    await page.locator('.runHead').getByText('completed').waitFor()
  })

  it('unfolds batches and subflows, and shows a node with its output', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/run?id=order-17`)
    await page.getByRole('button', { name: 'Unfold each item' }).click()
    await page.getByText('item 5').waitFor()
    await page.getByRole('button', { name: 'Unfold address' }).click()
    await page.locator('.box').getByText('verify').first().waitFor()
    await picture(page, 'unfolded')
    await page.locator('.box', { hasText: 'charge' }).click()
    await page.getByRole('complementary', { name: 'Node charge' }).getByText('42.5').waitFor()
  })

  it('has a timeline, which keys and screen readers can read', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/run?id=order-20&tab=timeline`)
    const row = (name) => page.locator('.timeline tbody tr', { has: page.getByRole('rowheader', { name }) })
    assert.match(await row(/^charge/).textContent(), /after the start; .*executed for \d+ ms/)
    assert.match(await row(/^approval/).textContent(), /awaited for/)
    assert.equal(await page.getByRole('rowheader', { name: 'verify' }).count(), 0)
    await page.getByRole('button', { name: 'Unfold address: 2 inside' }).press('Enter')
    await page.getByRole('rowheader', { name: 'verify' }).waitFor()
    await picture(page, 'timeline')
    assert.deepEqual(await violationsOf(page), [])
    await page.locator('h1').click()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    const panel = page.getByRole('complementary', { name: 'Node receive' })
    await panel.getByText('Worker').waitFor()
    await panel.getByText('In the queue').waitFor()
    assert.deepEqual(await violationsOf(page), [])
  })

  it('has a timeline of a thousand nodes at once', async (t) => {
    const items = Array.from({ length: 1_000 }, (_, at) => at)
    const wide = createFlow('wide').batch('items', async ({ input }) => ({ output: input }), {
      inputKey: 'items',
      outputKey: 'done',
    })
    const other = await createTestEnvironment({ flows: { wide } })
    t.after(() => other.close())
    await other.client.start('wide', { runId: 'wide', context: { items } })
    await other.settle()
    const { page, wrong } = await pageFor(t, browser)
    await page.goto(`${await serve(t, { client: other.client })}/#/run?id=wide&tab=timeline`)
    await page.getByRole('button', { name: /^Unfold .*: 1000 inside/ }).click()
    await page.getByRole('button', { name: /Show more of 1,00\d rows/ }).click()
    const took = await page.evaluate(async () => {
      const begun = performance.now()
      while (document.querySelectorAll('.timeline tbody tr').length < 1_000) {
        await new Promise((done) => setTimeout(done))
      }
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      return performance.now() - begun
    })
    assert.ok(took < 5_000, `${took} ms`)
    assert.deepEqual(wrong, [])
  })

  it('follows a run by a stream, holds none while it is hidden, and asks where streams do not come', async (t) => {
    const { page, wrong } = await pageFor(t, browser)
    await env.client.start('order', { runId: 'followed' })
    await env.settle()
    const asked = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    const count = (path) => asked.filter((each) => each === path).length
    await page.goto(`${url}/#/run?id=followed&tab=nodes`)
    await page.locator('.runHead').getByText('awaiting').waitFor()
    const hide = (isHidden) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, value: hidden })
        document.dispatchEvent(new Event('visibilitychange'))
      }, isHidden)
    await hide(true)
    await env.client.run('followed').cancel('no longer wanted')
    assert.equal(count('/api/live'), 1)
    await hide(false)
    await page.getByText('no longer wanted').waitFor()
    // The one of before was closed.
    assert.equal(count('/api/live'), 2)
    assert.equal(count('/api/run'), 0)
    assert.deepEqual(wrong, [])
    await page.route('**/api/live?*', (route) => route.fulfill({ status: 502, body: 'no streams here' }))
    await page.reload()
    await page.getByText('no longer wanted').waitFor()
    assert.ok(count('/api/run') > 0)
  })

  it('says what is down, keeps what it knew, and comes back', async (t) => {
    const { page } = await pageFor(t, browser)
    await page.goto(`${url}/#/runs`)
    await page.getByText('order-17').waitFor()
    await env.fail('postgres')
    await page.getByText('What is shown is what was known before').waitFor()
    const { page: other } = await pageFor(t, browser)
    await other.goto(`${url}/#/runs`)
    await other.getByText('A server does not answer').waitFor()
    await other.locator('.servers').getByText('RabbitMQ').waitFor()
    await picture(other, 'down')
    await env.restore('postgres')
    await other.getByText('order-17').waitFor()
  })

  it('has no button that the server would refuse', async (t) => {
    const readOnly = await serve(t, { client: env.client, readOnly: true })
    const { page } = await pageFor(t, browser)
    await page.goto(`${readOnly}/#/run?id=order-17&node=charge`)
    await page.getByText('items_scatter').waitFor()
    await page.getByRole('complementary', { name: 'Node charge' }).waitFor()
    assert.equal(await page.getByRole('button', { name: /Cancel|Pause|Send event|approve|Run again/ }).count(), 0)
    await page.goto(`${readOnly}/#/runs`)
    await page.getByText('order-17').waitFor()
    assert.equal(await page.getByRole('button', { name: /Cancel|Pause|Unpause|Retry|Delete/ }).count(), 0)
    await page.goto(`${readOnly}/#/schedules`)
    await page.getByText('nightly').waitFor()
    assert.equal(await page.getByRole('button', { name: /Pause|Start a run/ }).count(), 0)
  })
})
