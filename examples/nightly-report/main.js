// A worker, and the schedule. Here the report does not wait for the night: it is asked for at once, as `trigger` does it.
import { createRabbitMqClient, migrate, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { flows, NIGHTLY } from './flow.js'
import { mail, shop } from './shop.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:' } = process.env
const tables = { contextTableName: 'flowcraft_contexts', statusTableName: 'flowcraft_statuses' }
const servers = {
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  queueName: 'reports',
  ...tables,
}
// Schedules stand in a table of their own, which `migrate` makes once.
await migrate({ pgClient: DATABASE_URL, ...tables })

const worker = new RabbitMqAdapter({
  ...servers,
  runtimeOptions: {
    blueprints: { report: flows.report.toBlueprint() },
    registry: Object.fromEntries(flows.report.getFunctionRegistry()),
    dependencies: { shop: shop(), mail: mail() },
  },
})
worker.start()

const client = createRabbitMqClient({ ...servers, blueprints: flows })
const { next } = await client.schedules.create(NIGHTLY)
console.log('Due next at', next[0].toISOString())
const run = await client.schedules.trigger(NIGHTLY.id)
const { context } = await run.result({ timeoutMs: 30_000 })
console.log('A report for now:', context['_outputs.send'])

await worker.stop()
await client.close()
