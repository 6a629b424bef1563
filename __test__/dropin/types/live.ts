// Compiled, not run: the same project passing live objects, as the original's users do.
import {
  createRabbitMqReconciler,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { FlowRuntime } from 'flowcraft'
import { Redis } from 'ioredis'
import { Client, Pool } from 'pg'

const pgClient = new Client({ connectionString: 'postgres://localhost' })
const pool = new Pool()
const runtime = new FlowRuntime({ blueprints: {}, registry: {} })

export const adapter = new RabbitMqAdapter({
  runtimeOptions: runtime.options,
  coordinationStore: new RedisCoordinationStore(new Redis('redis://localhost')),
  amqpConnection: await amqplib.connect('amqp://localhost'),
  pgClient,
  contextTableName: 'contexts',
  statusTableName: 'statuses',
})
export const context = new PostgresContext('run', { client: pool, tableName: 'contexts' })
export const reconciler = createRabbitMqReconciler({
  adapter,
  pgClient: pool,
  statusTableName: 'statuses',
  stalledThresholdSeconds: 300,
})
