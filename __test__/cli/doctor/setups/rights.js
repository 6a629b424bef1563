// Users that are let in, and may not do what the adapter does.
import { at } from '../mends.js'
import { obeyRedis, redisOf } from '../support.js'

export const RIGHTS = [
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
  ...['schedules', 'journal', 'workers', 'paused', 'history', 'throughput'].map((suffix) => ({
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
]
