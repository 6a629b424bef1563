// Logins that a server refuses: passwords, roles, databases, virtual hosts, connections that are left.
import { at, correct } from '../mends.js'
import { redisOf } from '../support.js'

export const LOGINS = [
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
    what: 'there is no such database',
    break: (world) => {
      world.env.DATABASE_URL = at(world.env.DATABASE_URL, { pathname: `/${world.name}_db` })
    },
    check: 'postgres.login',
    found: /world_\d+_db/,
    todo: /CREATE DATABASE "world_\d+_db";/,
    mend: async (world, finding) => {
      world.t.after(() => world.sql('DROP DATABASE IF EXISTS $n_db WITH (FORCE)'))
      await world.obeySql(finding)
      // Created, it has neither schema nor tables: what is said then is done too, in there.
      world.database = world.env.DATABASE_URL
      await world.obeyAll()
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
      await world.obeyAll()
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
]
