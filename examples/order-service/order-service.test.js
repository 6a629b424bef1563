// The service as its users meet it: over HTTP. On memory by default, with a clock that is moved; with SERVERS=1 on the real
// servers in AMQP_URL, DATABASE_URL and REDIS_URL, whose time passes by itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { api, counter } from './api.js'
import { flows, schedules } from './flows.js'
import { standIns } from './systems.js'

const { SERVERS, AMQP_URL: amqp, DATABASE_URL: database, REDIS_URL: redis } = process.env
const onServers = SERVERS === '1' && { servers: { amqp, database, redis } }
const REMIND_AFTER = onServers ? 5_000 : 24 * 3_600_000

/** The service, listening at a port of its own. */
async function service(t) {
  const systems = standIns()
  const events = counter()
  const server = createServer().listen(0)
  await once(server, 'listening')
  const at = `http://localhost:${server.address().port}`
  const env = await createTestEnvironment({
    flows,
    runtime: { dependencies: systems },
    adapter: {
      eventBus: events,
      webhook: { baseUrl: `${at}/hooks`, secret: 'a secret of sixteen or more' },
    },
    ...onServers,
  })
  server.on('request', api(env.adapter, { events, remindAfterMs: REMIND_AFTER }))
  t.after(() => env.close())
  t.after(() => server.close())
  const send = async (method, path, body) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${at}${path}`, { method, headers, body: body && JSON.stringify(body) })
    return { status: response.status, body: await response.json() }
  }
  const pay = async (id) => fetch(systems.requests.get(id).callback, { method: 'POST' })
  const untilReminded = (id) =>
    onServers ? env.client.run(`${id}:reminder`).result({ timeoutMs: 60_000 }) : env.clock.advance('1 day')
  const metrics = async () => (await fetch(`${at}/metrics`)).text()
  return { ...env, systems, metrics, send, pay, untilReminded }
}

test('a small order is shipped once it is paid', async (t) => {
  const { send, pay, expectRun, metrics } = await service(t)
  assert.deepEqual((await send('POST', '/orders', { id: 'o-1', amount: 40 })).body, { id: 'o-1', outcome: 'new' })
  assert.deepEqual((await send('POST', '/orders', { id: 'o-1', amount: 40 })).body, { id: 'o-1', outcome: 'existing' })
  await expectRun('o-1').toAwait('paid')
  assert.equal((await pay('o-1')).status, 202)
  const { body } = await send('GET', '/orders/o-1/result')
  assert.equal(body.context['_outputs.ship'], 'parcel-o-1')
  assert.match(await metrics(), /^orders_events_total\{type="job:processed"\} [1-9]\d*$/m)
})

test('a large one waits for a person, who is reminded after a day', async (t) => {
  const { send, pay, untilReminded, expectRun, systems } = await service(t)
  await send('POST', '/orders', { id: 'o-2', amount: 4_000 })
  await expectRun('o-2').toAwait('paid')
  await pay('o-2')
  await expectRun('o-2').toAwait('approval')
  await untilReminded('o-2')
  await expectRun('o-2:reminder').toHaveCompleted({ outputs: { remind: 'sent' } })
  assert.deepEqual(systems.mails, ['Order o-2 waits for your approval.'])
  assert.equal((await send('GET', '/orders?status=awaiting')).body.runs[0].runId, 'o-2')
  assert.deepEqual((await send('POST', '/orders/o-2/approve', { by: 'Ada' })).body, ['approval'])
  await expectRun('o-2').toHaveCompleted({ outputs: { approval: { by: 'Ada' }, ship: 'parcel-o-2' } })
})

test('a rejected one is refunded, and nobody is reminded', async (t) => {
  const { send, pay, untilReminded, expectRun, systems } = await service(t)
  await send('POST', '/orders', { id: 'o-3', amount: 4_000 })
  await expectRun('o-3').toAwait('paid')
  await pay('o-3')
  await expectRun('o-3').toAwait('approval')
  await send('POST', '/orders/o-3/reject', {})
  await expectRun('o-3').toHaveCompleted({ outputs: { refund: 'refund-o-3' } })
  await untilReminded('o-3')
  await expectRun('o-3:reminder').toHaveCompleted({ outputs: { remind: 'not needed' } })
  assert.deepEqual(systems.mails, [])
})

test('one that fails is tried again by hand, and its page says why', async (t) => {
  const { send, pay, expectRun, systems } = await service(t)
  systems.carrier.isClosed = true
  await send('POST', '/orders', { id: 'o-4', amount: 40 })
  await expectRun('o-4').toAwait('paid')
  await pay('o-4')
  await expectRun('o-4').toHaveFailed({ nodes: ['ship'], attempts: { ship: 3 } })
  const { status, nodes } = (await send('GET', '/orders/o-4')).body
  assert.equal(status, 'failed')
  assert.match(nodes.find(({ nodeId }) => nodeId === 'ship').error, /the carrier is closed/)
  assert.equal((await send('GET', '/orders/o-4/result')).status, 422)
  systems.carrier.isClosed = false
  assert.deepEqual((await send('POST', '/orders/o-4/retry')).body, ['ship'])
  await expectRun('o-4').toHaveCompleted({ outputs: { ship: 'parcel-o-4' } })
})

test('one that is cancelled stays so', async (t) => {
  const { send, expectRun } = await service(t)
  await send('POST', '/orders', { id: 'o-5', amount: 40 })
  await expectRun('o-5').toAwait('paid')
  assert.equal((await send('POST', '/orders/o-5/cancel')).body, true)
  await expectRun('o-5').toHaveBeenCancelled()
  assert.equal((await send('POST', '/orders/o-5/approve')).status, 409)
  assert.equal((await send('GET', '/orders/none')).status, 404)
  const counts = (await send('GET', '/counts')).body
  assert.equal(counts.find(({ blueprintId, status }) => blueprintId === 'order' && status === 'cancelled').count, 1)
})

test('what waits is told by mail every working day at eight, once', async (t) => {
  const { send, expectRun, client, clock, servers, systems } = await service(t)
  await migrate(servers)
  for (const schedule of schedules) await client.schedules.create(schedule)
  await send('POST', '/orders', { id: 'o-6', amount: 40 })
  await expectRun('o-6').toAwait('paid')
  if (onServers) await client.schedules.trigger('digest').then((run) => run.result({ timeoutMs: 60_000 }))
  else await clock.advance('1 week')
  const { recent } = await client.schedules.describe('digest')
  await expectRun(recent[0].runId).toHaveCompleted({ outputs: { tell: 'told' } })
  assert.deepEqual(systems.mails, Array(onServers ? 1 : 5).fill('Orders that wait: o-6.'))
})
