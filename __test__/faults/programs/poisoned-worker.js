// A worker of flows that kill it.
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, Worker } from 'node:worker_threads'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { urls } from '../../fixtures/which-servers.js'
import { blueprints } from '../support/poison.js'

const { contexts, statuses, queue, inThread, ms = 300, ...options } = JSON.parse(process.env.SETTINGS)
const never = () => new Promise(() => {})
const registry = {
  kills: async () => {
    await sleep(50)
    process.kill(process.pid, 'SIGKILL')
    return never()
  },
  exits: async () => {
    await sleep(50)
    process.exit(1)
  },
  rescue: async () => ({ output: 'rescued' }),
  after: async () => ({ output: 'after' }),
  works: async () => {
    await sleep(ms)
    return { output: 'worked' }
  },
}

if (inThread && isMainThread) {
  // Its thread may end; another process is started then.
  new Worker(new URL(import.meta.url)).on('exit', () => process.exit(0))
} else {
  new RabbitMqAdapter({
    runtimeOptions: { blueprints, registry, logger: new NullLogger() },
    coordinationStore: new RedisCoordinationStore(urls.redis),
    amqpConnection: urls.amqp,
    pgClient: urls.database,
    contextTableName: contexts,
    statusTableName: statuses,
    queueName: queue,
    leaseSeconds: 1,
    repairInterval: 1_000,
    concurrency: 10,
    ...options,
  }).start()
}
