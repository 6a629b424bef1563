// Every fault of a server or a worker: what it does, and when it is over. A fault resolves when its cause is gone; what
// the fleet makes of it from then on is its recovery.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'

/** How long a server is away: longer than a lease of two seconds. */
const A_WHILE = 3000

export const rabbitmq = {
  connectionsClosed: (servers) => asSeen(servers, () => servers.rabbitmq.ctl('close_all_connections', 'by a test')),

  /** As the broker does when a delivery was not acknowledged in time, and for many another reason. */
  channelsClosed: (servers) =>
    asSeen(servers, () =>
      servers.rabbitmq.ctl(
        'eval',
        '[exit(Channel, {amqp_error, precondition_failed, "by a test", none}) || Channel <- rabbit_channel:list_local()].',
      ),
    ),

  restarted: (servers) => servers.rabbitmq.restart(),
  crashed: (servers) => servers.rabbitmq.restart({ signal: 'SIGKILL' }),

  /** The broker reads nothing more from whoever publishes. */
  async memoryAlarm(servers, duration = A_WHILE / 2) {
    await servers.rabbitmq.ctl('set_vm_memory_high_watermark', '0')
    await sleep(duration)
    await servers.rabbitmq.ctl('set_vm_memory_high_watermark', '0.4')
  },

  /** With every message in it, whose number is answered. */
  async queueDeleted(servers, queue = servers.queue) {
    const connection = await amqplib.connect(servers.urls.amqp)
    const channel = await connection.createChannel()
    const { messageCount } = await channel.deleteQueue(queue)
    await channel.assertQueue(queue, { durable: true })
    await connection.close()
    return messageCount
  },
}

/** A command takes a second to end: what it did, it did when a channel of ours went. Answers with that moment. */
async function asSeen(servers, command) {
  const connection = await amqplib.connect(servers.urls.amqp)
  connection.on('error', () => {})
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  const closed = once(channel, 'close').then(() => Date.now())
  await command()
  const moment = await closed
  await connection.close().catch(() => {})
  return moment
}

export const postgres = {
  async backendsTerminated(servers) {
    const client = await connect(servers)
    await terminateAllBut(client, 'fault')
    await client.end()
  },

  restarted: (servers) => servers.postgres.restart(),
  crashed: (servers) => servers.postgres.restart({ signal: 'SIGKILL' }),

  async away(servers, duration = A_WHILE) {
    await servers.postgres.stop()
    await sleep(duration)
    await servers.postgres.start()
  },

  /** Nothing gets through the connections that are open, longer than a statement may take; then all of it does. */
  async frozen(proxy, duration = A_WHILE + 1000) {
    const thaw = proxy.freeze()
    await sleep(duration)
    thaw()
  },

  /** Connections that are open get no answer any more. */
  async silent(proxy) {
    proxy.silence({ ways: 'answers' })
    await sleep(A_WHILE)
  },

  /** Somebody locks the rows of these runs in one of the tables. */
  async rowsLocked(servers, table, runs, duration = A_WHILE) {
    const client = await connect(servers)
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    const { rowCount } = await client.query(`SELECT FROM ${table} WHERE run_id = ANY ($1) FOR UPDATE`, [runs])
    await sleep(duration)
    await client.query('COMMIT').catch(() => {})
    await client.end()
    return rowCount
  },

  /** Other clients hold every connection there is, those of the workers too. */
  async outOfConnections(servers, duration = A_WHILE / 2) {
    const held = []
    const hold = async () => {
      const clients = await Promise.allSettled(Array.from({ length: 20 }, () => connect(servers)))
      held.push(...clients.flatMap(({ value }) => value ?? []))
      return clients.some(({ status }) => status === 'rejected')
    }
    while (!(await hold()));
    await terminateAllBut(held[0], 'fault')
    for (const end = Date.now() + duration; Date.now() < end; await sleep(50)) await hold()
    await Promise.all(held.map((client) => client.end()))
  },
}

export const redis = {
  async flushed(servers) {
    const client = new Redis(servers.urls.redis)
    await client.flushall()
    client.disconnect()
  },

  restarted: (servers) => servers.redis.restart({ signal: 'SIGKILL' }),

  async away(servers, duration = A_WHILE) {
    await servers.redis.stop({ signal: 'SIGKILL' })
    await sleep(duration)
    await servers.redis.start()
  },
}

export const worker = {
  killed: (victim) => victim.stop('SIGKILL'),

  /** The process does nothing, and knows nothing of it, for longer than it takes others to take over its runs. */
  async frozen(victim, duration = 7000) {
    victim.signal('SIGSTOP')
    await sleep(duration)
    victim.signal('SIGCONT')
  },
}

async function connect(servers) {
  const client = new pg.Client({ connectionString: servers.urls.direct, application_name: 'fault' })
  client.on('error', () => {})
  await client.connect()
  return client
}

function terminateAllBut(client, name) {
  return client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND application_name IS DISTINCT FROM $1`,
    [name],
  )
}
