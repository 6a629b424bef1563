// Runs that go on, as people see them in a browser: their limits, what is paused, and how far a node is. Each test has a fleet in
// memory of its own, whose nodes end when the test says so.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { until } from '../fixtures/until.js'
import { boardFor } from './support/board.js'
import { assertInOrder, inBrowser, openBrowser, pageFor, picture, SIZES } from './support/browser.js'

const MARKUP = '<img src=x onerror=alert(1)>'

/** `first -> second`: `open` lets the first node end, and `executed` lists the nodes that have begun. */
function gated() {
  const gate = deferred()
  const executed = []
  const flow = createFlow('order')
    .node('first', async () => {
      executed.push('first')
      await gate.promise
      return { output: 'first' }
    })
    .node('second', async ({ input }) => {
      executed.push('second')
      return { output: `${input}, second` }
    })
    .edge('first', 'second')
  return { flow, executed, open: gate.resolve }
}

/** A node that the test steers: `say` has it report progress, `fail` has it throw, `end` has it return. */
function told() {
  const [orders, waiting] = [[], []]
  const give = (order) => (waiting.length > 0 ? waiting.shift().resolve(order) : orders.push(order))
  const next = () => {
    if (orders.length > 0) return orders.shift()
    const later = deferred()
    waiting.push(later)
    return later.promise
  }
  const flow = createFlow('import').node(
    'pages',
    async ({ dependencies: { job } }) => {
      for (;;) {
        const { progress, error, output } = await next()
        if (error !== undefined) throw new Error(error)
        if (output !== undefined) return { output }
        job.heartbeat(progress)
      }
    },
    { config: { maxRetries: 2, retryDelay: 600_000 } },
  )
  return {
    flow,
    say: (progress) => give({ progress }),
    fail: (error) => give({ error }),
    end: (output) => give({ output }),
  }
}

