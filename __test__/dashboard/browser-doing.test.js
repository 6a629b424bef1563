// What people do by the buttons of the dashboard, in a browser: approve, run again, retry, have schedules pause.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inBrowser, pageFor, picture, violationsOf } from './support/browser.js'
import { openScene } from './support/browser-scene.js'

describe('what is done in a browser', inBrowser, () => {
  let scene
  let browser
  let url
  before(async () => {
    scene = await openScene()
    ;({ browser, url } = scene)
  })
  after(() => scene?.close())

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
})
