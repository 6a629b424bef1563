// Servers whose certificates are not what they should be: each made on purpose, for RabbitMQ, PostgreSQL and Redis.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { front, pem } from '../../security/support/fronts.js'
import { at, relay, right } from './mends.js'

/** The file of the authority that signed the certificate of a front. */
export async function authority(world) {
  const file = join(world.servers.folder, 'ca.pem')
  await writeFile(file, pem('ca'))
  return file
}

/** A server that speaks TLS, and shows one certificate until another is issued. */
async function showing(world, { setting, scheme }, certificate) {
  const url = right(world, setting)
  const wrong = await front(world.t, url, { certificate })
  const proper = await front(world.t, url)
  let shown = wrong
  world.issue = () => {
    shown = proper
  }
  const port = await relay(world.t, () => shown.port)
  const changed = at(url, { port, hostname: 'localhost' })
  const file = await authority(world)
  if (setting === 'DATABASE_URL') return `${changed}?sslmode=verify-full&sslrootcert=${file}`
  world.env.NODE_EXTRA_CA_CERTS = file
  return changed.replace(/^[a-z]+:/, `${scheme}:`)
}

const SERVERS = [
  { title: 'RabbitMQ', check: 'rabbitmq.tls', setting: 'AMQP_URL', scheme: 'amqps' },
  { title: 'PostgreSQL', check: 'postgres.tls', setting: 'DATABASE_URL' },
  { title: 'Redis', check: 'redis.tls', setting: 'REDIS_URL', scheme: 'rediss' },
]

export const CERTIFICATES = SERVERS.flatMap((server) => [
  {
    what: `the certificate of ${server.title} has expired`,
    break: async (world) => {
      world.env[server.setting] = await showing(world, server, 'expired')
    },
    check: server.check,
    found: /^the certificate of localhost:\d+ has expired \(Jan {2}1 00:00:00 2021 GMT\)$/,
    todo: /^renew the certificate of the server/,
    mend: (world) => world.issue(),
  },
  {
    what: `the certificate of ${server.title} is for another host`,
    break: async (world) => {
      world.env[server.setting] = await showing(world, server, 'elsewhere')
    },
    check: server.check,
    found: /^the certificate of localhost:\d+ is not for 'localhost': DNS:elsewhere\.example$/,
    todo: new RegExp(
      `^name the server in ${server.setting} as its certificate does, or give it a certificate for 'localhost'$`,
    ),
    mend: (world) => world.issue(),
  },
])
