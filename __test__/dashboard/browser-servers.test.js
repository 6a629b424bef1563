// The dashboard as its command serves it, in a browser and on real servers: real runs, every page once, and an action.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { flows } from '../cli/programs/flows.js'
import { cliOf, FLOWS } from '../cli/support/cli.js'
import { clientFor } from '../client/support/clients.js'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture } from './support/browser.js'

const needs = onServers('a process has no part in the memory of this one')
const options = needs.skip ? needs : inBrowser

/** Fails always. */
const broken = createFlow('broken').node('pay', async () => {
  throw new Error('The card was declined')
})

describe('the dashboard that the command serves, in a browser', options, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  it('shows real runs on every page, lets one in by its token, and acts', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.migrate()
    await servers.workerFor(t, [flows.order, flows.single, broken])
    const client = clientFor(t, servers, [flows.order, flows.single, broken])
    const run = await client.start('order', { runId: 'order-1', context: { amount: 42 }, tags: ['customer:ada'] })
    await client.start('single', { runId: 'single-1' })
    await client.start('broken', { runId: 'broken-1' })
    await client.schedules.create({
      id: 'hourly',
      blueprintId: 'single',
      startAt: Date.now() + 3_600_000,
      everyMs: 3_600_000,
    })
    const statusOf = async (id) => (await client.run(id).describe()).status
    await until(async () => (await statusOf('order-1')) === 'awaiting' && (await statusOf('broken-1')) === 'failed')

    const ui = cliOf(servers).start(['ui', '--port', '0', '--token', 'a-token-of-this-test', '--blueprints', FLOWS])
    t.after(() => ui.child.kill('SIGKILL'))
    await until(() => ui.printed.stdout.includes('\n') || ui.child.exitCode !== null)
    const url = new URL(ui.printed.stdout.trim())
    const { page, wrong } = await pageFor(t, browser)
    const main = page.locator('main')
    await page.goto(url.href)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    assert.equal(new URL(page.url()).search, '', 'the address has no token any more')
    await page.getByRole('img', { name: /^Last hour: 1 completed, 1 failed/ }).waitFor()
    await main.getByText(servers.queue, { exact: true }).first().waitFor()
    for (const [hash, shows] of [
      ['#/runs', 'single-1'],
      ['#/runs?tags=customer:ada', 'order-1'],
      ['#/run?id=order-1', 'approval'],
      ['#/run?id=order-1&tab=timeline', 'charge'],
      ['#/run?id=order-1&tab=nodes', 'charge'],
      ['#/run?id=order-1&tab=context', 'amount'],
      ['#/run?id=order-1&tab=activity', 'since you opened this page'],
      ['#/run?id=broken-1&tab=nodes&node=pay', 'The card was declined'],
      ['#/compare?one=order-1&other=single-1', 'keys differ'],
      ['#/approvals', 'order-1'],
      ['#/schedules', 'hourly'],
      ['#/dead', 'There is no dead letter'],
    ]) {
      await page.goto(new URL(hash, url.origin).href)
      await main.getByText(shows).first().waitFor()
      await picture(page, `servers-${hash.replace(/\W+/g, '-')}`)
      await assertInOrder(page, hash)
    }

    await page.goto(new URL('#/approvals', url.origin).href)
    await page.getByRole('button', { name: 'Resume …' }).click()
    await page.getByLabel('Output of the node, as JSON').fill('{"by":"ada"}')
    await page.getByRole('button', { name: 'Resume', exact: true }).click()
    await page.getByText('approval goes on').waitFor()
    await page.goto(new URL('#/run?id=order-1', url.origin).href)
    await page.locator('.runHead').getByText('completed').waitFor()
    assert.equal((await run.result()).status, 'completed')
    assert.deepEqual(wrong, [])
    assert.match(ui.printed.stderr, /\[Dashboard\] somebody: run\/resume .*order-1.* done/)

    ui.child.kill('SIGTERM')
    assert.equal((await ui.done).code, 0)
  })
})
