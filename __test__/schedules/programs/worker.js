// A worker that starts what is due, and may be killed. A fault point of the engine may kill it on the way.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { ticking } from './flows.js'

const { redis, ...options } = JSON.parse(process.env.SETTINGS)
const adapter = new RabbitMqAdapter({
  ...options,
  coordinationStore: new RedisCoordinationStore(redis),
  runtimeOptions: {
    blueprints: { ticking: ticking.toBlueprint() },
    registry: Object.fromEntries(ticking.getFunctionRegistry()),
    logger: new NullLogger(),
  },
})
adapter.start()
process.stdout.write('started\n')
