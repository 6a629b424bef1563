// A private PostgreSQL server. Its durability settings are PostgreSQL's own defaults: tests and benchmarks
// are to see what a commit really costs.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from './run-tool.js'
import { ServerProcess } from './server-process.js'

const LONGEST_SOCKET_FOLDER = 80

/**
 * @param {object} context
 * @param {{ postgres: string }} context.programs the folder of initdb and postgres
 * @param {string} context.folder
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @param {{ url: string }} [primary] the server it is a standby of, if it is one
 */
export async function startPostgres({ programs, folder, account, cleanup }, primary) {
  const data = join(folder, 'data')
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|LC_)/.test(name)))
  const create = primary ? copyData : createData
  await create({ programs, primary, data, cwd: folder, env, account, cleanup })

  // Operating systems limit the length of a socket's path; with an unusually long one, TCP has to do.
  const socketFolder = folder.length > LONGEST_SOCKET_FOLDER ? '' : folder
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: socketFolder,
    max_connections: 200,
    // Files in the data folder, so that a killed server leaves nothing in the system's shared memory.
    dynamic_shared_memory_type: 'mmap',
    // As a server, a database or a role of a user's may have it.
    ...(process.env.FLOWCRAFT_ISOLATION && { default_transaction_isolation: process.env.FLOWCRAFT_ISOLATION }),
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])

  const server = new ServerProcess(
    {
      name: 'PostgreSQL',
      folder,
      portCount: 1,
      endSignal: 'SIGQUIT', // immediate, but unlike SIGKILL it gives its shared memory back
      // On SIGTERM it would wait until the last client has left, possibly for ever; SIGINT disconnects them.
      translate: (signal) => (signal === 'SIGTERM' ? 'SIGINT' : signal),
      command: ([port]) => ({
        file: join(programs.postgres, 'postgres'),
        args: ['-D', data, '-p', String(port), ...options],
        env,
      }),
      isReady: async ({ pid }) => saysReady(data, pid),
    },
    { account, cleanup },
  )
  await server.startOnFreePorts()
  return { server, url: `postgres://postgres@127.0.0.1:${server.ports[0]}/postgres` }
}

async function createData({ programs, primary: _, data, ...context }) {
  const initdb = join(programs.postgres, 'initdb')
  const args = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  try {
    await runTool(initdb, args, context)
  } catch (error) {
    throw new Error(`PostgreSQL could not create its data folder: ${error.message}`)
  }
}

/** The data of a primary, set to follow it. */
async function copyData({ programs, primary, data, ...context }) {
  const { hostname, port } = new URL(primary.url)
  const from = ['-h', hostname, '-p', port, '-U', 'postgres']
  const args = ['-D', data, ...from, '--write-recovery-conf', '--checkpoint=fast', '--no-sync']
  await runTool(join(programs.postgres, 'pg_basebackup'), args, context)
}

/** The server keeps its process number in the first line of this file and its state in the eighth. */
function saysReady(data, pid) {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}
