// A worker in a worker thread.
import { parentPort, workerData } from 'node:worker_threads'
import { adapterFor } from './common.js'

const adapter = adapterFor(workerData, 'thread', 20)
adapter.start()
parentPort.postMessage('started')
parentPort.once('message', async () => {
  await adapter.stop()
})
