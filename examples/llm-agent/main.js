// Asks the agent a question: `npm start -- '1 + 2 + 3'`. MODEL_URL is your model; without it, the stand-in answers.
import { once } from 'node:events'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { UnsafeEvaluator } from 'flowcraft'
import { flows } from './flow.js'
import { modelAt } from './model.js'
import { serializer } from './serializer.js'
import { standIn } from './stand-in.js'
import { tools } from './tools.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:', MODEL_URL } = process.env
const { server } = standIn()
if (!MODEL_URL) await once(server.listen(0), 'listening')

const adapter = new RabbitMqAdapter({
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'agents',
  retryMode: 'queue',
  runtimeOptions: {
    blueprints: { agent: flows.agent.toBlueprint() },
    registry: Object.fromEntries(flows.agent.getFunctionRegistry()),
    dependencies: { model: modelAt(MODEL_URL ?? `http://localhost:${server.address().port}`), tools },
    serializer,
    // The condition of the loop is code of ours.
    evaluator: new UnsafeEvaluator(),
  },
})
adapter.start()
const run = await adapter.client.start('agent', { context: { question: process.argv[2] ?? '1 + 2 + 3' } })
const { context } = await run.result({ timeoutMs: 120_000 })
console.log(context['_outputs.answer'])
await adapter.stop()
server.close()
