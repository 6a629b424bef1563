// A worker. Start as many as you like, on any machine that reaches the three servers:
//   AMQP_URL=... DATABASE_URL=... REDIS_URL=... node worker.js

import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { logger } from './logger.js'
import { services } from './services.js'
import { settingsFrom } from './settings.js'
import { timing } from './timing.js'
import { blueprint, registry } from './workflow.js'

const { amqpUrl, databaseUrl, redisUrl, queueName, contextTableName, statusTableName } = settingsFrom(process.env)

const worker = new RabbitMqAdapter({
  runtimeOptions: {
    blueprints: { [blueprint.id]: blueprint },
    registry,
    dependencies: { services },
    middleware: [timing(process.env.WORKER_NAME ?? `worker ${process.pid}`)],
    logger,
  },
  amqpConnection: amqpUrl,
  pgClient: databaseUrl,
  coordinationStore: new RedisCoordinationStore(redisUrl),
  queueName,
  contextTableName,
  statusTableName,
})

worker.start()

// Finishes the nodes that are running and hands back what has not begun; then the process ends by itself.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => worker.stop())
