// Connects to each server with TLS, and says how that went. Whom it trusts is decided by its environment.
import { PostgresContext, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'

const { amqp, database, redis, contexts, statuses, queue, ca } = JSON.parse(process.env.SETTINGS)

const amqpConnection = { url: amqp, ca }
const adapter = new RabbitMqAdapter({
  runtimeOptions: { blueprints: {}, registry: {}, logger: new NullLogger() },
  coordinationStore: new RedisCoordinationStore({ ...redis, tls: { ca } }),
  amqpConnection,
  pgClient: database,
  contextTableName: contexts,
  statusTableName: statuses,
  queueName: queue,
})

const uses = {
  amqp: () => adapter.listDeadLetters(),
  database: () =>
    new PostgresContext('none', { client: { ...database, ssl: ca ? { ca } : true }, tableName: contexts }).get('a'),
  redis: () => new RedisCoordinationStore({ ...redis, tls: { ca } }).get('none'),
  // A URL of Redis has no place for an authority.
  ...(!ca && {
    redisUrl: () => new RedisCoordinationStore(`rediss://${redis.host}:${redis.port}`).get('none'),
  }),
}
const answers = {}
for (const [server, use] of Object.entries(uses)) {
  answers[server] = await use().then(
    () => 'trusted',
    (error) => error.message,
  )
}
console.log(JSON.stringify(answers))
await adapter.stop()
