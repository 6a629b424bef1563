// The demo from the servers' start to their end. Whatever happens in between, all that it started is stopped.

import { chooseServers } from './choose-servers.js'
import { fulfilOrders } from './fulfil-orders.js'
import { Interruption } from './interruption.js'

/**
 * @param {object} options
 * @param {(line: string) => void} options.log
 * @returns {Promise<number>} the exit code
 */
export async function runDemo({ log }) {
  const servers = await chooseServers({ log })
  const interruption = new Interruption(() => log('\nStopping ...'))
  const { playground, workers } = await stage(servers)
  try {
    await playground.create()
    return await fulfilOrders({ playground, workers, signal: interruption.signal, log })
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    return 1
  } finally {
    await workers.stop()
    await playground.remove()
    await servers?.stop()
    interruption.end()
  }
}

/** Where it plays, and who works there: processes on servers, threads on memory. */
async function stage(servers) {
  if (!servers) {
    const { MemoryPlayground } = await import('./memory/playground.js')
    const { ThreadFleet } = await import('./memory/worker-fleet.js')
    const playground = new MemoryPlayground()
    return { playground, workers: new ThreadFleet(playground.env) }
  }
  const { Playground } = await import('./playground.js')
  const { WorkerFleet } = await import('./worker-fleet.js')
  const playground = new Playground(servers.env)
  return { playground, workers: new WorkerFleet(playground.env) }
}
