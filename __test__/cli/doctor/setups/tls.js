// TLS that is asked of a server that has none, or is not asked of one that has; authorities that are not known.
import { front } from '../../../security/support/fronts.js'
import { authority } from '../certificates.js'
import { at } from '../mends.js'

export const TLS = [
  {
    what: 'TLS is asked of a port that speaks without',
    break: (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL.replace('amqp:', 'amqps:'), {})
    },
    check: 'rabbitmq.tls',
    found: /speaks without TLS/,
    todo: /write amqp:\/\/ in AMQP_URL/,
    mend: (world) => {
      world.env.AMQP_URL = world.env.AMQP_URL.replace('amqps:', 'amqp:')
    },
  },
  {
    what: 'no TLS is asked of a port that speaks with TLS only',
    break: async (world) => {
      const { port } = await front(world.t, world.env.AMQP_URL)
      world.env.NODE_EXTRA_CA_CERTS = await authority(world)
      world.env.AMQP_URL = at(world.env.AMQP_URL, { port, hostname: 'localhost' })
    },
    check: 'rabbitmq.tls',
    found: /speaks with TLS only/,
    todo: /write amqps:\/\/ in AMQP_URL/,
    mend: (world) => {
      world.env.AMQP_URL = world.env.AMQP_URL.replace('amqp:', 'amqps:')
    },
  },
  {
    what: 'the certificate of RabbitMQ is of an authority that nobody knows',
    break: async (world) => {
      const { port } = await front(world.t, world.env.AMQP_URL)
      world.env.AMQP_URL = at(world.env.AMQP_URL.replace('amqp:', 'amqps:'), { port, hostname: 'localhost' })
    },
    check: 'rabbitmq.reach',
    found: /certificate|UnknownIssuer/i,
    todo: /NODE_EXTRA_CA_CERTS=ca\.pem/,
    mend: async (world) => {
      world.env.NODE_EXTRA_CA_CERTS = await authority(world)
    },
  },
  {
    what: 'TLS is asked of a PostgreSQL that has none',
    break: (world) => {
      world.env.DATABASE_URL = `${world.env.DATABASE_URL}?sslmode=require`
    },
    check: 'postgres.tls',
    found: /TLS/,
    todo: /sslmode=disable/,
    mend: (world) => {
      world.env.DATABASE_URL = world.env.DATABASE_URL.replace('require', 'disable')
    },
  },
  {
    what: 'the certificate of PostgreSQL is of an authority that nobody knows',
    break: async (world) => {
      const { port } = await front(world.t, world.env.DATABASE_URL)
      world.env.DATABASE_URL = `${at(world.env.DATABASE_URL, { port, hostname: 'localhost' })}?sslmode=verify-full`
    },
    check: 'postgres.tls',
    found: /certificate|UnknownIssuer|TLS/i,
    todo: /sslrootcert=ca\.pem/,
    mend: async (world) => {
      world.env.DATABASE_URL += `&sslrootcert=${await authority(world)}`
    },
  },
  {
    what: 'TLS is asked of a Redis that has none',
    break: (world) => {
      world.env.REDIS_URL = world.env.REDIS_URL.replace('redis:', 'rediss:')
    },
    check: 'redis.tls',
    found: /^Redis at 127\.0\.0\.1:\d+ speaks without TLS$/,
    todo: /^write redis:\/\/ in place of rediss:\/\/ in REDIS_URL$/,
    mend: (world, { todo }) => {
      const [, write, given] = todo.join('\n').match(/(redis:\/\/) in place of (rediss:\/\/)/)
      world.env.REDIS_URL = world.env.REDIS_URL.replace(given, write)
    },
  },
]
