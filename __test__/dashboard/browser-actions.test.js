// What people do to runs and dead letters, clicked in a browser: to one and to many. Each test has a fleet in memory of its own.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { boardFor, orders } from './support/board.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture, SIZES } from './support/browser.js'

const approved = createFlow('approved')
  .wait('approval')
  .node('ship', async ({ input }) => ({ output: input ?? 'shipped' }))
  .edge('approval', 'ship')
const paid = createFlow('paid')
  .wait('payment', { params: { eventName: 'paid' } })
  .node('ship', async ({ input }) => ({ output: input }))
  .edge('payment', 'ship')
const flows = { approved, paid }

/** Ids of runs: `order-001`, `order-002`, … */
const named = (count) => Array.from({ length: count }, (_, at) => `order-${String(at + 1).padStart(3, '0')}`)

/** The dialog that is open, and the button in it that says this and no more. */
function dialogOf(page) {
  const dialog = page.getByRole('dialog')
  return { dialog, press: (name) => dialog.getByRole('button', { name, exact: true }).last().click() }
}

async function statusesOf(client) {
  const { runs } = await client.list({ limit: 1_000 })
  return Object.fromEntries(runs.map(({ runId, status }) => [runId, status]))
}

/** Holds the requests of a call: `release` lets those through that have come, and those that will. */
async function held(page, call, { after: free }) {
  const [gate, came] = [deferred(), deferred()]
  let count = 0
  await page.route(`**/api/${call}`, async (route) => {
    count += 1
    if (count > free) {
      came.resolve()
      await gate.promise
    }
    await route.continue()
  })
  return { came: came.promise, release: gate.resolve, count: () => count }
}

