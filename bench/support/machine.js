// What the figures were measured on.
import { execFile } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { promisify } from 'node:util'
import amqplib from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'

/**
 * @param {object} urls of the servers
 * @param {string[]} packages of those who take part
 * @returns {Promise<string[]>} lines
 */
export async function machine(urls, packages) {
  const processors = cpus()
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const [postgres, rabbitmq, redis, rust] = await Promise.all([
    postgresVersion(urls.database),
    rabbitmqVersion(urls.amqp),
    redisVersion(urls.redis),
    promisify(execFile)('rustc', ['--version']).then(
      ({ stdout }) => stdout.split(' ')[1],
      () => 'unknown',
    ),
  ])
  const peers = await Promise.all(packages.map(async (name) => `${name} ${await versionOf(name)}`))
  return [
    `${processors.length} cores (${processors[0]?.model.trim() ?? 'unknown'}), ${gigabytes} GB, ${process.platform} ${process.arch}; every server on it`,
    `Node.js ${process.versions.node}, Rust ${rust}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}, Redis ${redis}`,
    ...(peers.length > 0 ? [peers.join(', ')] : []),
    new Date().toISOString().slice(0, 10),
  ]
}

async function postgresVersion(connectionString) {
  const database = new pg.Client({ connectionString })
  await database.connect()
  const { rows } = await database.query('SHOW server_version')
  const durable = await database.query('SHOW synchronous_commit')
  await database.end()
  return `${rows[0].server_version.split(' ')[0]} (synchronous_commit ${durable.rows[0].synchronous_commit})`
}

async function rabbitmqVersion(url) {
  const connection = await amqplib.connect(url)
  const { version } = connection.connection.serverProperties
  await connection.close()
  return version
}

async function redisVersion(url) {
  const redis = new Redis(url)
  const info = await redis.info('server')
  redis.disconnect()
  return info.match(/^redis_version:(\S+)/m)[1]
}

async function versionOf(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return (await import(file.href, { with: { type: 'json' } })).default.version
}
