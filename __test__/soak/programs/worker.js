// The worker under observation: says once a second how much memory it has, and how many files and handles are open.
import { readdirSync } from 'node:fs'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow, NullLogger } from 'flowcraft'

const { AMQP_URL, DATABASE_URL, REDIS_URL, SETTINGS } = process.env
const { contexts, statuses, queue } = JSON.parse(SETTINGS)

let jobs = 0
const node = (work) => async (api) => {
  jobs++
  return { output: work(await api.input) }
}

/** Ten steps: a chain, four nodes side by side, a join, an end. */
const flow = createFlow('soak')
  .node(
    's1',
    node(() => 1),
  )
  .node(
    's2',
    node((input) => input + 1),
  )
  .node(
    's3',
    node((input) => input + 1),
  )
  .edge('s1', 's2')
  .edge('s2', 's3')
for (const side of ['a', 'b', 'c', 'd'])
  flow
    .node(
      side,
      node((input) => input + 1),
    )
    .edge('s3', side)
flow.node(
  'join',
  node(() => 5),
  { config: { joinStrategy: 'all' } },
)
for (const side of ['a', 'b', 'c', 'd']) flow.edge(side, 'join')
flow
  .node(
    's9',
    node((input) => input + 1),
  )
  .node(
    's10',
    node((input) => input + 1),
  )
  .edge('join', 's9')
  .edge('s9', 's10')

const adapter = new RabbitMqAdapter({
  runtimeOptions: {
    blueprints: { soak: flow.toBlueprint() },
    registry: Object.fromEntries(flow.getFunctionRegistry()),
    logger: new NullLogger(),
  },
  coordinationStore: new RedisCoordinationStore(REDIS_URL),
  amqpConnection: AMQP_URL,
  pgClient: DATABASE_URL,
  contextTableName: contexts,
  statusTableName: statuses,
  queueName: queue,
  concurrency: 50,
})
adapter.start()

function report() {
  const { rss, heapUsed, external } = process.memoryUsage()
  const files = readdirSync('/proc/self/fd').length
  const handles = process.getActiveResourcesInfo().length
  process.send({ jobs, rss, heapUsed, external, files, handles })
}
const observe = setInterval(report, 1000)

process.once('SIGTERM', async () => {
  clearInterval(observe)
  await adapter.stop()
  report()
  process.disconnect()
})
