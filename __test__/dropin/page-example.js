import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { FlowRuntime } from 'flowcraft'
import Redis from 'ioredis'
import { Client as PgClient } from 'pg'
async function main() {
// 1. Define your workflow blueprints and registry
const blueprints = { /* your workflow blueprints */ }
const registry = { /* your node implementations */ }
// 2. Initialize service clients
const amqpConnection = await amqplib.connect('amqp://localhost')
const pgClient = new PgClient({ connectionString: 'postgresql://user:pass@host:5432/db' })
await pgClient.connect()
const redisClient = new Redis('YOUR_REDIS_CONNECTION_STRING')
// 3. Create a runtime configuration
const runtime = new FlowRuntime({ blueprints, registry })
// 4. Set up the coordination store
const coordinationStore = new RedisCoordinationStore(redisClient)
// 5. Initialize the adapter
const adapter = new RabbitMqAdapter({
runtimeOptions: runtime.options,
coordinationStore,
amqpConnection,
pgClient,
contextTableName: 'flowcraft_contexts',
statusTableName: 'flowcraft_statuses',
queueName: 'flowcraft-jobs', // Optional
})
// 6. Start the worker to begin consuming jobs
adapter.start()
console.log('Flowcraft worker with RabbitMQ adapter is running...')
}
main().catch(console.error)
