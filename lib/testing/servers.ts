/** Where an environment's tables and queue are: in a memory of its own, or in a schema of its own on real servers. */
import { randomBytes } from 'node:crypto'
import { RedisCoordinationStore } from '../api/redis-coordination-store.js'
import { Memory } from '../bridge/native.js'
import { mistake } from '../errors.js'
import { forgetAlarms } from '../execution/alarms.js'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'
import type { TestServers } from './options.js'

/** The options by which everything of an environment reaches its servers. */
export type ServerOptions = Required<
  Pick<
    RabbitMqAdapterOptions,
    'amqpConnection' | 'pgClient' | 'coordinationStore' | 'contextTableName' | 'statusTableName' | 'queueName'
  >
>

/** Servers that are opened for one environment. */
export interface OpenServers {
  readonly options: ServerOptions
  /** The memory that they are, if they are one, and its name. */
  readonly memory?: { readonly name: string; readonly server: Memory }
  /** Takes down what was made. */
  close(): Promise<void>
}

/** Other environments of this process, and of others on the same servers, have other names. */
function freshName(): string {
  return `flowcraft_test_${randomBytes(6).toString('hex')}`
}

/** A memory that nobody else names. */
export function openMemory(): OpenServers {
  const name = freshName()
  const server = new Memory(name)
  const url = `memory:${name}`
  server.declareQueue('jobs')
  const close = async () => {
    forgetAlarms(name)
    server.forget()
  }
  const options = optionsOf({ amqp: url, database: url, redis: url }, '', 'jobs')
  server.makeSchedules({ contexts: options.contextTableName, statuses: options.statusTableName })
  return { options, memory: { name, server }, close }
}

/** A schema and a queue of real servers that nobody else names. */
export async function openRealServers(servers: TestServers): Promise<OpenServers> {
  const { Client } = (await peer('pg')) as { Client: new (connectionString: string) => PgClient }
  const { connect } = (await peer('amqplib')) as { connect(url: string): Promise<AmqpConnection> }
  const name = freshName()
  const query = async (text: string) => {
    const client = new Client(servers.database)
    await client.connect()
    await client.query(text).finally(() => client.end())
  }
  const options = optionsOf(servers, `${name}.`, name)
  await query(`CREATE SCHEMA ${name};
    CREATE TABLE ${options.contextTableName} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);
    CREATE TABLE ${options.statusTableName}
      (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())`)
  const close = async () => {
    await query(`DROP SCHEMA ${name} CASCADE`)
    const connection = await connect(servers.amqp)
    const channel = await connection.createChannel()
    for (const queue of queuesOf(name)) await channel.deleteQueue(queue)
    await connection.close()
  }
  return { options, close }
}

function optionsOf({ amqp, database, redis }: TestServers, schema: string, queueName: string): ServerOptions {
  return {
    amqpConnection: amqp,
    pgClient: database,
    coordinationStore: new RedisCoordinationStore(redis),
    contextTableName: `${schema}contexts`,
    statusTableName: `${schema}statuses`,
    queueName,
  }
}

/** The shortest delay queue's time, in milliseconds, and how often it is doubled up to the longest: `src/ports/delay.rs`. */
const SHORTEST_DELAY = 100
const DOUBLINGS = 24

/** Every queue that may have been made for the jobs of one. */
function queuesOf(queue: string): string[] {
  const delays = Array.from({ length: DOUBLINGS + 1 }, (_, step) => `${queue}.delay.${SHORTEST_DELAY * 2 ** step}`)
  return [queue, `${queue}.dead`, ...delays]
}

interface PgClient {
  connect(): Promise<unknown>
  query(text: string): Promise<unknown>
  end(): Promise<void>
}
interface AmqpConnection {
  createChannel(): Promise<{ deleteQueue(queue: string): Promise<unknown> }>
  close(): Promise<void>
}

/** A package that only environments on real servers need. */
async function peer(name: 'pg' | 'amqplib'): Promise<unknown> {
  try {
    const loaded = (await import(name)) as { default?: unknown }
    return loaded.default ?? loaded
  } catch (cause) {
    const message = `The option servers needs the package ${name}, which makes and removes what a test uses: npm install --save-dev ${name}`
    throw Object.assign(mistake('INVALID_OPTION', message, { option: 'servers' }), { cause })
  }
}
