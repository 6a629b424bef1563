// What `flowcraft-rabbitmq worker` is given: a module that exports an adapter.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { flows } from './flows.js'

const { redis, ...settings } = JSON.parse(process.env.SETTINGS)
const built = Object.values(flows)

export const adapter = new RabbitMqAdapter({
  ...settings,
  runtimeOptions: {
    blueprints: Object.fromEntries(built.map((flow) => flow.toBlueprint()).map((each) => [each.id, each])),
    registry: Object.fromEntries(built.flatMap((flow) => [...flow.getFunctionRegistry()])),
    logger: new NullLogger(),
  },
  coordinationStore: new RedisCoordinationStore(redis),
})
