// A worker in a worker thread, over the memory it is told of. Its one node takes long enough to be interrupted.
import { parentPort, workerData } from 'node:worker_threads'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { threaded } from '../flows.js'
import { optionsOn } from '../support.js'

const adapter = new RabbitMqAdapter({
  ...optionsOn(workerData.url, threaded('in the thread', workerData.ms)),
  // A thread that is ended may leave its lease: others wait for it to run out.
  leaseSeconds: 2,
})
adapter.start()
parentPort.once('message', () => adapter.stop())
parentPort.postMessage('started')