/** The page of a run: what its head says, and its node's panel. */
function runOn(page) {
  const head = page.locator('.runHead')
  const panel = page.getByRole('complementary', { name: 'Node pages' })
  const section = (name) => panel.locator('section', { has: page.getByRole('heading', { name }) })
  return { head, facts: head.locator('.facts'), panel, progress: section('Progress'), failed: section(/attempt/i) }
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
      const { facts } = runOn(page)
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

  for (const size of Object.keys(SIZES)) {
    it(`show what went into each attempt at a node, and what came out, at ${size} width`, async (t) => {
      let tries = 0
      const flow = createFlow('order')
        .node('price', () => ({ output: { amount: 42, note: MARKUP } }))
        .node(
          'pages',
          ({ input, dependencies: { job } }) => {
            tries += 1
            job.logger.info(`charging ${MARKUP}`, { amount: input.amount })
            if (tries === 1) throw new Error(`declined ${MARKUP}`)
            return { output: 'x'.repeat(9_000) }
          },
          { config: { maxRetries: 2 } },
        )
        .edge('price', 'pages')
      const { env, url } = await boardFor(t, { flows: { order: flow }, env: { adapter: { history: true } } })
      await migrate(env.servers)
      const run = await env.client.start('order', { runId: 'order-17' })
      await env.expectRun(run).toHaveCompleted()
      await until(async () => (await run.history()).attempts.length === 3)
      const { page, wrong } = await pageFor(t, browser, { size })
      const { panel } = runOn(page)
      await page.goto(`${url}/#/run?id=order-17&tab=nodes&node=pages`)
      const executions = panel.getByRole('region', { name: 'Executions' })
      await executions.getByRole('button', { name: 'Show executions' }).click()
      await executions.getByText('Execution 1, attempt 2: done').click()
      await executions.getByText('9.0 kB, more than is kept').waitFor()
      await executions.getByText('Execution 1: failed, and was tried again').click()
      await executions.locator('pre.error').getByText(`declined ${MARKUP}`).waitFor()
      assert.equal(await executions.getByText(`charging ${MARKUP}`).count(), 2)
      assert.equal(await executions.getByText(`"${MARKUP}"`).count(), 2, 'the input of both')
      await picture(page, `executions-${size}`)
      await assertInOrder(page)
      assert.deepEqual(wrong, [])
    })
  }

  it('stand still by a button, and go on where they were by another', async (t) => {
    const { flow, executed, open } = gated()
    const { env, url } = await boardFor(t, { flows: { order: flow } })
    const run = await env.client.start('order', { runId: 'order-17' })
    await env.untilExecuting('first')
    const { page, wrong } = await pageFor(t, browser)
    const { head, facts } = runOn(page)
    await page.goto(`${url}/#/run?id=order-17&tab=nodes`)
    await facts.getByText('running').waitFor()
    assert.equal(await head.getByRole('button', { name: 'Unpause …' }).count(), 0)
    await head.getByRole('button', { name: 'Pause …' }).click()
    await page.getByRole('dialog', { name: 'Pause: order-17' }).waitFor()
    await page.getByLabel('Why, for those who look later').fill(`disputed ${MARKUP}`)
    await picture(page, 'pause')
    await assertInOrder(page)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByText('order-17 is paused').waitFor()
    await head.getByText(`: disputed ${MARKUP}. No further node is executed until it is unpaused.`).waitFor()
    assert.equal((await run.describe()).paused.reason, `disputed ${MARKUP}`)
    assert.equal(await head.getByRole('button', { name: 'Pause …', exact: true }).count(), 0)
    open()
    await facts.getByText('1 of 2 reached nodes done').waitFor()
    await env.settle()
    assert.deepEqual(executed, ['first'])
    await picture(page, 'paused')
    await assertInOrder(page)
    await head.getByRole('button', { name: 'Unpause …' }).click()
    await page.getByRole('dialog', { name: 'Unpause: order-17' }).waitFor()
    await page.getByRole('button', { name: 'Unpause', exact: true }).click()
    await page.getByText('order-17 goes on').waitFor()
    await facts.getByText('completed').waitFor()
    assert.deepEqual(executed, ['first', 'second'])
    assert.doesNotMatch(await head.textContent(), /Paused|[Pp]ause …/)
    assert.deepEqual(wrong, [])
  })

  it('stand still many at a time: all of a blueprint, and go on by those that are chosen', async (t) => {
    const { flow, executed, open } = gated()
    const other = createFlow('other').wait('approval')
    const { env, url } = await boardFor(t, { flows: { order: flow, other } })
    const ids = ['order-1', 'order-2', 'order-3']
    for (const runId of ids) await env.client.start('order', { runId })
    await env.client.start('other', { runId: 'other-1' })
    for (const runId of ids) await env.untilExecuting('first', runId)
    const pausedRuns = async () => {
      const described = await Promise.all([...ids, 'other-1'].map((runId) => env.client.run(runId).describe()))
      return described.filter(({ paused }) => paused).map(({ runId }) => runId)
    }
    const { page, wrong } = await pageFor(t, browser)
    const dialog = page.getByRole('dialog')
    await page.goto(`${url}/#/runs?blueprint=order`)
    await page.getByText('order-3').waitFor()
    await page.getByRole('button', { name: 'Pause …', exact: true }).click()
    await dialog.getByText('order-2').waitFor()
    await picture(page, 'pause-many')
    await assertInOrder(page)
    await dialog.getByRole('button', { name: 'Pause 3 runs' }).click()
    await dialog.getByText('3 of 3 runs paused').waitFor()
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
    assert.deepEqual(await pausedRuns(), ids)
    open()
    await env.settle()
    assert.deepEqual(executed, ['first', 'first', 'first'])
    for (const runId of ['order-1', 'order-3']) await page.getByRole('checkbox', { name: `Choose ${runId}` }).check()
    await page.getByRole('button', { name: 'Unpause …' }).click()
    await dialog.getByRole('button', { name: 'Unpause 2 runs' }).click()
    await dialog.getByText('2 of 2 runs unpaused').waitFor()
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
    const row = (runId) => page.locator('tr', { has: page.getByText(runId, { exact: true }) })
    for (const runId of ['order-1', 'order-3']) await row(runId).getByText('completed').waitFor()
    await row('order-2').getByText('running').waitFor()
    assert.deepEqual(await pausedRuns(), ['order-2'])
    assert.deepEqual(executed.slice(3), ['second', 'second'])
    assert.deepEqual(wrong, [])
  })

  it('whose queue and blueprint are paused: the first page names both until they go on', async (t) => {
    const { flow } = gated()
    const { env, url } = await boardFor(t, { flows: { order: flow } })
    const { queueName: queue, pgClient, contextTableName, statusTableName } = env.servers
    // It makes the table of what is paused.
    await migrate({ pgClient, contextTableName, statusTableName })
    await env.client.pause({ queue, reason: `the provider is down ${MARKUP}` })
    await env.client.pause({ blueprintId: 'order' })
    const { page, wrong } = await pageFor(t, browser)
    await page.goto(`${url}/#/overview`)
    const warnings = page.getByRole('list', { name: 'What needs attention' })
    await warnings
      .getByText(/^The queue jobs is paused since .*: the provider is down <img .*--of-queue jobs/)
      .waitFor()
    await warnings.getByText(/^The blueprint order is paused since .*--blueprint order lets it go on/).waitFor()
    await picture(page, 'paused-queue')
    await assertInOrder(page)
    await env.client.unpause({ queue })
    await env.client.unpause({ blueprintId: 'order' })
    await page.getByText('nothing is stuck').waitFor()
    assert.deepEqual(wrong, [])
  })

  describe('show in the panel of a node', () => {
    /** A run whose node was told nothing yet, and its page. */
    async function openPanel(t) {
      const node = told()
      const { env, url } = await boardFor(t, {
        flows: { import: node.flow },
        env: { patience: 60_000, adapter: { retryMode: 'queue', retryMaxDelay: 600_000 } },
      })
      const run = await env.client.start('import', { runId: 'import-1' })
      await env.untilExecuting('pages')
      const { page, wrong } = await pageFor(t, browser)
      await page.goto(`${url}/#/run?id=import-1&tab=nodes&node=pages`)
      const shown = runOn(page)
      await shown.panel.waitFor()
      assert.equal(await shown.progress.count(), 0, 'it has said nothing yet')
      return { ...node, ...shown, env, run, page, wrong }
    }
    const fact = (panel, name) => panel.locator('.factList div').filter({ hasText: new RegExp(`^${name}(?! since)`) })

    it('how far it is, and after a failed attempt how far that was', async (t) => {
      const { say, fail, end, env, page, facts, panel, progress, failed, wrong } = await openPanel(t)
      const { id: worker } = await until(async () => (await env.client.workers())[0])
      say({ page: 3, note: MARKUP })
      await progress.getByText('3', { exact: true }).waitFor()
      await progress.getByText(MARKUP).waitFor()
      assert.match(await progress.textContent(), new RegExp(`(just now|ago) on ${worker}, attempt 1`))
      await picture(page, 'progress')
      await assertInOrder(page)
      say({ page: 7 })
      await progress.getByText('7', { exact: true }).waitFor()
      fail('the server of the pages is away')
      await failed.getByText('the server of the pages is away').waitFor()
      assert.equal(await fact(panel, 'Attempt').textContent(), 'Attempt2')
      assert.match(await fact(panel, 'Due').textContent(), /^Duein \d+m/)
      assert.match(await progress.textContent(), /attempt 1.*page7/)
      await picture(page, 'progress-waiting')
      await assertInOrder(page)
      const advanced = env.clock.advance('10 minutes')
      say({ page: 8 })
      await progress.getByText('8', { exact: true }).waitFor()
      assert.match(await progress.textContent(), /attempt 2/)
      end('imported')
      await advanced
      await facts.getByText('completed').waitFor()
      await panel.getByText('"imported"').waitFor()
      assert.equal(await progress.count(), 0)
      assert.deepEqual(wrong, [])
    })

    it('no progress once it has failed, and that of the retry alone', async (t) => {
      const { say, fail, end, env, page, head, facts, panel, progress, failed, wrong } = await openPanel(t)
      say({ page: 3 })
      await progress.getByText('3', { exact: true }).waitFor()
      fail('the first failure')
      await failed.getByText('the first failure').waitFor()
      const advanced = env.clock.advance('10 minutes')
      say({ page: 4 })
      await progress.getByText('4', { exact: true }).waitFor()
      fail('the second failure')
      await advanced
      await facts.getByText('failed').waitFor()
      await panel.getByRole('heading', { name: 'Attempts that failed' }).waitFor()
      assert.equal(await progress.count(), 0)
      await picture(page, 'progress-failed')
      await assertInOrder(page)
      await head.getByRole('button', { name: 'Retry …' }).click()
      await page.getByRole('button', { name: 'Retry', exact: true }).click()
      await facts.getByText('running').waitFor()
      await env.untilExecuting('pages')
      say({ page: 1 })
      await progress.getByText('1', { exact: true }).waitFor()
      assert.match(await progress.textContent(), /attempt 1.*page1$/)
      end('imported')
      await facts.getByText('completed').waitFor()
      assert.equal(await progress.count(), 0)
      assert.deepEqual(wrong, [])
    })
  })
})
