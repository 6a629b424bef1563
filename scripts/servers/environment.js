// The servers that the user has named in environment variables.

import { probe } from './probe.js'

export const VARIABLES = { rabbitmq: 'AMQP_URL', postgres: 'DATABASE_URL', redis: 'REDIS_URL' }

/** By variable, the kinds of URL that belong there and their usual ports. */
const PORTS = {
  AMQP_URL: { 'amqp:': 5672, 'amqps:': 5671 },
  DATABASE_URL: { 'postgres:': 5432, 'postgresql:': 5432 },
  REDIS_URL: { 'redis:': 6379, 'rediss:': 6379 },
}

/**
 * The servers whose variables are set, each checked to accept connections.
 *
 * @returns {Promise<Record<string, { url: string }>>}
 */
export async function serversFromEnvironment() {
  const named = Object.entries(VARIABLES).filter(([, variable]) => process.env[variable])
  await Promise.all(named.map(([, variable]) => check(variable, process.env[variable])))
  return Object.fromEntries(named.map(([name, variable]) => [name, { url: process.env[variable] }]))
}

async function check(variable, value) {
  // The value may hold a password, so it is not shown.
  if (!URL.canParse(value)) throw new Error(`${variable} is set, but it is not a valid URL.`)
  const url = new URL(value)
  const usualPort = PORTS[variable][url.protocol]
  if (!usualPort) {
    const kinds = Object.keys(PORTS[variable]).map((kind) => `${kind}//`)
    throw new Error(`${variable} is set, but it does not begin with ${kinds.join(' or ')}.`)
  }
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '')
  if (!host || host.startsWith('/')) return // a local socket, not an address
  const port = Number(url.port) || usualPort
  if (!(await probe({ host, port, timeout: 5000 }))) {
    throw new Error(
      `${variable} names a server at ${host}:${port}, but nothing accepts connections there. ` +
        `Start that server, correct the variable, or unset it to use a private server.`,
    )
  }
}
