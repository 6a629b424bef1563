// Graphs that are large or go round, clicked in a browser: asked for above a bound, folded and unfolded.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { boardFor } from './support/board.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture, SIZES } from './support/browser.js'

/** A wait, and behind it so many nodes that were never reached. */
function wideFlow(count) {
  const flow = createFlow('wide').wait('gate')
  for (let at = 0; at < count; at += 1) flow.node(`leaf-${at}`, async () => ({ output: at })).edge('gate', `leaf-${at}`)
  return flow
}

/** `begin -> again -> work -> check -> again`, three times round, and then `end`. */
function rounds() {
  let count = 0
  const flow = createFlow('rounds')
    .node('begin', async ({ context }) => ({ output: await context.set('isOpen', true) }))
    .node('work', async () => ({ output: 'worked' }))
    .node('check', async ({ context }) => {
      count += 1
      await context.set('isOpen', count < 3)
      return { output: count }
    })
    .loop('again', { startNodeId: 'work', endNodeId: 'check', condition: 'isOpen' })
    .node('end', async () => ({ output: 'over' }))
    .edge('begin', 'again')
    .edge('work', 'check')
    .edge('again', 'end')
  return flow
}

describe('graphs in a browser', inBrowser, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  it('show a node that is clicked or chosen by keys, until it is closed', async (t) => {
    const { env, url } = await boardFor(t, { flows: { rounds: rounds() } })
    await env.client.start('rounds', { runId: 'rounds-1' })
    await env.settle()
    const { page, wrong } = await pageFor(t, browser)
    const node = (title) => page.locator('.react-flow__node', { has: page.getByText(title, { exact: true }) })
    const panel = page.getByRole('complementary')
    await page.goto(`${url}/#/run?id=rounds-1`)
    await node('check').click()
    await panel.getByRole('heading', { name: 'check' }).waitFor()
    await page.getByRole('button', { name: 'Close the node' }).click()
    await panel.waitFor({ state: 'detached' })
    // Another layout draws all boxes again.
    await page.getByRole('button', { name: 'Fold work', exact: true }).click()
    await node('work …').waitFor()
    assert.equal(await panel.count(), 0)
    await node('end').focus()
    await page.keyboard.press('Enter')
    await panel.getByRole('heading', { name: 'end' }).waitFor()
    await node('begin').focus()
    await page.keyboard.press('Enter')
    await panel.getByRole('heading', { name: 'begin' }).waitFor()
    await node('work …').click()
    await panel.waitFor({ state: 'detached' })
    assert.match(await page.evaluate(() => window.location.hash), /id=rounds-1$/)
    assert.deepEqual(wrong, [])
  })

  for (const size of Object.keys(SIZES)) {
    it(`draw more than 400 nodes when that is asked for, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows: { wide: wideFlow(419) } })
      await env.client.start('wide', { runId: 'wide-1' })
      await env.settle()
      const { page, wrong } = await pageFor(t, browser, { size })
      await page.goto(`${url}/#/run?id=wide-1`)
      await page.getByText('The graph has 420 nodes').waitFor()
      assert.equal(await page.locator('.box').count(), 0)
      await assertInOrder(page)
      await page.getByRole('button', { name: 'Draw 420 nodes' }).click()
      await page
        .locator('.box', { hasText: /^leaf-/ })
        .first()
        .waitFor()
      await picture(page, `wide-${size}`)
      await assertInOrder(page)
      assert.deepEqual(wrong, [])
    })

    it(`fold a loop into one box and unfold it, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows: { rounds: rounds() } })
      const run = await env.client.start('rounds', { runId: 'rounds-1' })
      await env.settle()
      assert.equal((await run.describe()).status, 'completed')
      const { page, wrong } = await pageFor(t, browser, { size })
      const box = (title) => page.locator('.box', { has: page.getByText(title, { exact: true }) })
      await page.goto(`${url}/#/run?id=rounds-1`)
      await box('work').getByText('×3').waitFor()
      await box('check').getByText('×3').waitFor()
      const fold = page.getByRole('button', { name: 'Fold work', exact: true })
      assert.equal(await fold.getAttribute('aria-expanded'), 'true')
      await fold.click()
      await box('work …').getByText('2 idle, 1 done').waitFor()
      assert.deepEqual([await box('work').count(), await box('check').count()], [0, 0])
      await box('end').waitFor()
      await picture(page, `folded-loop-${size}`)
      await assertInOrder(page)
      await page.getByRole('button', { name: 'Unfold work …' }).press('Enter')
      await box('check').waitFor()
      assert.equal(await box('work …').count(), 0)
      await box('check').click()
      await page.getByRole('complementary', { name: 'Node check' }).getByText('Execution', { exact: true }).waitFor()
      await assertInOrder(page)
      assert.deepEqual(wrong, [])
    })
  }
})
