// The example's worker in a thread. Signals do not reach threads: the demo sends them as messages.

import { parentPort } from 'node:worker_threads'

parentPort.once('message', (signal) => process.emit(signal))
// The port alone must not keep a worker running that has stopped.
parentPort.unref()

await import('../../../examples/order-fulfilment/worker.js')
