// The overview: what runs by blueprint, and which schedules are due next.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { blueprintFacts } from '../../dist/dashboard/fleet.js'
import { serve } from './support/board.js'
import { inBrowser, openBrowser, pageFor, violationsOf } from './support/browser.js'

describe('what runs by blueprint', () => {
  it('is counted over all of its queues, with the oldest change of any', () => {
    const waiting = [
      { queue: 'jobs', blueprint: 'order', runs: 2, age: 1_000.4 },
      { queue: 'video', blueprint: 'order', runs: 3, age: 90_000 },
      { queue: 'jobs', blueprint: 'mail', runs: 1, age: 5 },
      { queue: 'jobs', blueprint: null, runs: 9, age: 1 },
    ]
    assert.deepEqual(blueprintFacts(waiting), [
      { blueprint: 'order', running: 5, oldest: 90_000 },
      { blueprint: 'mail', running: 1, oldest: 5 },
    ])
    assert.deepEqual(blueprintFacts([]), [])
  })
})

describe('the overview in a browser', inBrowser, () => {
  it('shows the schedules that are due next, the soonest first, and those that pause', async (t) => {
    const browser = await openBrowser()
    t.after(() => browser.close())
    const flows = { report: createFlow('report').node('write', () => ({ output: 1 })) }
    const env = await createTestEnvironment({ flows })
    t.after(() => env.close())
    const { schedules } = env.client
    const inHours = (hours) => ({
      blueprintId: 'report',
      startAt: Date.now() + hours * 3_600_000,
      everyMs: 86_400_000,
    })
    for (const hours of [9, 2, 7, 3, 8, 1]) await schedules.create({ id: `in-${hours}`, ...inHours(hours) })
    await schedules.create({ id: 'moving', ...inHours(4), paused: true })
    const url = await serve(t, { client: env.client })
    const { page, wrong } = await pageFor(t, browser)
    await page.goto(`${url}/#/overview`)
    const table = page.getByRole('region', { name: 'Schedules that are due next' }).locator('tbody tr')
    await table.first().waitFor()
    const rows = await table.allInnerTexts()
    assert.deepEqual(
      rows.map((row) => row.split(/\s/)[0]),
      ['in-1', 'in-2', 'in-3', 'in-7', 'in-8', 'moving'],
    )
    assert.match(rows.at(-1), /paused/i)
    assert.equal(await page.getByRole('link', { name: 'All 7 schedules' }).count(), 1)
    assert.deepEqual([await violationsOf(page), wrong], [[], []])
  })
})
