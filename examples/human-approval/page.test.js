import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { flows } from './flow.js'
import { page } from './page.js'

async function opened(t) {
  const paid = []
  const payroll = { pay: async (payment) => paid.push(payment) }
  const env = await createTestEnvironment({ flows, runtime: { dependencies: { payroll } } })
  const { pgClient: client, contextTableName: tableName } = env.servers
  const contextOf = (runId) => new PostgresContext(runId, { client, tableName })
  const server = createServer(page({ client: env.client, contextOf, userOf: () => 'Ada' })).listen(0)
  await once(server, 'listening')
  t.after(() => env.close())
  t.after(() => server.close())
  const at = `http://localhost:${server.address().port}`
  const ask = async (runId, expense) => {
    await env.client.start('expense', { runId, context: { expense } })
    await env.expectRun(runId).toAwait('review')
  }
  const decide = (fields) =>
    fetch(`${at}/decide`, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' })
  const html = async () => (await fetch(at)).text()
  return { ...env, ask, decide, html, paid }
}

test('the page shows what waits, and the button lets it go on', async (t) => {
  const { ask, decide, html, expectRun, paid } = await opened(t)
  await ask('e-1', { who: 'Grace', amount: 120, what: 'a train ticket' })
  assert.match(await html(), /<strong>Grace<\/strong> asks for 120: a train ticket/)
  assert.equal((await decide({ runId: 'e-1', action: 'approve', why: '' })).status, 303)
  await expectRun('e-1').toHaveCompleted({ outputs: { pay: 'paid 120 to Grace' } })
  assert.deepEqual(paid, [{ who: 'Grace', amount: 120, approvedBy: 'Ada' }])
  assert.match(await html(), /Nothing waits/)
})

test('who was refused hears why', async (t) => {
  const { ask, decide, expectRun, paid } = await opened(t)
  await ask('e-2', { who: 'Alan', amount: 9_000, what: 'a machine' })
  await decide({ runId: 'e-2', action: 'reject', why: 'we have one' })
  await expectRun('e-2').toHaveCompleted({ outputs: { tell: 'told Alan: we have one' } })
  assert.deepEqual(paid, [])
})

test('of two decisions the first one counts', async (t) => {
  const { ask, decide, expectRun, paid } = await opened(t)
  await ask('e-3', { who: 'Grace', amount: 7, what: 'ink' })
  const answers = await Promise.all(['approve', 'reject'].map((action) => decide({ runId: 'e-3', action, why: '' })))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 409])
  await expectRun('e-3').toHaveCompleted()
  assert.ok(paid.length <= 1)
})

test('what people write stays text', async (t) => {
  const { ask, html } = await opened(t)
  await ask('e-4', { who: '<script>alert(1)</script>', amount: 1, what: '"><img src=x>' })
  const shown = await html()
  assert.doesNotMatch(shown, /<script|<img/)
  assert.match(shown, /&lt;script&gt;/)
})
