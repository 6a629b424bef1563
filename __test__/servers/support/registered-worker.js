// A worker process that a test kills.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'

const { redis, ...settings } = JSON.parse(process.env.SETTINGS)
const flow = createFlow('registered').node('a', async () => ({ output: 1 }))
const blueprint = flow.toBlueprint()

new RabbitMqAdapter({
  ...settings,
  runtimeOptions: {
    blueprints: { [blueprint.id]: blueprint },
    registry: Object.fromEntries(flow.getFunctionRegistry()),
  },
  coordinationStore: new RedisCoordinationStore(redis),
}).start()
