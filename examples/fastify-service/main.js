// Starts the service. Without settings it runs on memory.
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { build } from './app.js'
import { order } from './flow.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', PORT = '8080' } = process.env
const { PUBLIC_URL = `http://localhost:${PORT}`, WEBHOOK_SECRET = 'a secret of sixteen or more' } = process.env

const app = await build({
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'orders',
  webhook: { baseUrl: `${PUBLIC_URL}/hooks`, secret: WEBHOOK_SECRET },
  runtimeOptions: {
    blueprints: { order: order.toBlueprint() },
    registry: Object.fromEntries(order.getFunctionRegistry()),
    dependencies: { bank: { charge: async (charge) => console.log('charged', charge) } },
  },
})
await app.listen({ port: Number(PORT) })
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
