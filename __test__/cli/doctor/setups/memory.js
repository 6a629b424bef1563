// Servers that are short of memory: they take nothing more, or forget what they have.
import { obeyRedis, redisOf } from '../support.js'

export const MEMORY = [
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
]
