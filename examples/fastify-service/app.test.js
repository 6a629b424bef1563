import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { build } from './app.js'
import { order } from './flow.js'

async function service(t, name) {
  const charges = []
  const memory = `memory:${name}`
  const app = await build({
    amqpConnection: memory,
    pgClient: memory,
    coordinationStore: new RedisCoordinationStore(memory),
    contextTableName: 'contexts',
    statusTableName: 'statuses',
    webhook: { baseUrl: 'http://localhost/hooks', secret: 'a secret of sixteen or more' },
    runtimeOptions: {
      blueprints: { order: order.toBlueprint() },
      registry: Object.fromEntries(order.getFunctionRegistry()),
      dependencies: { bank: { charge: async (charge) => charges.push(charge) } },
      logger: new NullLogger(),
    },
  })
  t.after(() => app.close())
  const at = await app.listen({ port: 0 })
  const send = async (method, path, body) => {
    const headers = body && { 'content-type': 'application/json' }
    const response = await fetch(`${at}${path}`, { method, headers, body: body && JSON.stringify(body) })
    return { status: response.status, body: await response.text() }
  }
  return { app, send, charges }
}

test('an order goes through the service, with its webhook', async (t) => {
  const { app, send, charges } = await service(t, 'through')
  assert.equal((await send('POST', '/orders', { id: 'o-1', amount: 40 })).status, 201)
  for await (const { status } of app.runs.run('o-1').watch()) if (status === 'awaiting') break
  const [{ callback }] = charges
  const hook = await send('POST', new URL(callback).pathname, { payer: 'Ada' })
  assert.equal(hook.status, 202)
  const result = await send('GET', '/orders/o-1/result')
  assert.equal(JSON.parse(result.body)['_outputs.thank'], 'thanks, Ada')
  assert.equal(JSON.parse((await send('GET', '/orders/o-1')).body).status, 'completed')
})

test('what is refused is answered with a status that says so', async (t) => {
  const { send } = await service(t, 'refused')
  assert.equal((await send('POST', '/orders', { id: 'o-2' })).status, 400)
  assert.equal((await send('POST', '/orders', { id: 'o-2', amount: 1 })).status, 201)
  assert.equal((await send('POST', '/orders', { id: 'o-2', amount: 1 })).status, 409)
  assert.equal((await send('GET', '/orders/none')).status, 404)
  assert.equal((await send('POST', '/hooks/forged.signature', {})).status, 404)
})
