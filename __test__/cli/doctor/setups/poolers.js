// Poolers before PostgreSQL.
import { openPooler } from '../../../servers/support/pooler.js'
import { name } from '../mends.js'

export const POOLERS = [
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
    todo: /^nothing, or give migrate a connection past it: pgClient\.directUrl$/,
    mend: name('a connection past it', 'DATABASE_URL'),
  },
]
