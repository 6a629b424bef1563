// Starts a worker, stops it, and then has nothing left to do.
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'
import { adapterFor, amqp, database, redis } from './common.js'

const settings = JSON.parse(process.env.SETTINGS)
if (settings.kind === 'urls') {
  const adapter = adapterFor(settings, 'stops', 1)
  adapter.start()
  await sleep(300)
  await adapter.stop()
} else {
  const amqpConnection = await amqplib.connect(amqp)
  const pgClient = new pg.Client(database)
  await pgClient.connect()
  const client = new Redis(redis)
  const adapter = adapterFor(settings, 'stops', 1, {
    amqpConnection,
    pgClient,
    coordinationStore: new RedisCoordinationStore(client),
  })
  adapter.start()
  await sleep(300)
  await adapter.stop()
  await amqpConnection.close()
  await pgClient.end()
  client.disconnect()
}
console.log('stopped')
