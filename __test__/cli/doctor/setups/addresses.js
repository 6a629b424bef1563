// Addresses at which no server of the kind answers, or not one that will do.
import net from 'node:net'
import { startPostgres } from '../../../../scripts/servers/postgres.js'
import { startRedis } from '../../../../scripts/servers/redis.js'
import { openPlace } from '../../../servers/support/servers.js'
import { at, correct, exported, listener, name, unstarted } from '../mends.js'
import { redisOf } from '../support.js'

export const ADDRESSES = [
  {
    what: 'nothing listens at the port of RabbitMQ',
    ...unstarted('AMQP_URL'),
    check: 'rabbitmq.reach',
    found: /nothing listens at 127\.0\.0\.1:\d+$/,
    todo: /start RabbitMQ, or correct host and port in AMQP_URL/,
  },
  {
    what: 'there is no host of that name',
    break: (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL, { hostname: 'nobody.invalid' })
    },
    check: 'rabbitmq.reach',
    found: /there is no host named nobody\.invalid/,
    todo: /correct host and port in AMQP_URL/,
    mend: correct('AMQP_URL', 'hostname'),
  },
  {
    what: 'something else listens at the port of RabbitMQ',
    break: (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL, { port: new URL(world.env.REDIS_URL).port })
    },
    check: 'rabbitmq.reach',
    found: /^Connecting to RabbitMQ: 127\.0\.0\.1:\d+: no answer within 5 s/,
    todo: /check host, port and protocol in AMQP_URL/,
    mend: correct('AMQP_URL', 'port'),
  },
  {
    what: 'what listens at the port of RabbitMQ says nothing',
    break: async (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL, { port: await listener(world.t, () => {}) })
    },
    check: 'rabbitmq.reach',
    found: /no answer within 5 s/,
    todo: /check host, port and protocol in AMQP_URL/,
    mend: correct('AMQP_URL', 'port'),
  },
  {
    what: 'nothing listens at the port of PostgreSQL',
    ...unstarted('DATABASE_URL'),
    check: 'postgres.reach',
    found: /nothing listens at 127\.0\.0\.1:\d+$/,
    todo: /start PostgreSQL, or correct host and port in DATABASE_URL/,
  },
  {
    what: 'what listens at the port of PostgreSQL says nothing',
    break: async (world) => {
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { port: await listener(world.t, () => {}) })
    },
    check: 'postgres.reach',
    found: /did not answer within 5 s/,
    todo: /check host, port and sslmode in DATABASE_URL/,
    mend: correct('DATABASE_URL', 'port'),
  },
  {
    what: 'nothing listens at the port of Redis',
    ...unstarted('REDIS_URL'),
    check: 'redis.reach',
    found: /nothing listens at 127\.0\.0\.1:\d+$/,
    todo: /start Redis, or correct host and port in REDIS_URL/,
  },
  {
    what: 'what listens at the port of Redis says nothing',
    break: async (world) => {
      world.env.REDIS_URL = at(world.env.REDIS_URL, { port: await listener(world.t, () => {}) })
    },
    check: 'redis.reach',
    found: /^Talking to Redis: timed out$/,
    todo: /check host, port and database in REDIS_URL/,
    mend: correct('REDIS_URL', 'port'),
  },
  {
    what: 'nobody says where Redis is',
    break: (world) => {
      world.env.REDIS_URL = ''
    },
    check: 'redis.reach',
    level: 'note',
    found: /the address of Redis is not set/,
    todo: /^export REDIS_URL=redis:/,
    mend: exported('REDIS_URL'),
  },
  {
    what: 'RabbitMQ is too old',
    break: async (world) => {
      // In front of the real one: only the greeting is another.
      const target = new URL(world.env.AMQP_URL)
      const port = await listener(world.t, (socket) => {
        const server = net.connect(Number(target.port), target.hostname)
        server.on('error', () => {})
        socket.pipe(server)
        server.on('data', (bytes) => {
          const text = bytes.toString('latin1')
          socket.write(
            Buffer.from(
              world.isUpgraded
                ? text
                : text.replace(
                    /(versionS\0\0\0)(.)(\d+\.\d+\.\d+)/s,
                    (_, name, length, version) => `${name}${length}${'3.8.9'.padEnd(version.length, '0')}`,
                  ),
              'latin1',
            ),
          )
        })
        server.on('close', () => socket.destroy())
      })
      world.env.AMQP_URL = at(world.env.AMQP_URL, { port })
    },
    check: 'rabbitmq.version',
    found: /RabbitMQ is 3\.8\.9.*; 3\.10 is the oldest that will do/,
    todo: /upgrade RabbitMQ to 3\.10 or newer/,
    mend: (world, { todo }) => {
      if (!/^upgrade RabbitMQ/.test(todo[0])) throw new Error(todo.join())
      world.isUpgraded = true
    },
  },
  {
    what: 'PostgreSQL is a standby',
    break: async (world) => {
      const place = openPlace()
      world.t.after(() => place.close())
      const standby = await startPostgres(place.context('postgres', 'standby'), { url: world.servers.urls.direct })
      world.env.DATABASE_URL = standby.url
    },
    check: /postgres\.(writes|reach|login)/,
    found: /standby|writes/,
    todo: /name the primary/,
    mend: name('primary', 'DATABASE_URL'),
  },
  {
    what: 'Redis is a replica',
    sees: 'another Redis',
    break: async (world) => {
      const { server, place } = await redisOf(world, [])
      const replica = await startRedis(place.context('redis', 'replica'), {
        options: () => ['--replicaof', '127.0.0.1', server.ports[0]],
      })
      world.master = world.env.REDIS_URL
      world.env.REDIS_URL = replica.url
    },
    check: 'redis.writes',
    found: /is a replica, which accepts no writes/,
    todo: /name the master in REDIS_URL/,
    mend: (world) => {
      world.env.REDIS_URL = world.master
    },
  },
]
