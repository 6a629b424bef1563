// The dashboard as people see it, in a browser, over runs of a fleet in memory: every page at desktop and phone width, dark and
// light, without anything that axe or the browser's console complains of.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serve } from './support/board.js'
import { assertInOrder, inBrowser, pageFor, picture, SIZES } from './support/browser.js'
import { MARKUP, openScene } from './support/browser-scene.js'

describe('the dashboard in a browser', inBrowser, () => {
  let scene
  let browser
  let env
  let url
  before(async () => {
    scene = await openScene()
    ;({ browser, env, url } = scene)
  })
  after(() => scene?.close())

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
        await page.locator('main').getByText(shows, { exact: false }).locator('visible=true').first().waitFor()
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
