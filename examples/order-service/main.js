// Starts the service: a worker, and HTTP before it. Without settings it runs on memory; start as many as you like on servers.
import { createServer } from 'node:http'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { api } from './api.js'
import { flows } from './flows.js'
import { standIns } from './systems.js'

const { AMQP_URL, DATABASE_URL, REDIS_URL, PORT = '8080' } = process.env
const { PUBLIC_URL = `http://localhost:${PORT}`, WEBHOOK_SECRET = 'a secret of sixteen or more' } = process.env

const adapter = new RabbitMqAdapter({
  amqpConnection: AMQP_URL ?? 'memory:',
  pgClient: DATABASE_URL ?? 'memory:',
  coordinationStore: new RedisCoordinationStore(REDIS_URL ?? 'memory:'),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'orders',
  retryMode: 'queue',
  webhook: { baseUrl: `${PUBLIC_URL}/hooks`, secret: WEBHOOK_SECRET },
  runtimeOptions: {
    blueprints: Object.fromEntries(Object.entries(flows).map(([id, flow]) => [id, flow.toBlueprint()])),
    registry: Object.fromEntries(Object.values(flows).flatMap((flow) => [...flow.getFunctionRegistry()])),
    dependencies: standIns(),
  },
})
adapter.start()

const server = createServer(api(adapter)).listen(PORT, () => console.log(`Orders at port ${server.address().port}`))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    adapter.stop()
  })
}
