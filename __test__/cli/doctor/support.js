// What several set-ups are broken or mended with: runs, and a Redis of their own.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import Redis from 'ioredis'
import { startRedis } from '../../../scripts/servers/redis.js'
import { openPlace } from '../../servers/support/servers.js'
import { flows } from '../programs/flows.js'

/** Starts so many runs of a blueprint, and answers with their ids. */
export async function startRuns(world, blueprintId, count) {
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

/** A Redis of the set-up alone, where the doctor looks; answers with a client of it too. */
export async function redisOf(world, options) {
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
export async function obeyRedis({ todo }, client) {
  const [, line] = todo.join('\n').match(/redis-cli ([^,;]+)/)
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare)
  await client.call(...words)
}
