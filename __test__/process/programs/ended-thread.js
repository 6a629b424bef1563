// A worker in a worker thread that is to be ended at a certain moment: it says that it is there, and stays there.
import { parentPort, workerData } from 'node:worker_threads'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { urls } from '../../fixtures/which-servers.js'

const { contexts, statuses, queue, blueprint, moment } = workerData

const stay = () => {
  parentPort.postMessage('there')
  return new Promise(() => {})
}

class Worker extends RabbitMqAdapter {
  async publishFinalResult(...result) {
    return moment === 'publishing' ? stay() : super.publishFinalResult(...result)
  }
}

const redis = new RedisCoordinationStore(urls.redis)
const ownStore = {
  increment: (...given) => redis.increment(...given),
  setIfNotExist: () => stay(),
  extendTTL: (...given) => redis.extendTTL(...given),
  delete: (...given) => redis.delete(...given),
  get: (...given) => redis.get(...given),
}

const adapter = new Worker({
  runtimeOptions: {
    blueprints: { [blueprint.id]: blueprint },
    registry: { only: async () => (moment === 'running' ? stay() : { output: 'in the thread' }) },
    logger: new NullLogger(),
  },
  coordinationStore: moment === 'leasing' ? ownStore : redis,
  amqpConnection: urls.amqp,
  pgClient: urls.database,
  contextTableName: contexts,
  statusTableName: statuses,
  queueName: queue,
  leaseSeconds: 2,
})
adapter.start()
setInterval(() => {}, 1000)
if (moment === 'blocked') {
  parentPort.postMessage('there')
  // The engine takes a job all the same, and asks for its blueprint.
  for (;;);
}
