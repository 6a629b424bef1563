// A worker as the README shows it: URLs, and the concurrency. Its argument names what it has beside them: a telemetry, or a history.
import { packageUnderTest } from '../support/package.js'
import { contest, runtimeOptions, serve } from './serve.js'
import { telemetryOptions } from './telemetry.js'

const { RabbitMqAdapter, RedisCoordinationStore } = await packageUnderTest()
const { name, urls, setting } = contest
const adapter = new RabbitMqAdapter({
  runtimeOptions: runtimeOptions(),
  coordinationStore: new RedisCoordinationStore(urls.redis),
  amqpConnection: urls.amqp,
  pgClient: urls.database,
  contextTableName: `${name}.contexts`,
  statusTableName: `${name}.statuses`,
  queueName: name,
  ...setting,
  ...(process.argv[2] === '--history' ? { history: true } : await telemetryOptions(process.argv[2])),
})
adapter.start()
await serve({ stop: () => adapter.stop() })
