// Reads 200 documents with two workers, and shows how far it is.
import { createRabbitMqClient, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { archive } from './archive.js'
import { flows } from './flow.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:' } = process.env
const servers = {
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  contextTableName: 'flowcraft_contexts',
  statusTableName: 'flowcraft_statuses',
  queueName: 'documents',
}
const runtimeOptions = {
  blueprints: { documents: flows.documents.toBlueprint() },
  registry: Object.fromEntries(flows.documents.getFunctionRegistry()),
  dependencies: { archive: archive(200) },
}
const workers = [1, 2].map(() => new RabbitMqAdapter({ ...servers, runtimeOptions, concurrency: 20 }))
for (const worker of workers) worker.start()

const client = createRabbitMqClient({ ...servers, blueprints: flows })
const run = await client.start('documents', { context: { folder: 'inbox' } })
for await (const { status, nodes } of run.watch()) {
  console.log(status, `${nodes.filter(({ state }) => state === 'done').length} nodes done`)
}
console.log('The index is in', (await run.result()).context['_outputs.index'])
await Promise.all(workers.map((worker) => worker.stop()))
await client.close()
