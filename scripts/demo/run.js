// The demo from the servers' start to their end. Whatever happens in between, all that it started is stopped.

import { startServers } from '../servers/index.js'
import { fulfilOrders } from './fulfil-orders.js'
import { Interruption } from './interruption.js'
import { Playground } from './playground.js'
import { WorkerFleet } from './worker-fleet.js'

/**
 * @param {object} options
 * @param {(line: string) => void} options.log
 * @returns {Promise<number>} the exit code
 */
export async function runDemo({ log }) {
  const servers = await startServers({ log })
  const interruption = new Interruption(() => log('\nStopping ...'))
  const playground = new Playground(servers.env)
  const workers = new WorkerFleet(playground.env)
  try {
    await playground.create()
    return await fulfilOrders({ playground, workers, signal: interruption.signal, log })
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    return 1
  } finally {
    await workers.stop()
    await playground.remove()
    await servers.stop()
    interruption.end()
  }
}
