// The route handlers are functions of a Request: they need no server and no Next.js to be tested.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import * as order from './app/api/orders/[id]/route.js'
import * as orders from './app/api/orders/route.js'
import { flows } from './flows.js'

const at = 'http://localhost/api/orders'
const post = (url, body) => new Request(url, { method: 'POST', body: JSON.stringify(body) })
const of = (id) => ({ params: Promise.resolve({ id }) })

test('an order through the route handlers', async (t) => {
  const dependencies = { bank: { charge: async ({ key }) => `payment-${key}` } }
  const env = await createTestEnvironment({ flows, runtime: { dependencies } })
  t.after(() => env.close())
  globalThis.flowcraftClient = env.client

  const started = await orders.POST(post(at, { id: 'o-1', amount: 40 }))
  assert.deepEqual([started.status, await started.json()], [201, { id: 'o-1' }])
  assert.equal((await orders.POST(post(at, { id: 'o-1' }))).status, 409)

  await env.expectRun('o-1').toAwait('approval')
  const { runs } = await (await orders.GET(new Request(`${at}?status=awaiting`))).json()
  assert.deepEqual(
    runs.map(({ runId }) => runId),
    ['o-1'],
  )
  assert.equal((await (await order.GET(new Request(`${at}/o-1`), of('o-1'))).json()).status, 'awaiting')

  const approved = await order.POST(post(`${at}/o-1`, { by: 'Ada' }), of('o-1'))
  assert.deepEqual(await approved.json(), ['approval'])
  await env.expectRun('o-1').toHaveCompleted({ outputs: { charge: 'payment-o-1', ship: 'parcel-o-1' } })
  assert.equal((await order.GET(new Request(`${at}/none`), of('none'))).status, 404)
})