describe('what is done to runs, in a browser', inBrowser, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  for (const size of Object.keys(SIZES)) {
    it(`cancels one, says why, and deletes it, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows })
      await env.client.start('approved', { runId: 'order-1' })
      await env.settle()
      const { page, wrong } = await pageFor(t, browser, { size })
      const { dialog, press } = dialogOf(page)
      const head = page.locator('.runHead')
      await page.goto(`${url}/#/run?id=order-1`)
      await head.getByRole('button', { name: 'Cancel …' }).click()
      await dialog.getByText('It cannot be undone').waitFor()
      await assertInOrder(page)
      await press('Leave it')
      assert.equal((await env.client.run('order-1').describe()).status, 'awaiting', 'it was left')
      await head.getByRole('button', { name: 'Cancel …' }).click()
      await page.getByLabel('Why, for those who look later').fill('the customer asked for it')
      await press('Cancel')
      await page.getByText('order-1 is cancelled').waitFor()
      await head.getByText('the customer asked for it').waitFor()
      assert.equal((await env.client.run('order-1').describe()).reason, 'the customer asked for it')
      await head.getByRole('button', { name: 'Delete …' }).click()
      await dialog.getByText('Both rows').waitFor()
      await assertInOrder(page)
      await press('Delete')
      await page.getByText('order-1 is deleted').waitFor()
      await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor()
      await page.getByText('No run matches').waitFor()
      await assert.rejects(env.client.run('order-1').describe(), { code: 'RUN_NOT_FOUND' })
      assert.deepEqual(wrong, [])
    })

    it(`sends it an event with a payload, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows })
      const run = await env.client.start('paid', { runId: 'order-1' })
      await env.settle()
      const { page, wrong } = await pageFor(t, browser, { size })
      const { dialog, press } = dialogOf(page)
      await page.goto(`${url}/#/run?id=order-1`)
      await page.locator('.runHead').getByRole('button', { name: 'Send event …' }).click()
      assert.equal(await dialog.getByLabel('Name of the event').inputValue(), 'paid', 'it waits for that one')
      await assertInOrder(page)
      await dialog.getByLabel('Payload, as JSON').fill('{ amount: 1 }')
      await press('Send event')
      await dialog.getByRole('alert').getByText('The payload is no JSON').waitFor()
      await dialog.getByLabel('Name of the event').fill(' ')
      assert.equal(await dialog.getByRole('button', { name: 'Send event', exact: true }).isDisabled(), true)
      await dialog.getByLabel('Name of the event').fill('paid')
      await dialog.getByLabel('Payload, as JSON').fill('{ "amount": 42 }')
      await press('Send event')
      await page.getByText('order-1 has the event').waitFor()
      await page.locator('.runHead').getByText('completed').waitFor()
      assert.deepEqual(
        (await run.describe()).nodes.map(({ state }) => state),
        ['done', 'done'],
      )
      assert.deepEqual((await run.result()).context['_outputs.ship'], { amount: 42 })
      assert.deepEqual(wrong, [])
    })
  }

  it('cancels many, is stopped half-way, and goes on with the rest', async (t) => {
    const { env, url } = await boardFor(t, { flows })
    for (const runId of named(120)) await env.client.start('approved', { runId })
    await env.client.start('paid', { runId: 'other' })
    await env.settle()
    const { page, wrong } = await pageFor(t, browser)
    const { dialog, press } = dialogOf(page)
    const { came, release, count } = await held(page, 'runs/cancel', { after: 1 })
    await page.goto(`${url}/#/runs?blueprint=approved`)
    await page.getByText('order-120').waitFor()
    await page.getByRole('button', { name: 'Cancel …' }).click()
    await dialog.getByText('and 112 others').waitFor()
    await press('Cancel 120 runs')
    await came
    await dialog.getByText('50 of 120 runs cancelled').waitFor()
    await picture(page, 'bulk-under-way')
    await press('Stop')
    release()
    await dialog.getByRole('button', { name: 'Go on with 20' }).waitFor()
    await dialog.getByText('100 of 120 runs cancelled').waitFor()
    await assertInOrder(page)
    assert.equal(count(), 2, 'it asks for nothing more once it is stopped')
    const left = Object.entries(await statusesOf(env.client)).filter(([, status]) => status === 'awaiting')
    assert.equal(left.length, 21)
    // One of the rest ends meanwhile, by other hands.
    const meanwhile = left.find(([runId]) => runId !== 'other')[0]
    await env.client.run(meanwhile).resume()
    await env.settle()
    await press('Go on with 20')
    await dialog.getByText('119 of 120 runs cancelled, 1 refused').waitFor()
    await dialog.locator('.preview').getByText(meanwhile).waitFor()
    await press('Close')
    assert.equal(await dialog.count(), 0)
    const { [meanwhile]: resumed, other, ...statuses } = await statusesOf(env.client)
    assert.deepEqual([resumed, other], ['completed', 'awaiting'])
    assert.deepEqual([...new Set(Object.values(statuses))], ['cancelled'])
    assert.deepEqual(wrong, [])
  })

  for (const size of Object.keys(SIZES)) {
    it(`resumes many by an action, and tells many of an event, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows: { ...flows, order: orders() } })
      for (const runId of named(12)) await env.client.start('order', { runId })
      for (const runId of ['paid-1', 'paid-2']) await env.client.start('paid', { runId })
      await env.settle()
      const { page, wrong } = await pageFor(t, browser, { size })
      const { dialog, press } = dialogOf(page)
      await page.goto(`${url}/#/runs?blueprint=order`)
      await page.getByText('order-012').waitFor()
      await page.getByRole('button', { name: 'Resume …' }).click()
      await dialog.getByText('and 4 others').waitFor()
      await assertInOrder(page)
      await dialog.getByLabel('Action, which decides their edges').fill('approve')
      await dialog.getByLabel('Output of the nodes, as JSON').fill('{ by: ada }')
      await press('Resume 12 runs')
      await dialog.getByRole('alert').getByText('The output is no JSON').waitFor()
      await dialog.getByLabel('Output of the nodes, as JSON').fill('{ "by": "ada" }')
      await press('Resume 12 runs')
      await dialog.getByText('12 of 12 runs resumed').waitFor()
      await press('Close')
      await env.settle()
      for (const runId of named(12)) await env.expectRun(runId).toHaveCompleted({ outputs: { ship: { by: 'ada' } } })

      await page.goto(`${url}/#/runs?blueprint=paid`)
      await page.getByText('paid-2').waitFor()
      await page.getByRole('button', { name: 'Send event …' }).click()
      await dialog.getByText('paid-1').waitFor()
      const send = dialog.getByRole('button', { name: 'Send event 2 runs' })
      assert.equal(await send.isDisabled(), true)
      await dialog.getByLabel('Name of the event').fill('paid')
      await dialog.getByLabel('Payload, as JSON').fill('{ "amount": 7 }')
      await assertInOrder(page)
      await send.click()
      await dialog.getByText('2 of 2 runs told').waitFor()
      await press('Close')
      await env.settle()
      for (const runId of ['paid-1', 'paid-2']) {
        await env.expectRun(runId).toHaveCompleted({ outputs: { ship: { amount: 7 } } })
      }
      assert.deepEqual(wrong, [])
    })
  }

  it('deletes those that are chosen, and leaves the others', async (t) => {
    const { env, url } = await boardFor(t, { flows })
    for (const runId of named(4)) await (await env.client.start('approved', { runId })).cancel()
    await env.settle()
    const { page, wrong } = await pageFor(t, browser, { size: 'phone' })
    const { dialog, press } = dialogOf(page)
    await page.goto(`${url}/#/runs`)
    for (const runId of ['order-002', 'order-003']) {
      await page.getByRole('checkbox', { name: `Choose ${runId}` }).check()
    }
    await page.getByRole('button', { name: 'Delete …' }).click()
    await dialog.getByText('Rows and journal are removed').waitFor()
    await assertInOrder(page)
    await press('Delete 2 runs')
    await dialog.getByText('2 of 2 runs deleted').waitFor()
    await press('Close')
    await page.getByText('order-003').waitFor({ state: 'detached' })
    assert.deepEqual(Object.keys(await statusesOf(env.client)).sort(), ['order-001', 'order-004'])
    await page.getByText('2 runs chosen').waitFor({ state: 'detached' })
    assert.deepEqual(wrong, [])
  })
})

