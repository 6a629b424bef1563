// A worker process: told everything by its parent, tells it what the logger and the event bus hear. SIGTERM stops it
// as a deployment would.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { Executions } from '../../fixtures/executions.js'
import { flowsFor } from './flows.js'

const { name, file, redis, ...settings } = JSON.parse(process.env.SETTINGS)
const say = (line) => process.stdout.write(`${line}\n`)
const log = (level) => (message) => say(`${level} ${message}`)

const adapter = new RabbitMqAdapter({
  ...settings,
  runtimeOptions: {
    ...flowsFor(new Executions(file), name),
    logger: { debug: () => {}, info: log('info'), warn: log('warn'), error: log('error') },
  },
  coordinationStore: new RedisCoordinationStore(redis),
})
adapter.start()
say('started')
process.once('SIGTERM', async () => {
  await adapter.stop()
  say('stopped')
})
