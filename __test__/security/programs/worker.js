// A worker process of the tests of panics: told where everything is, it runs until it is told to end.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { flows } from './flows.js'

const { AMQP_URL, DATABASE_URL, REDIS_URL, SETTINGS } = process.env
const { contexts, statuses, queue } = JSON.parse(SETTINGS)

const adapter = new RabbitMqAdapter({
  runtimeOptions: {
    blueprints: Object.fromEntries(Object.entries(flows).map(([id, flow]) => [id, flow.toBlueprint()])),
    registry: Object.assign({}, ...Object.values(flows).map((flow) => Object.fromEntries(flow.getFunctionRegistry()))),
    logger: Object.assign(new NullLogger(), { warn: console.error }),
  },
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  contextTableName: contexts,
  statusTableName: statuses,
  queueName: queue,
  leaseSeconds: 2,
})
adapter.start()
process.once('SIGTERM', () => adapter.stop())
