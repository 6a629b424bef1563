import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { flows, NIGHTLY } from './flow.js'
import { mail, shop } from './shop.js'

async function environment(t, dependencies) {
  const env = await createTestEnvironment({ flows, runtime: { dependencies } })
  t.after(() => env.close())
  return env
}

/** From now until a minute after a moment. */
const until = (moment) => moment.getTime() - Date.now() + 60_000

test('five nights have five reports, each sent once', async (t) => {
  const post = mail()
  const env = await environment(t, { shop: shop(), mail: post })
  const { next } = await env.client.schedules.create(NIGHTLY)
  await env.clock.advance(until(next[4]))
  const { counts } = await env.client.schedules.describe(NIGHTLY.id)
  assert.equal(counts.started, 5)
  assert.equal(post.sent.size, 5)
  assert.deepEqual([...post.sent.values()][0], { to: 'sales@example.com', count: 3, total: 50 })
  const { runs } = await env.client.list({ tags: ['report:sales'], status: 'completed' })
  assert.equal(runs.length, 5)
})

test('a shop that cannot be reached for a moment delays a report, and loses none', async (t) => {
  const post = mail()
  const { sales } = shop()
  let tries = 0
  const shaky = {
    sales: async () => {
      tries += 1
      if (tries === 1) throw new Error('the shop is closed')
      return sales()
    },
  }
  const env = await environment(t, { shop: shaky, mail: post })
  const { next } = await env.client.schedules.create(NIGHTLY)
  await env.clock.advance(until(next[0]))
  assert.equal(post.sent.size, 1)
  assert.equal(tries, 2)
})
