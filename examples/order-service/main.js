// Starts the service: a worker, and HTTP before it. Without settings it runs on memory; start as many as you like on servers.
import { createServer } from 'node:http'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { api, counter } from './api.js'
import { flows } from './flows.js'
import { standIns } from './systems.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', PORT = '8080' } = process.env
const { PUBLIC_URL = `http://localhost:${PORT}`, WEBHOOK_SECRET = 'a secret of sixteen or more' } = process.env

const events = counter()
const adapter = new RabbitMqAdapter({
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'orders',
  retryMode: 'queue',
  eventBus: events,
  webhook: { baseUrl: `${PUBLIC_URL}/hooks`, secret: WEBHOOK_SECRET },
  runtimeOptions: {
    blueprints: Object.fromEntries(Object.entries(flows).map(([id, flow]) => [id, flow.toBlueprint()])),
    registry: Object.fromEntries(Object.values(flows).flatMap((flow) => [...flow.getFunctionRegistry()])),
    dependencies: standIns(),
  },
})
adapter.start()

const server = createServer(api(adapter, { events })).listen(PORT, () =>
  console.log(`Orders at port ${server.address().port}`),
)
const stop = () => Promise.all([server.close(), adapter.stop()])
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
