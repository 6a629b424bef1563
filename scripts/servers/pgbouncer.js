// A private PgBouncer before a PostgreSQL server, for FLOWCRAFT_POOLER. It knows every database of that server, and lets
// everybody in as the server's owner, as the server itself does.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerProcess } from './server-process.js'

/** By what FLOWCRAFT_POOLER says. */
export const POOLERS = {
  pgbouncer: { mode: 'transaction' },
  // Version 1.21 and newer can keep what clients prepare.
  'pgbouncer-prepared': { mode: 'transaction', settings: 'max_prepared_statements = 100' },
  // A session holds its connection to the server: as many as the tests have adapters at a time.
  'pgbouncer-session': { mode: 'session', poolSize: 80 },
}

/** Which of them the environment asks for; undefined for none. */
export function wantedPooler() {
  const wanted = process.env.FLOWCRAFT_POOLER
  if (!wanted) return undefined
  if (!Object.hasOwn(POOLERS, wanted)) {
    throw new Error(`FLOWCRAFT_POOLER is none of ${Object.keys(POOLERS).join(', ')}`)
  }
  return wanted
}

/**
 * @param {object} context
 * @param {{ pgbouncer: string }} context.programs the program itself
 * @param {string} context.folder
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @param {object} before
 * @param {string} before.url of the server it stands before
 * @param {'transaction' | 'session' | 'statement'} [before.mode]
 * @param {number} [before.poolSize] connections to the server
 * @param {string} [before.more] further parameters of each database
 * @param {string} [before.settings] further settings
 */
export async function startPgbouncer({ programs, folder, account, cleanup }, before) {
  const { url, mode = 'transaction', poolSize = 20, more = '', settings = '' } = before
  const { hostname, port, pathname, username, password } = new URL(url)
  const login = `user=${decodeURIComponent(username)}${password && ` password=${decodeURIComponent(password)}`}`
  const file = (own) =>
    `[databases]
* = host=${hostname} port=${port} ${login} ${more}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
max_client_conn = 1000
default_pool_size = ${poolSize}
server_login_retry = 1
${settings}
`
  const path = join(folder, 'pgbouncer.ini')
  const server = new ServerProcess(
    {
      name: 'PgBouncer',
      folder,
      portCount: 1,
      endSignal: 'SIGTERM',
      // On SIGTERM it ends at once, on SIGINT when its clients have left.
      command: ([own]) => {
        writeFileSync(path, file(own), { mode: 0o644 })
        return { file: programs.pgbouncer, args: [path], env: process.env }
      },
      isReady: async ({ ports, log }) =>
        log().includes(`listening on 127.0.0.1:${ports[0]}`) && log().includes('process up'),
    },
    { account, cleanup },
  )
  await server.startOnFreePorts()
  return { server, url: `postgres://${username}@127.0.0.1:${server.ports[0]}${pathname}` }
}
