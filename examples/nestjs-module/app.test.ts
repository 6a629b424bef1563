import 'reflect-metadata'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { AppModule } from './app.module.js'
import { Bank } from './orders.js'

test('an order through the application, from its start to its shutdown', async (t) => {
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false })
  t.after(() => app.close())
  await app.listen(0, 'localhost')
  const at = await app.getUrl()
  const send = async (method: string, path: string, body?: object) => {
    const init = body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}
    const response = await fetch(`${at}${path}`, { method, ...init })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }

  const started = await send('POST', '/orders', { id: 'o-1', amount: 40 })
  assert.deepEqual(started, { status: 201, body: { id: 'o-1', outcome: 'new' } })
  const run = app.get(RabbitMqClient).run('o-1')
  for await (const { status } of run.watch()) if (status === 'awaiting') break
  assert.deepEqual(app.get(Bank).charges, [{ id: 'o-1', amount: 40 }])

  assert.deepEqual((await send('POST', '/orders/o-1/approve', { by: 'Ada' })).body, ['approval'])
  const { context } = await run.result({ timeoutMs: 10_000 })
  assert.equal((context as Record<string, unknown>)['_outputs.ship'], 'shipped')
  assert.equal((await send('GET', '/orders/o-1')).body.status, 'completed')
  assert.equal((await send('GET', '/orders/none')).status, 404)
})
