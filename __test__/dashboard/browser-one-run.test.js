// The page of one run, in a browser: its graph, its timeline, beside another run, and as it changes.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { serve } from './support/board.js'
import { inBrowser, pageFor, picture, violationsOf } from './support/browser.js'
import { MARKUP, openScene } from './support/browser-scene.js'

describe('the page of a run in a browser', inBrowser, () => {
  let scene
  let browser
  let env
  let url
  before(async () => {
    scene = await openScene()
    ;({ browser, env, url } = scene)
  })
  after(() => scene?.close())

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
})
