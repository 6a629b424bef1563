// Runs that go on, as people see them in a browser: their limits. Each test has a fleet in
// memory of its own, whose nodes end when the test says so.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { boardFor } from './support/board.js'
import { inBrowser, openBrowser, pageFor, picture, SIZES, violationsOf } from './support/browser.js'

/** `first -> second`: the first node ends when it is told to. */
function gated() {
  const gate = deferred()
  const flow = createFlow('order')
    .node('first', async () => {
      await gate.promise
      return { output: 'first' }
    })
    .node('second', async ({ input }) => ({ output: `${input}, second` }))
    .edge('first', 'second')
  return { flow, open: gate.resolve }
}

/** Nothing of the page is wrong for axe, or wider than the screen. */
async function assertInOrder(page) {
  assert.deepEqual(await violationsOf(page), [])
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0)
}

describe('runs that go on, in a browser', inBrowser, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  for (const size of Object.keys(SIZES)) {
    it(`say by when they fail and how many of their nodes are executed at a time, at ${size} width`, async (t) => {
      const { flow, open } = gated()
      const { env, url } = await boardFor(t, { flows: { order: flow } })
      const bounded = await env.client.start('order', { timeoutMs: 26 * 3_600_000, concurrency: 12 })
      const lone = await env.client.start('order', { concurrency: 1 })
      const free = await env.client.start('order')
      const { page, wrong } = await pageFor(t, browser, { size })
      const facts = page.locator('.runHead .facts')
      await page.goto(`${url}/#/run?id=${bounded.runId}`)
      await facts.getByText(/^fails if not over by \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(in 1d 1h\)$/).waitFor()
      await facts.getByText('at most 12 nodes at a time', { exact: true }).waitFor()
      const { deadline } = await bounded.describe()
      assert.equal(await facts.getByText('fails if').locator('time').getAttribute('datetime'), deadline.toISOString())
      await picture(page, `limits-${size}`)
      await assertInOrder(page)
      open()
      await facts.getByText('completed').waitFor()
      // It is over: it cannot fail any more.
      assert.doesNotMatch(await facts.textContent(), /fails if/)
      await page.goto(`${url}/#/run?id=${lone.runId}`)
      await facts.getByText('at most 1 node at a time', { exact: true }).waitFor()
      await page.goto(`${url}/#/run?id=${free.runId}`)
      await page.getByRole('heading', { name: free.runId }).waitFor()
      assert.doesNotMatch(await facts.textContent(), /fails if|at most/)
      assert.deepEqual(wrong, [])
    })
  }
})
