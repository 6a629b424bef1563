// Starts the service: a worker, and HTTP before it. Without settings it runs on memory; start as many as you like on servers.
import { createServer } from 'node:http'
import { migrate, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { api, counter } from './api.js'
import { flows, schedules } from './flows.js'
import { standIns } from './systems.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', PORT = '8080' } = process.env
const { PUBLIC_URL = `http://localhost:${PORT}`, WEBHOOK_SECRET = 'a secret of sixteen or more' } = process.env

const events = counter()
const tables = { contextTableName: 'flowcraft_contexts', statusTableName: 'flowcraft_statuses', pgClient: DATABASE_URL }
const adapter = new RabbitMqAdapter({
  amqpConnection: AMQP_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  ...tables,
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
await migrate(tables)
for (const schedule of schedules) await adapter.client.schedules.create({ ...schedule, onConflict: 'update' })

const server = createServer(api(adapter, { events })).listen(PORT, () =>
  console.log(`Orders at port ${server.address().port}`),
)
const stop = () => Promise.all([server.close(), adapter.stop()])
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
