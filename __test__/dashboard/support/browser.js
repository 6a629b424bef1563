// A browser, if this machine has one, and a page in it as somebody's.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import { chromium } from 'playwright-core'
import { findBrowser } from '../../../scripts/testing/browser.js'

const executablePath = findBrowser()

/** Options of a test that needs a browser. */
export const inBrowser = {
  skip: executablePath ? false : 'there is no Chromium: apt-get install chromium, or name one in FLOWCRAFT_CHROMIUM',
}

/** Nothing of the browser's own is to be looked up while tests run. */
const FLAGS = [
  // Another name of this machine: what comes from there is no secure context.
  '--host-resolver-rules=MAP dashboard.test 127.0.0.1',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function openBrowser() {
  const folder = await mkdtemp(join(tmpdir(), 'flowcraft-chromium-'))
  const browser = await chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, HOME: folder } })
  return {
    newContext: (options) => browser.newContext(options),
    close: async () => {
      await browser.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }

/** A page, which fails the test for what it writes to its console, or does not find. */
export async function pageFor(t, browser, { size = 'desktop', ...own } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: 'light',
    hasTouch: size === 'phone',
    reducedMotion: 'reduce',
    ...own,
  })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  const wrong = []
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
  })
  t.after(() => context.close())
  return { page, wrong }
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds wrong with a page. */
export async function violationsOf(page) {
  // Evaluated by the debugger: the page's own policy lets no script in.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(
    (runOnly) => globalThis.axe.run({ runOnly, resultTypes: ['violations'] }),
    { type: 'tag', values: RULES },
  )
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
}

/** Nothing of the page is wrong for axe, light and dark, or wider than the screen. */
export async function assertInOrder(page, name = 'the page') {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, colorScheme)
    assert.deepEqual(await violationsOf(page), [], `${name}, ${colorScheme}`)
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`)
}

/** A picture, where somebody wants to look: FLOWCRAFT_SCREENSHOTS names a folder. */
export async function picture(page, name) {
  const folder = process.env.FLOWCRAFT_SCREENSHOTS
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) })
}
