// What people do to find and read, clicked in a browser: views, copies, keys, the theme, large values, spans of time.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { orders, quick, serve } from './support/board.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture, SIZES } from './support/browser.js'

const TOKEN = 'a-token-of-this-test'

describe('finding and reading in a browser', inBrowser, () => {
  const world = {}
  const closing = []
  let browser
  let env
  let url
  before(async () => {
    browser = await openBrowser()
    const large = createFlow('large').node('fill', async () => ({ output: 'filled' }))
    env = await createTestEnvironment({ flows: { order: orders(world), quick, large } })
    for (const runId of ['quick-1', 'quick-2', 'quick-3']) await env.client.start('quick', { runId })
    for (const runId of ['order-1', 'order-2']) await env.client.start('order', { runId })
    await env.client.start('large', {
      runId: 'large-1',
      context: {
        list: Array.from({ length: 250 }, (_, at) => ({ number: at, words: 'w'.repeat(40) })),
        story: 'once upon a time '.repeat(20_000),
      },
    })
    await env.settle()
    await env.client.run('order-1').resume({ action: 'approve' })
    world.declined = true
    await env.client.start('order', { runId: 'order-3' })
    await env.settle()
    url = await serve({ after: (close) => closing.push(close) }, { client: env.client })
  })
  after(async () => {
    for (const close of closing) close()
    await browser.close()
    await env.close()
  })

  for (const size of Object.keys(SIZES)) {
    it(`keeps filters as a view, goes to it, and forgets it, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size })
      page.once('dialog', (dialog) => dialog.accept(' What failed '))
      await page.goto(`${url}/#/runs`)
      assert.equal(await page.getByRole('button', { name: 'Save view' }).count(), 0, 'there is no filter to keep')
      await page.goto(`${url}/#/runs?status=failed&blueprint=order`)
      await page.getByText('order-3').waitFor()
      await page.getByRole('button', { name: 'Save view' }).click()
      const views = page.getByLabel('Saved views')
      await views.waitFor()
      await assertInOrder(page)
      await page.getByRole('link', { name: 'Reset' }).click()
      await page.getByText('quick-1').waitFor()
      await page.reload()
      await page.getByText('quick-1').waitFor()
      await views.selectOption('What failed')
      await page.waitForFunction(() => window.location.hash === '#/runs?status=failed&blueprint=order')
      await page.getByText('quick-1').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Forget view' }).click()
      await views.waitFor({ state: 'detached' })
      await page.reload()
      await page.getByRole('button', { name: 'Save view' }).waitFor()
      assert.equal(await views.count(), 0)
      assert.deepEqual(wrong, [])
    })

    it(`turns dark and light by a button, and stays so, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size })
      const theme = () => page.evaluate(() => document.documentElement.dataset.theme)
      await page.goto(`${url}/#/runs`)
      await page.getByText('order-1').waitFor()
      assert.equal(await theme(), 'light')
      await page.getByRole('button', { name: 'Dark or light' }).click()
      assert.equal(await theme(), 'dark')
      await page.reload()
      await page.getByText('order-1').waitFor()
      assert.equal(await theme(), 'dark')
      await page.getByRole('button', { name: 'Find' }).click()
      await page.keyboard.type('dark or')
      await page.keyboard.press('Enter')
      assert.equal(await theme(), 'light')
      // Who chose is not led by the system any more.
      await page.emulateMedia({ colorScheme: 'dark' })
      assert.equal(await theme(), 'light')
      assert.deepEqual(wrong, [])
    })

    it(`opens a large value piece by piece, and copies it whole, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size, permissions: ['clipboard-read', 'clipboard-write'] })
      const asked = []
      page.on('request', (request) => {
        const { pathname, searchParams } = new URL(request.url())
        if (pathname === '/api/run/context') asked.push(`${searchParams.get('path')} ${searchParams.get('from')}`)
      })
      await page.goto(`${url}/#/run?id=large-1&tab=context`)
      await page.getByText('340.0 kB').waitFor()
      await page.getByRole('button', { name: /^list/ }).click()
      await page.getByRole('button', { name: 'More, from 100' }).click()
      await page.getByRole('button', { name: 'More, from 200' }).click()
      await page.getByRole('button', { name: /^249/ }).click()
      await page.getByText('number249').first().waitFor()
      await picture(page, `large-value-${size}`)
      await assertInOrder(page)
      assert.deepEqual(asked.slice(1), ['["list"] 0', '["list"] 100', '["list"] 200'])
      await page.getByRole('button', { name: 'Load story to copy it' }).click()
      await page.getByText('Loaded story: copy it now').waitFor()
      await page.getByRole('button', { name: 'Copy story' }).click()
      await page.getByText('Copied story').waitFor()
      const copied = await page.evaluate(() => navigator.clipboard.readText())
      assert.equal(JSON.parse(copied), 'once upon a time '.repeat(20_000))
      assert.deepEqual(wrong, [])
    })

    it(`shows another span of time, and one blueprint of all, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size })
      await page.goto(`${url}/#/overview`)
      const said = (words) => page.getByRole('img', { name: words }).waitFor()
      await said(/^Last hour: 5 completed, 1 failed, 0 cancelled/)
      for (const [span, title] of [
        ['day', 'Last day'],
        ['week', 'Last week'],
        ['month', 'Last 30 days'],
      ]) {
        await page.getByLabel('Time').selectOption(span)
        await said(new RegExp(`^${title}: 5 completed, 1 failed`))
      }
      await page.getByLabel('Blueprint', { exact: true }).selectOption('quick')
      await said(/^Last 30 days: 3 completed, 0 failed, 0 cancelled/)
      assert.match(await page.locator('.legend').textContent(), /completed 3/)
      await page.getByLabel('Time').selectOption('hour')
      await said(/^Last hour: 3 completed, 0 failed/)
      await assertInOrder(page)
      await page.getByLabel('Blueprint', { exact: true }).selectOption('')
      await said(/^Last hour: 5 completed, 1 failed/)
      await page.getByLabel('By', { exact: true }).selectOption('queue')
      await said(/^Last hour: 5 completed, 1 failed/)
      await assertInOrder(page)
      assert.deepEqual(wrong, [])
    })

    it(`shows limits, those that jobs wait for first, at ${size} width`, async (t) => {
      const { page, wrong } = await pageFor(t, browser, { size })
      const rate = { used: 60, count: 60, perMs: 60_000 }
      const limits = [
        { key: 'free', inUse: 3, concurrency: 4, waiting: 0 },
        { key: 'tenant:42', inUse: 2, rate, waiting: 1_234, pausedUntil: new Date(Date.now() + 90_000).toISOString() },
      ]
      await page.route('**/api/limits', (route) => route.fulfill({ json: { limits } }))
      await page.goto(`${url}/#/overview`)
      const rows = page.getByRole('region', { name: 'Limits by key' }).locator('tbody tr')
      await rows.nth(1).waitFor()
      const texts = await rows.allTextContents()
      assert.match(texts[0], /^tenant:42260 of 60 in 1m1,234/)
      assert.match(texts[1], /^free3 of 4–0–$/)
      await assertInOrder(page)
      assert.deepEqual(wrong, [])
    })
  }

  it('copies by the browser, and where that lets nobody in by the hand of old', async (t) => {
    const open = await serve(t, { client: env.client, token: TOKEN })
    const insecure = open.replace('127.0.0.1', 'dashboard.test')
    const { page, wrong } = await pageFor(t, browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.goto(`${url}/#/run?id=order-1`)
    await page.getByRole('button', { name: 'Copy the id of the run' }).click()
    await page.getByText('Copied the id of the run').waitFor()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'order-1')

    await page.goto(`${insecure}/?token=${TOKEN}`)
    await page.goto(`${insecure}/#/run?id=order-2&tab=nodes`)
    assert.deepEqual(await page.evaluate(() => [isSecureContext, typeof navigator.clipboard]), [false, 'undefined'])
    const search = page.getByLabel('Node', { exact: true })
    const pasted = async () => {
      await search.fill('')
      await search.press('Control+V')
      return search.inputValue()
    }
    await page.getByRole('button', { name: 'Copy the id of the run' }).click()
    await page.getByText('Copied the id of the run').waitFor()
    assert.equal(await pasted(), 'order-2')
    assert.equal(await page.locator('textarea').count(), 0)
    // In an open dialog, what stands outside of it cannot be selected.
    await page.getByRole('link', { name: 'Graph', exact: true }).click()
    await page.getByRole('button', { name: 'Mermaid' }).click()
    await page.getByRole('button', { name: 'Copy the graph' }).click()
    await page.getByText('Copied the graph').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Nodes', exact: true }).click()
    assert.match(await pasted(), /^flowchart LR/)
    // The browser says of such a page that a header of ours is of no use there.
    assert.deepEqual(
      wrong.filter((text) => !text.includes('Cross-Origin-Opener-Policy')),
      [],
    )
  })

  it('goes through rows by keys, chooses some, and says which keys there are', async (t) => {
    const { page, wrong } = await pageFor(t, browser)
    await page.goto(`${url}/#/runs?blueprint=quick&order=asc`)
    await page.getByText('quick-3').waitFor()
    const focused = () => page.evaluate(() => document.activeElement.textContent)
    const chosen = () =>
      page
        .locator('tr[data-chosen=true]')
        .evaluateAll((rows) => rows.map((row) => row.querySelector('[data-open]').textContent))
    await page.locator('h1').click()
    for (const key of ['j', 'j', 'j']) await page.keyboard.press(key)
    assert.equal(await focused(), 'quick-3')
    await page.keyboard.press('j')
    assert.equal(await focused(), 'quick-3', 'there is no further row')
    await page.keyboard.press('x')
    await page.keyboard.press('k')
    assert.equal(await focused(), 'quick-2')
    await page.keyboard.press('k')
    await page.keyboard.press('x')
    assert.deepEqual(await chosen(), ['quick-1', 'quick-3'])
    await page.keyboard.press('x')
    assert.deepEqual(await chosen(), ['quick-3'])
    // A box that was clicked is no field to write in.
    await page.getByRole('checkbox', { name: 'Choose quick-1' }).click()
    await page.keyboard.press('j')
    assert.equal(await focused(), 'quick-2')
    await page.keyboard.press('?')
    const help = page.getByRole('dialog', { name: 'Keys' })
    await help.getByText('choose the row').waitFor()
    await assertInOrder(page)
    await page.keyboard.press('x')
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    assert.deepEqual(await chosen(), ['quick-1', 'quick-3'], 'keys mean nothing behind a dialog')
    await page.keyboard.press('/')
    await page.keyboard.type('x?k')
    assert.equal(await page.getByLabel('Id begins with').inputValue(), 'x?k')
    assert.equal(await page.getByRole('dialog').count(), 0)
    assert.deepEqual(wrong, [])
  })
})
