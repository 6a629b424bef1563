// Broken set-ups, each made on purpose: how it is broken, what the doctor has to find, and how what it says is done. Where
// nothing is said of it, the fault is the only one, and mended it is healthy.

import net from 'node:net'
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { NullLogger } from 'flowcraft'
import Redis from 'ioredis'
import { startPostgres } from '../../../scripts/servers/postgres.js'
import { startRedis } from '../../../scripts/servers/redis.js'
import { front } from '../../security/support/fronts.js'
import { openPooler } from '../../servers/support/pooler.js'
import { openPlace } from '../../servers/support/servers.js'
import { flows } from '../programs/flows.js'
import { start, WORKER } from '../support/cli.js'
import { authority } from './certificates.js'
import { at, correct, listener, name, right, unstarted } from './mends.js'

const back = (name) => (world) => {
  world.env[name] = right(world, name)
}

async function startRuns(world, blueprintId, count) {
  const client = createRabbitMqClient({
    amqpConnection: world.servers.urls.amqp,
    pgClient: world.servers.urls.direct,
    contextTableName: world.contextTable,
    statusTableName: world.statusTable,
    queueName: world.queue,
    blueprints: flows,
    logger: new NullLogger(),
  })
  world.t.after(() => client.close())
  const runs = await client.startMany(
    blueprintId,
    Array.from({ length: count }, () => ({})),
  )
  return runs.map(({ runId }) => runId)
}

async function redisOf(world, options) {
  const place = openPlace()
  world.t.after(() => place.close())
  const started = await startRedis(place.context('redis', 'own'), { options: () => options })
  world.env.REDIS_URL = started.url
  const client = new Redis(started.url, { lazyConnect: true })
  client.on('error', () => {}) // its server ends before it does
  world.t.after(() => client.disconnect())
  return { ...started, place, client }
}

/** Does what the doctor says: the command of redis-cli among its lines, as it stands. */
async function obeyRedis({ todo }, client) {
  const [, line] = todo.join('\n').match(/redis-cli ([^,;]+)/)
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare)
  await client.call(...words)
}

export const RABBITMQ = [
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
    what: 'the password of RabbitMQ is wrong',
    break: (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL, { password: 'wrong' })
    },
    check: 'rabbitmq.login',
    found: /refuses the login/,
    todo: /correct user, password and virtual host in AMQP_URL/,
    mend: correct('AMQP_URL', 'password'),
  },
  {
    what: 'there is no such virtual host',
    break: (world) => {
      world.env.AMQP_URL = `${at(world.env.AMQP_URL, { pathname: '/nowhere' })}`
    },
    check: 'rabbitmq.login',
    found: /virtual host does not exist/,
    todo: /rabbitmqctl add_vhost/,
    mend: async (world, { todo }) => {
      // What it leaves open is the name, and whose password.
      const line = todo.find((each) => each.includes('add_vhost')).replaceAll("'…'", "'nowhere'")
      for (const [command] of line.matchAll(/rabbitmqctl (add_vhost|set_permissions)( -p)?( '[^']*')+/g)) {
        await world.obeyCtl({ todo: [command] })
      }
      world.t.after(() => world.ctl('delete_vhost', 'nowhere'))
    },
  },
  {
    what: 'the user may neither publish, consume nor declare',
    break: async (world) => {
      const user = `${world.name}_user`
      await world.ctl('add_user', user, 'secret')
      await world.ctl('set_permissions', '-p', '/', user, '^$', '^$', '^$')
      world.t.after(() => world.ctl('delete_user', user))
      world.env.AMQP_URL = at(world.env.AMQP_URL, { username: user, password: 'secret' })
    },
    check: 'rabbitmq.rights',
    found: /may not publish .*; may not consume 'world_\d+-jobs'.*; may not declare/,
    todo: /rabbitmqctl set_permissions -p '\/' 'world_\d+_user' '\.\*' '\.\*' '\.\*'/,
    mend: (world, finding) => world.obeyCtl(finding),
  },
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
    what: 'whoever listens at the port of RabbitMQ says nothing',
    break: async (world) => {
      world.env.AMQP_URL = at(world.env.AMQP_URL, { port: await listener(world.t, () => {}) })
    },
    check: 'rabbitmq.reach',
    found: /no answer within 5 s/,
    todo: /check host, port and protocol in AMQP_URL/,
    mend: correct('AMQP_URL', 'port'),
  },
  {
    what: 'RabbitMQ is short of memory',
    break: async (world) => {
      await world.ctl('set_vm_memory_high_watermark', '0.000001')
      world.t.after(() => world.ctl('set_vm_memory_high_watermark', '0.4'))
    },
    check: 'rabbitmq.alarm',
    found: /lets nobody publish/,
    todo: /rabbitmqctl list_alarms.*vm_memory_high_watermark/,
    mend: (world) => world.ctl('set_vm_memory_high_watermark', '0.4'),
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
]

