// Real servers where there are any, else the adapter's memory: the demo runs everywhere.

import { VARIABLES } from '../servers/environment.js'
import { startServers } from '../servers/index.js'
import { NoServersError } from '../servers/no-servers.js'

const ON_MEMORY = 'the demo runs on memory, in this one process, and nothing of it is durable.'

/**
 * @param {object} options
 * @param {(line: string) => void} options.log
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {typeof startServers} [options.start]
 * @returns {Promise<import('../servers/index.js').Servers | undefined>} nothing for memory
 */
export async function chooseServers({ log, env = process.env, start = startServers }) {
  if (env.FLOWCRAFT_SERVERS === 'memory') {
    log(`FLOWCRAFT_SERVERS asks for it: ${ON_MEMORY}`)
    return undefined
  }
  try {
    return await start({ log })
  } catch (error) {
    // Who names a server wants that one, and nothing in its place.
    const isNamed = Object.values(VARIABLES).some((variable) => env[variable])
    if (!(error instanceof NoServersError) || isNamed) throw error
    log(`RabbitMQ, PostgreSQL and Redis cannot be had here: ${ON_MEMORY}`)
    return undefined
  }
}
