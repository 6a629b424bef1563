// The RabbitMQ, PostgreSQL and Redis servers that the demo, the tests and the benchmarks run against: those
// named in the environment, else private ones that live only as long as the program that asked for them.

import { serverAccount, temporaryFolder } from './account.js'
import { Cleanup } from './cleanup.js'
import { dockerAnswers, startCompose } from './compose.js'
import { serversFromEnvironment, VARIABLES } from './environment.js'
import { installPrograms } from './install.js'
import { NoServersError } from './no-servers.js'
import { POOLERS, wantedPooler } from './pgbouncer.js'
import { startPooler, startPrivate } from './private.js'
import { findPrograms } from './programs.js'

const NAMES = ['rabbitmq', 'postgres', 'redis']
const TITLES = { rabbitmq: 'RabbitMQ', postgres: 'PostgreSQL', redis: 'Redis', pgbouncer: 'PgBouncer' }

/**
 * @typedef {'environment' | 'private' | 'compose'} Origin
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {Origin} origin
 * @property {number | undefined} pid undefined while it is stopped, and for servers that are not private
 * @property {(options?: { signal?: NodeJS.Signals }) => Promise<void>} stop SIGTERM (the default) is a proper
 *   shutdown, SIGKILL a crash. Only private servers can be stopped and started.
 * @property {() => Promise<void>} start on the same port, with the same data (Redis has none)
 * @property {(options?: { signal?: NodeJS.Signals }) => Promise<void>} restart
 *
 * @typedef {object} Servers
 * @property {{ amqp: string, database: string, direct: string, redis: string }} urls `direct` is the database past the
 *   pooler that FLOWCRAFT_POOLER asks for, else the same
 * @property {{ AMQP_URL: string, DATABASE_URL: string, DIRECT_DATABASE_URL: string, REDIS_URL: string }} env
 * @property {{ amqp: Origin, database: Origin, redis: Origin }} origin
 * @property {Server & { ctl: (...args: string[]) => Promise<string> }} rabbitmq `ctl` runs rabbitmqctl
 *   against the private node and returns what it printed
 * @property {Server} postgres
 * @property {Server} redis
 * @property {() => Promise<void>} stop ends what was started here and removes its files; may be called again
 */

/**
 * @param {object} [options]
 * @param {(line: string) => void} [options.log] is told in plain words what is going on
 * @param {boolean} [options.keep] leaves the temporary folder, with the servers' data and logs, in place
 * @returns {Promise<Servers>}
 * @throws {NoServersError} where a server that the environment does not name cannot be had
 */
export async function startServers({ log = () => {}, keep = false } = {}) {
  const fromEnvironment = await serversFromEnvironment()
  const wanted = NAMES.filter((name) => !fromEnvironment[name])
  const pooler = wanted.includes('postgres') ? wantedPooler() : undefined
  if (wanted.length === 0) return assemble({ environment: fromEnvironment }, async () => {})

  const { programs, composed } = await findWays(pooler ? [...wanted, 'pgbouncer'] : wanted, log)
  const account = composed.length < wanted.length ? serverAccount() : undefined
  const folder = temporaryFolder(account)
  const cleanup = new Cleanup(folder, { keep })
  let stopped
  const stop = () => (stopped ??= cleanup.run())

  try {
    const begin = performance.now()
    log(`Starting ${wanted.map((name) => TITLES[name]).join(', ')} for this run only, on 127.0.0.1 ...`)
    const own = wanted.filter((name) => !composed.includes(name))
    const [fromPrograms, fromCompose] = await Promise.all([
      startPrivate(own, { programs, folder, account, cleanup }),
      composed.length > 0 ? startCompose(composed, { cleanup }) : {},
    ])
    if (pooler) {
      const before = { url: (fromPrograms.postgres ?? fromCompose.postgres).url, ...POOLERS[pooler] }
      const { url } = await startPooler({ programs, folder, account, cleanup }, before)
      const postgres = fromPrograms.postgres ?? fromCompose.postgres
      Object.assign(postgres, { url, direct: before.url })
    }
    log(`Ready after ${((performance.now() - begin) / 1000).toFixed(1)} s.`)
    if (keep) log(`Data and logs will stay in ${folder}`)
    return assemble({ environment: fromEnvironment, private: fromPrograms, compose: fromCompose }, stop)
  } catch (error) {
    await stop()
    throw new NoServersError(error.message, { cause: error })
  }
}

/** Decides, for the servers we must start, which run from programs of this machine and which with Compose. */
async function findWays(wanted, log) {
  let programs = findPrograms()
  const missing = () => wanted.filter((name) => !programs[name])
  if (missing().length > 0 && (await installPrograms(missing(), log))) programs = findPrograms()
  if (missing().length > 0 && !(await dockerAnswers())) throw new NoServersError(nothingFound(missing()))
  return { programs, composed: missing() }
}

function nothingFound(missing) {
  const titles = missing.map((name) => TITLES[name]).join(', ')
  const variables = missing.map((name) => VARIABLES[name]).join(', ')
  return (
    `No server found for: ${titles}. Any one of these will do:\n` +
    `  - install the programs, for example: apt-get install rabbitmq-server postgresql redis-server\n` +
    `    or: brew install rabbitmq postgresql redis\n` +
    `  - start Docker\n` +
    `  - name servers that are already running with ${variables}`
  )
}

/** @returns {Servers} */
function assemble(byOrigin, stop) {
  const all = {}
  for (const [origin, servers] of Object.entries(byOrigin)) {
    for (const [name, server] of Object.entries(servers)) all[name] = control(name, origin, server)
  }
  const { rabbitmq, postgres, redis } = all
  return {
    urls: { amqp: rabbitmq.url, database: postgres.url, direct: postgres.direct, redis: redis.url },
    env: {
      AMQP_URL: rabbitmq.url,
      DATABASE_URL: postgres.url,
      DIRECT_DATABASE_URL: postgres.direct,
      REDIS_URL: redis.url,
    },
    origin: { amqp: rabbitmq.origin, database: postgres.origin, redis: redis.origin },
    rabbitmq,
    postgres,
    redis,
    stop,
  }
}

function control(name, origin, { url, direct = url, server, ctl }) {
  const refuse = async () => {
    throw new Error(`This ${TITLES[name]} server (origin: ${origin}) is not a private one and is left alone.`)
  }
  return {
    url,
    direct,
    origin,
    get pid() {
      return server?.pid
    },
    stop: server ? (options) => server.stop(options) : refuse,
    start: server ? () => server.start() : refuse,
    restart: server ? (options) => server.restart(options) : refuse,
    ...(name === 'rabbitmq' && { ctl: ctl ?? refuse }),
  }
}