export const QUEUES = [
  {
    what: 'there is no such queue, and the workers take jobs from another',
    break: (world) => {
      world.flags = []
      world.real = world.queue
      world.queue = `${world.queue}-misspelt`
    },
    check: 'queue.arguments',
    level: 'note',
    found: /there is no queue 'world_\d+-jobs-misspelt'/,
    todo: /--queue names another queue/,
    mend: (world) => {
      world.queue = world.real
    },
  },
  {
    what: 'the queue was declared by somebody else, with a time to live',
    works: false,
    break: async (world) => {
      const amqp = await amqplib.connect(world.servers.urls.amqp)
      world.t.after(() => amqp.close())
      const channel = await amqp.createChannel()
      await channel.assertQueue(world.queue, { durable: true, messageTtl: 60_000 })
      await world.worker()
    },
    check: 'queue.arguments',
    level: 'note',
    found: /is not as the workers declare it: .*x-message-ttl.*60000/,
    todo: /rabbitmqctl delete_queue/,
    mend: async (world, finding) => {
      await world.adapter.stop()
      await world.obeyCtl(finding)
      await world.worker()
    },
  },
  {
    what: 'nobody consumes the queue, and jobs wait',
    works: false,
    break: (world) => startRuns(world, 'single', 3),
    check: 'queue.consumers',
    found: /nobody consumes the queue 'world_\d+-jobs'; 3 jobs wait/,
    todo: /start a worker with queueName: 'world_\d+-jobs'/,
    mend: (world) => world.worker(),
  },
  {
    what: 'all workers take jobs from another queue',
    works: false,
    break: async (world) => {
      await startRuns(world, 'single', 1)
      await world.worker({ queue: `${world.queue}-other` })
    },
    check: 'queue.consumers',
    found: /nobody consumes/,
    // Workers of other set-ups register in the same Redis.
    todo: /the registered workers take jobs from (.*, )?world_\d+-jobs-other(, .*)?: is --queue right\?/,
    mend: (world) => world.worker(),
  },
  {
    what: 'more waits than was allowed',
    works: false,
    break: async (world) => {
      world.flags = ['--max-backlog', '2']
      await startRuns(world, 'single', 5)
      // Somebody consumes, and takes nothing.
      const amqp = await amqplib.connect(world.servers.urls.amqp)
      const channel = await amqp.createChannel()
      await channel.prefetch(1)
      await channel.consume(world.queue, () => {})
      world.leave = () => amqp.close()
    },
    check: 'queue.backlog',
    found: /4 jobs wait in the queue 'world_\d+-jobs', more than 2/,
    todo: /start more workers/,
    mend: async (world) => {
      await world.leave()
      await world.worker()
      await world.settledDown()
    },
  },
  {
    what: 'there are dead letters',
    break: async (world) => {
      await world.publish('no job')
      await world.isDead(1)
    },
    check: 'queue.dead',
    found: /there is 1 dead letter in 'world_\d+-jobs\.dead'/,
    todo: /dead list says why.*dead replay --all.*dead purge --all/s,
    mend: (world) => world.run('dead purge --all --yes'),
  },
]

