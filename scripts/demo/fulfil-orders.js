// The demo itself: two workers, a client that places orders, progress until all are done, and the report.

import { setTimeout as sleep } from 'node:timers/promises'
import { order } from '../../examples/order-fulfilment/orders.js'
import { createProgress } from './progress.js'
import { report } from './report.js'

const ORDERS = 48
/** One order every so many milliseconds. */
const PLACE_EVERY = 150
const LOOK_EVERY = 200
const TIMEOUT = 60_000

/**
 * @param {object} options
 * @param {import('./playground.js').Playground | import('./memory/playground.js').MemoryPlayground} options.playground
 * @param {import('./worker-fleet.js').WorkerFleet | import('./memory/worker-fleet.js').ThreadFleet} options.workers
 * @param {AbortSignal} options.signal
 * @param {(line: string) => void} options.log
 * @returns {Promise<number>} the exit code
 */
export async function fulfilOrders({ playground, workers, signal, log }) {
  const client = playground.client()
  const progress = createProgress({ total: ORDERS, log })
  try {
    await client.connect()
    await client.createTables()
    log(`Tables created in ${playground.place}.`)

    const tell = (line) => progress.note(line)
    const started = ['worker-1', 'worker-2'].map((name) => `${name} (${workers.start(name, tell)})`)
    log(`Started ${started.join(' and ')}.`)
    log(`Placing ${ORDERS} orders, one every ${PLACE_EVERY / 1000} s.\n`)

    const begin = performance.now()
    await Promise.all([placeAll(client, playground.name, signal), watch({ client, workers, progress, begin, signal })])
    const seconds = (performance.now() - begin) / 1000
    progress.end()
    return report({ runs: await client.runs(), seconds, log })
  } finally {
    progress.end()
    await client.close().catch(() => {})
  }
}

async function placeAll(client, prefix, signal) {
  for (let number = 1; number <= ORDERS; number++) {
    await client.place(`${prefix}-${String(number).padStart(2, '0')}`, order(number))
    await sleep(PLACE_EVERY, undefined, { signal })
  }
}

/** Shows how far the orders are, until all have ended or none ever will. */
async function watch({ client, workers, progress, begin, signal }) {
  for (;;) {
    const { completed = 0, failed = 0, ...open } = await client.statuses()
    const ended = completed + failed
    const placed = ended + Object.values(open).reduce((sum, runs) => sum + runs, 0)
    progress.show({ placed, completed, failed, jobs: await client.jobsByWorker() })
    if (ended === ORDERS) return
    if (workers.size === 0) throw new Error(`No worker is left, and ${ORDERS - ended} orders have not ended.`)
    if (performance.now() - begin > TIMEOUT) {
      throw new Error(`After ${TIMEOUT / 1000} s, ${ORDERS - ended} of ${ORDERS} orders have not ended.`)
    }
    await sleep(LOOK_EVERY, undefined, { signal })
  }
}