describe('what is done to dead letters, in a browser', inBrowser, () => {
  let browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser.close())

  for (const size of Object.keys(SIZES)) {
    it(`looks at one, replays it and deletes others, at ${size} width`, async (t) => {
      const { env, url } = await boardFor(t, { flows, env: { adapter: { blueprintTimeout: 0 } } })
      for (const runId of ['lost-1', 'lost-2', 'lost-3']) {
        await env.adapter.enqueueJob({ runId, blueprintId: 'gone', nodeId: 'charge' })
      }
      await env.settle()
      const before = await env.adapter.listDeadLetters()
      assert.equal(before.length, 3)
      const { page, wrong } = await pageFor(t, browser, { size })
      const { dialog, press } = dialogOf(page)
      const card = (runId) => page.locator('li.letter', { has: page.getByRole('link', { name: runId, exact: true }) })
      await page.goto(`${url}/#/dead`)
      await card('lost-1').getByRole('button', { name: 'Body' }).click()
      await card('lost-1').getByRole('region', { name: 'Body' }).getByText('"nodeId":"charge"').waitFor()
      await assertInOrder(page)
      await card('lost-1').getByRole('button', { name: 'Delete …' }).click()
      await dialog.getByText('It cannot be undone').waitFor()
      await assertInOrder(page)
      await press('Delete 1 dead letter')
      await page.getByText('1 dead letter deleted').waitFor()
      await card('lost-1').waitFor({ state: 'detached' })
      await page.getByLabel('Search reasons, runs, nodes').fill('lost-3')
      await card('lost-2').waitFor({ state: 'detached' })
      await card('lost-3').getByRole('checkbox').check()
      await page.getByText('1 letter chosen').waitFor()
      await page.locator('.bulk').getByRole('button', { name: 'Replay …' }).click()
      await dialog.getByText('Mend first what the reason names').waitFor()
      await press('Replay 1 dead letter')
      await page.getByText('1 dead letter put back').waitFor()
      await env.settle()
      // Its blueprint is as unknown as before: it comes back, as another letter.
      const now = await env.adapter.listDeadLetters()
      assert.deepEqual(now.map(({ job }) => job.runId).sort(), ['lost-2', 'lost-3'])
      const idOf = (letters, runId) => letters.find(({ job }) => job.runId === runId).id
      assert.equal(idOf(now, 'lost-2'), idOf(before, 'lost-2'))
      await page.getByLabel('Search reasons, runs, nodes').fill('')
      await page.getByRole('button', { name: 'Look again' }).click()
      await card('lost-3').waitFor()
      await page.locator('.bulk').getByText('All that are shown').waitFor()
      await page.locator('.bulk').getByRole('button', { name: 'Delete …' }).click()
      await press('Delete 2 dead letters')
      await page.getByText('There is no dead letter').waitFor()
      assert.deepEqual(await env.adapter.listDeadLetters(), [])
      assert.deepEqual(wrong, [])
    })
  }
})
