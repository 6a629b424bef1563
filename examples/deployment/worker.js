// A worker as it is deployed: settings from its environment, probes over HTTP, and an end in order at SIGTERM.
import { createServer } from 'node:http'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { order } from './flow.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', PROBE_PORT = '9000' } = process.env

let mendable = true
const worker = new RabbitMqAdapter({
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'orders',
  concurrency: Number(process.env.CONCURRENCY ?? 50),
  runtimeOptions: {
    blueprints: { order: order.toBlueprint() },
    registry: Object.fromEntries(order.getFunctionRegistry()),
  },
  onError: () => {
    mendable = false
  },
})
worker.start()

// Live: the event loop turns, and nothing is wrong that only a restart mends. An outage of a server is no reason for one.
// Ready: the record can be read. A worker takes no requests, so this only tells a roll-out whether to go on.
const probes = {
  '/live': async () => mendable,
  '/ready': async () => Boolean(await worker.client.list({ limit: 1 })),
}
const server = createServer(async ({ url }, response) => {
  const isWell = await probes[url]?.().catch(() => false)
  response.writeHead(isWell === undefined ? 404 : isWell ? 200 : 503).end()
}).listen(PROBE_PORT, () => console.log(`Probes at port ${server.address().port}`))

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await worker.stop()
    server.close()
  })
}
