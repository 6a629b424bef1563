// Starts private servers from the machine's own programs, side by side, in one temporary folder.

import { ownFolder } from './account.js'
import { startPgbouncer } from './pgbouncer.js'
import { startPostgres } from './postgres.js'
import { startRabbitmq } from './rabbitmq.js'
import { startRedis } from './redis.js'

const STARTERS = { rabbitmq: startRabbitmq, postgres: startPostgres, redis: startRedis }

/**
 * @param {string[]} names of the servers to start
 * @param {object} context
 * @param {Record<string, object>} context.programs as findPrograms() tells
 * @param {string} context.folder
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @returns {Promise<Record<string, {
 *   url: string,
 *   server: import('./server-process.js').ServerProcess,
 *   ctl?: (...args: string[]) => Promise<string>
 * }>>}
 */
export async function startPrivate(names, { programs, folder, account, cleanup }) {
  const start = (name) => {
    const serverFolder = ownFolder(folder, name, account)
    return STARTERS[name]({ programs: programs[name], folder: serverFolder, account, cleanup })
  }
  const servers = await Promise.all(names.map(start))
  return Object.fromEntries(names.map((name, i) => [name, servers[i]]))
}

/**
 * Starts a PgBouncer before a PostgreSQL server.
 *
 * @param {Parameters<typeof startPrivate>[1]} context
 * @param {Parameters<typeof startPgbouncer>[1]} before
 */
export async function startPooler({ programs, folder, account, cleanup }, before) {
  const own = ownFolder(folder, 'pgbouncer', account)
  return startPgbouncer({ programs: programs.pgbouncer, folder: own, account, cleanup }, before)
}