export const POSTGRES = [
  {
    what: 'nothing listens at the port of PostgreSQL',
    ...unstarted('DATABASE_URL'),
    check: 'postgres.reach',
    found: /nothing listens at 127\.0\.0\.1:\d+$/,
    todo: /start PostgreSQL, or correct host and port in DATABASE_URL/,
  },
  {
    what: 'whoever listens at the port of PostgreSQL says nothing',
    break: async (world) => {
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { port: await listener(world.t, () => {}) })
    },
    check: 'postgres.reach',
    found: /did not answer within 5 s/,
    todo: /check host, port and sslmode in DATABASE_URL/,
    mend: correct('DATABASE_URL', 'port'),
  },
  {
    what: 'there is no such database',
    break: (world) => {
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { pathname: `/${world.name}_db` })
    },
    check: 'postgres.login',
    found: /world_\d+_db/,
    todo: /CREATE DATABASE "world_\d+_db";/,
    mend: async (world, finding) => {
      // Created, it has no tables; the right one has.
      await world.obeySql(finding)
      const { faults } = await world.doctor()
      if (faults.map(({ check }) => check).join() !== 'postgres.tables') throw new Error(JSON.stringify(faults))
      await world.sql('DROP DATABASE IF EXISTS $n_db')
      back('DATABASE_URL')(world)
    },
  },
  {
    what: 'there is no such role',
    break: (world) => {
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: `${world.name}_nobody` })
    },
    check: 'postgres.login',
    found: /world_\d+_nobody/,
    todo: /CREATE ROLE "world_\d+_nobody" LOGIN PASSWORD/,
    mend: async (world, finding) => {
      const role = `${world.name}_nobody`
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      await world.obeySql(finding)
      // Created, it may do nothing yet: what is said then is done too.
      for (let left = await world.doctor(); left.faults.length > 0; left = await world.doctor()) {
        await world.obeySql(left.faults[0])
      }
      const { findings } = await world.doctor()
      for (const each of findings.filter(({ level, todo }) => level === 'note' && todo.length > 0))
        await world.obeySql(each)
    },
  },
  {
    what: 'the password of PostgreSQL is wrong',
    break: async (world) => {
      const role = `${world.name}_login`
      await world.sql(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'right'`)
      const [{ hba_file: file }] = await world.sql('SHOW hba_file')
      const lines = (await world.sql(`SELECT pg_read_file('${file}') AS text`))[0].text
      const write = (text) => world.sql(`COPY (SELECT unnest(string_to_array($t$${text}$t$, E'\\n'))) TO '${file}'`)
      await write(`host all ${role} 127.0.0.1/32 scram-sha-256\n${lines}`)
      await world.sql('SELECT pg_reload_conf()')
      world.t.after(async () => {
        await write(lines)
        await world.sql('SELECT pg_reload_conf()')
        await world.sql(`DROP ROLE ${role}`)
      })
      await new Promise((resolve) => setTimeout(resolve, 300))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role, password: 'wrong' })
    },
    check: 'postgres.login',
    found: /refuses the login .*28P01/,
    todo: /correct the password in DATABASE_URL.*ALTER ROLE "world_\d+_login" PASSWORD '…';/s,
    mend: (world, { todo }) => world.sql(todo.find((line) => line.endsWith(';')).replace('…', 'wrong')),
  },
  {
    what: 'the role has no connection left',
    break: async (world) => {
      const role = `${world.name}_limited`
      await world.sql(
        `CREATE ROLE ${role} LOGIN CONNECTION LIMIT 0; GRANT ALL ON SCHEMA $n TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA $n TO ${role}`,
      )
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role })
      world.role = role
    },
    check: 'postgres.reach',
    found: /no connection left .*world_\d+_limited/,
    todo: /raise max_connections.*ALTER ROLE "world_\d+_limited" CONNECTION LIMIT -1;/s,
    mend: (world, { todo }) => world.obeySql({ todo: todo.slice(-1) }),
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
    what: 'a pooler in statement mode stands before PostgreSQL',
    sees: 'a pooler in another mode',
    needs: 'pgbouncer',
    break: async (world) => {
      world.env.DATABASE_URL = await openPooler(world.t, { url: world.servers.urls.direct, mode: 'statement' })
    },
    check: 'postgres.pooler',
    found: /statement mode/,
    todo: /pool_mode = transaction/,
    mend: async (world) => {
      world.env.DATABASE_URL = await openPooler(world.t, { url: world.servers.urls.direct, mode: 'transaction' })
    },
  },
  {
    what: 'a pooler in transaction mode stands before PostgreSQL',
    needs: 'pgbouncer',
    break: async (world) => {
      world.env.DATABASE_URL = await openPooler(world.t, { url: world.servers.urls.direct, mode: 'transaction' })
    },
    check: 'postgres.pooler',
    level: 'note',
    found: /a pooler stands before PostgreSQL/,
    todo: /pgClient\.directUrl/,
    mend: back('DATABASE_URL'),
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
    what: 'there is no context table',
    works: false,
    break: (world) => world.sql('DROP TABLE $c CASCADE'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.contexts' does not exist/,
    todo: /^CREATE TABLE world_\d+\.contexts \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'there is not even the schema of the tables',
    works: false,
    break: (world) => world.sql('DROP SCHEMA $n CASCADE'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.contexts' does not exist$/,
    todo: /^CREATE SCHEMA "world_\d+";\nCREATE TABLE world_\d+\.contexts \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      const { findings } = await world.doctor()
      await world.obeySql(findings.find(({ check }) => check === 'postgres.tables'))
      await world.worker()
    },
  },
  {
    what: 'there is no status table',
    works: false,
    break: (world) => world.sql('DROP TABLE $s'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.statuses' does not exist/,
    todo: /^CREATE TABLE world_\d+\.statuses \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'a column is missing',
    works: false,
    break: (world) => world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT PRIMARY KEY)'),
    check: 'postgres.tables',
    found: /has no column 'context_data'/,
    todo: /^ALTER TABLE world_\d+\.contexts ADD COLUMN context_data JSONB NOT NULL DEFAULT '\{\}';$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'a column is of another type',
    works: false,
    break: (world) =>
      world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT PRIMARY KEY, context_data JSON NOT NULL)'),
    check: 'postgres.tables',
    found: /context_data.*json/,
    todo: /^ALTER TABLE world_\d+\.contexts ALTER COLUMN context_data TYPE jsonb USING .*;$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'the status column is too short',
    works: false,
    break: (world) => world.sql("ALTER TABLE $s ALTER COLUMN status TYPE VARCHAR(5) USING 'x'"),
    check: 'postgres.tables',
    found: /status.*varying\(5\)/,
    todo: /TYPE text USING status::text::text;$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'nothing keeps two rows of a run apart',
    works: false,
    break: (world) =>
      world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT NOT NULL, context_data JSONB NOT NULL)'),
    check: 'postgres.tables',
    found: /no unique index of 'run_id'/,
    todo: /ADD PRIMARY KEY \(run_id\);/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'the user may not look into the schema of the tables',
    break: async (world) => {
      const role = `${world.name}_outsider`
      await world.sql(`CREATE ROLE ${role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA $n TO ${role}`)
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role })
    },
    check: 'postgres.tables',
    found: /permission denied for schema world_\d+ /,
    todo: /^GRANT USAGE ON SCHEMA "world_\d+" TO world_\d+_outsider;$/,
    mend: (world, finding) => world.obeySql(finding),
  },
  {
    what: 'the user may not write the status table',
    break: async (world) => {
      const role = `${world.name}_reader`
      await world.sql(
        `CREATE ROLE ${role} LOGIN; GRANT ALL ON SCHEMA $n TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA $n TO ${role}; REVOKE INSERT, UPDATE ON $s FROM ${role}`,
      )
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role })
    },
    check: 'postgres.tables',
    found: /the user 'world_\d+_reader' lacks a privilege/,
    todo: /^GRANT INSERT, UPDATE ON world_\d+\.statuses TO "world_\d+_reader";$/,
    mend: (world, finding) => world.obeySql(finding),
  },
  {
    what: 'the user may not delete',
    break: async (world) => {
      const role = `${world.name}_keeper`
      await world.sql(
        `CREATE ROLE ${role} LOGIN; GRANT ALL ON SCHEMA $n TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA $n TO ${role}; REVOKE DELETE ON $s FROM ${role}`,
      )
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role })
    },
    check: 'postgres.rights',
    level: 'note',
    found: /may not delete from 'world_\d+\.statuses'/,
    todo: /^GRANT DELETE ON world_\d+\.statuses TO "world_\d+_keeper";$/,
    mend: (world, finding) => world.obeySql(finding),
  },
  ...['schedules', 'journal', 'workers', 'paused', 'history'].map((suffix) => ({
    what: `the user may not read the ${suffix}, a table that migrate made`,
    works: false,
    break: async (world) => {
      const role = `${world.name}_${suffix}`
      await world.sql(
        `CREATE ROLE ${role} LOGIN; GRANT ALL ON SCHEMA $n TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA $n TO ${role}; REVOKE SELECT, DELETE ON $c_${suffix} FROM ${role}`,
      )
      world.t.after(() => world.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { username: role })
    },
    check: 'postgres.rights',
    found: new RegExp(`lacks a privilege on 'world_\\d+\\.contexts_${suffix}', which migrate made`),
    todo: new RegExp(`^GRANT SELECT, DELETE ON world_\\d+\\.contexts_${suffix} TO "world_\\d+_${suffix}";$`),
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  })),
  {
    what: 'new status rows owe a value that only a client knows',
    break: (world) =>
      world.sql('ALTER TABLE $s ADD COLUMN tenant INT; ALTER TABLE $s ALTER COLUMN tenant SET NOT NULL'),
    check: 'postgres.tables',
    level: 'note',
    found: /has to say 'tenant'/,
    todo: /^$/,
    mend: (world) => world.sql('ALTER TABLE $s ALTER COLUMN tenant SET DEFAULT 1'),
  },
  {
    what: 'no step of migrate is done',
    break: (world) => world.run('migrate down --yes'),
    check: 'postgres.migrations',
    level: 'note',
    found: /9 of 9 steps of migrate are not done: 1 \(journal\)/,
    todo: /^flowcraft-rabbitmq migrate up/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
  {
    what: 'migrate was left half done: its last steps are missing',
    break: (world) => world.sql('DROP TABLE $c_paused CASCADE'),
    check: 'postgres.migrations',
    level: 'note',
    found: /^1 of 8 steps of migrate (is|are) not done: 8 /,
    todo: /^flowcraft-rabbitmq migrate up/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
  {
    what: 'an index was left half made',
    break: (world) =>
      world.sql(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '$n.statuses_open'::regclass`),
    check: 'postgres.migrations',
    level: 'note',
    found: /the index .*statuses_open was left half made/,
    todo: /^flowcraft-rabbitmq migrate up$/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
  {
    what: 'the clock of this machine is two hours behind',
    break: (world) => {
      const shift = 'const now = Date.now; Date.now = () => now() - 7_200_000'
      world.node = ['--import', `data:text/javascript,${encodeURIComponent(shift)}`]
    },
    check: 'postgres.clock',
    found: /the clock of this machine is (2 h|1 h 59 m) behind that of PostgreSQL/,
    todo: /NTP/,
    mend: (world) => {
      world.node = []
    },
  },
  {
    what: 'the clock of this machine is two hours ahead',
    break: (world) => {
      const shift = 'const now = Date.now; Date.now = () => now() + 7_200_000'
      world.node = ['--import', `data:text/javascript,${encodeURIComponent(shift)}`]
    },
    check: 'postgres.clock',
    found: /the clock of this machine is (2 h|1 h 59 m) ahead of that of PostgreSQL/,
    todo: /NTP/,
    mend: (world) => {
      world.node = []
    },
  },
]

export const REDIS = [
  {
    what: 'nothing listens at the port of Redis',
    ...unstarted('REDIS_URL'),
    check: 'redis.reach',
    found: /nothing listens at 127\.0\.0\.1:\d+$/,
    todo: /start Redis, or correct host and port in REDIS_URL/,
  },
  {
    what: 'whoever listens at the port of Redis says nothing',
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
    todo: /REDIS_URL/,
    mend: back('REDIS_URL'),
  },
  {
    what: 'Redis wants a password',
    sees: 'another Redis',
    break: async (world) => {
      const { url, client } = await redisOf(world, [])
      await client.config('SET', 'requirepass', 'secret')
      world.right = at(url, { password: 'secret' })
    },
    check: 'redis.login',
    found: /NOAUTH|login|Auth/i,
    todo: /redis:\/\/:pass@host/,
    mend: (world) => {
      world.env.REDIS_URL = world.right
    },
  },
  {
    what: 'the password of Redis is wrong',
    sees: 'another Redis',
    break: async (world) => {
      const { url, client } = await redisOf(world, [])
      await client.config('SET', 'requirepass', 'secret')
      world.right = at(url, { password: 'secret' })
      world.env.REDIS_URL = at(url, { password: 'wrong' })
    },
    check: 'redis.login',
    found: /refuses the login|WRONGPASS/,
    todo: /correct user and password in REDIS_URL/,
    mend: (world) => {
      world.env.REDIS_URL = world.right
    },
  },
  {
    what: 'Redis may forget leases to make room',
    sees: 'another Redis',
    break: async (world) => {
      world.own = await redisOf(world, ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'])
    },
    check: 'redis.eviction',
    level: 'note',
    found: /may evict leases.*allkeys-lru/,
    todo: /redis-cli CONFIG SET maxmemory-policy noeviction/,
    mend: (world, finding) => obeyRedis(finding, world.own.client),
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
  {
    what: 'Redis is full',
    sees: 'another Redis',
    break: async (world) => {
      world.own = await redisOf(world, ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'])
    },
    check: 'redis.writes',
    found: /OOM|memory/i,
    todo: /redis-cli INFO memory/,
    mend: (world) => world.own.client.config('SET', 'maxmemory', '0'),
  },
  {
    what: 'the user of Redis may not write',
    sees: 'another Redis',
    break: async (world) => {
      world.own = await redisOf(world, [])
      await world.own.client.call(
        'ACL',
        'SETUSER',
        'limited',
        'on',
        '>secret',
        '~other:*',
        '+ping',
        '+info',
        '+hello',
        '+client',
        '+select',
      )
      world.env.REDIS_URL = at(world.own.url, { username: 'limited', password: 'secret' })
    },
    check: 'redis.rights',
    found: /NOPERM|permission/i,
    todo: /redis-cli ACL SETUSER <user>/,
    mend: async (world, { todo }) => {
      for (const line of todo.filter((each) => each.startsWith('redis-cli ')))
        await obeyRedis({ todo: [line.replace('<user>', 'limited')] }, world.own.client)
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

export const FLEET = [
  {
    what: 'no worker has the blueprint of runs',
    works: false,
    break: async (world) => {
      await startRuns(world, 'single', 2)
      await world.servers.publisher // none of ours takes them away
      await world.worker({ has: [flows.order] })
      await world.isDead(2)
      await world.sql("UPDATE $s SET status = 'running'")
    },
    check: 'workers.blueprints',
    also: ['queue.dead'],
    found: /no registered worker has the blueprint 'single', which 2 running runs follow/,
    todo: /runtimeOptions\.blueprints.*dead replay/s,
    mend: async (world) => {
      await world.worker({ has: Object.values(flows) })
      await world.run('dead replay --all --yes')
      await world.settledDown()
    },
  },
  {
    what: 'a run has not changed for longer than was allowed',
    break: async (world) => {
      world.flags = ['--max-age', '1h']
      await world.sql(
        "INSERT INTO $c VALUES ('old', '{}'); INSERT INTO $s VALUES ('old', 'running', NULL, now() - interval '2 hours')",
      )
    },
    check: 'runs.age',
    found: /the oldest last changed 2 h ago/,
    todo: /runs list --status running --updated-before 3600s/,
    mend: (world) => world.sql('DELETE FROM $s; DELETE FROM $c'),
  },
  {
    what: 'the workers register in another Redis',
    sees: 'another Redis',
    break: (world) => redisOf(world, []),
    check: 'workers.registered',
    level: 'note',
    found: /no worker is registered for 'world_\d+-jobs', but 1 consumer works there/,
    todo: /compare REDIS_URL with that of the workers/,
    mend: back('REDIS_URL'),
  },
  {
    what: 'the only worker was killed, and is still registered',
    works: false,
    break: async (world) => {
      const settings = {
        amqpConnection: world.env.AMQP_URL,
        pgClient: world.env.DATABASE_URL,
        redis: world.env.REDIS_URL,
        contextTableName: world.contextTable,
        statusTableName: world.statusTable,
        queueName: world.queue,
      }
      const env = { ...world.env, SETTINGS: JSON.stringify(settings) }
      const worker = start(['worker', WORKER], { env })
      world.t.after(() => worker.child.kill('SIGKILL'))
      await world.isRegistered(world.queue)
      worker.child.kill('SIGKILL')
      await worker.done
      await startRuns(world, 'single', 2)
    },
    check: 'queue.consumers',
    found: /^nobody consumes the queue 'world_\d+-jobs'; 2 jobs wait$/,
    todo: /^start a worker with queueName: 'world_\d+-jobs', or see why it does not run/,
    mend: async (world) => {
      await world.worker()
      await world.settledDown()
    },
  },
  {
    what: 'there are no workers at all',
    works: false,
    break: (world) => startRuns(world, 'single', 1),
    check: 'workers.registered',
    level: 'note',
    also: ['queue.consumers'],
    found: /no worker is registered for 'world_\d+-jobs'$/,
    todo: /flowcraft-rabbitmq worker/,
    mend: async (world) => {
      await world.worker()
      await world.settledDown()
    },
  },
]
