// Starts the page, and a worker beside it, with one expense that waits.
import { createServer } from 'node:http'
import { PostgresContext, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { flows } from './flow.js'
import { page } from './page.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', PORT = '8080' } = process.env
const contextTableName = 'flowcraft_contexts'

const adapter = new RabbitMqAdapter({
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName,
  statusTableName: 'flowcraft_statuses',
  queueName: 'expenses',
  runtimeOptions: {
    blueprints: { expense: flows.expense.toBlueprint() },
    registry: Object.fromEntries(flows.expense.getFunctionRegistry()),
    dependencies: { payroll: { pay: async (payment) => console.log('paid', payment) } },
  },
})
adapter.start()
await adapter.client.start('expense', { context: { expense: { who: 'Grace', amount: 120, what: 'a train ticket' } } })

const contextOf = (runId) => new PostgresContext(runId, { client: DATABASE_URL, tableName: contextTableName })
const handler = page({ client: adapter.client, contextOf, userOf: () => 'Ada' })
const server = createServer(handler).listen(PORT, () => console.log(`http://localhost:${server.address().port}`))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    adapter.stop()
  })
}
