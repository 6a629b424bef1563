/** Where the servers and tables are: flags come before the environment, and that before the file. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isObject } from '../is-object.js'
import { ADAPTER_SCHEMA } from '../options/adapter-schema.js'
import { type AmqpOptions, amqpServer } from '../options/amqp.js'
import { httpUrl, isHttpUrl, queueName, queuesByBlueprint, tableName, text } from '../options/kinds.js'
import { memoryName } from '../options/memory.js'
import { type PostgresOptions, postgresServer } from '../options/postgres.js'
import { type RedisOptions, redisServer } from '../options/redis.js'
import { type AnySchema, check, unknownOptions } from '../options/schema.js'
import { usage } from './exit.js'
import type { Parsed } from './parsed.js'

/** The file, as flowcraft's own command line has it: ours is what stands under this key. */
const FILE = '.flowcraft.json'
const KEY = 'rabbitmq'

/** Where the servers and tables are, as far as anybody said. */
export interface Settings {
  amqp?: string | string[] | AmqpOptions
  database?: string | PostgresOptions
  redis?: string | RedisOptions
  contexts: string
  statuses: string
  queue: string
  queues: Record<string, string>
  queueType?: 'classic' | 'quorum'
  maxPriority?: number
  /** Where RabbitMQ's management plugin answers, with the login. */
  management?: string
  /** A module with the blueprints: a path. */
  blueprints?: string
  /** A module with the workers' codec: a path. */
  codec?: string
  /** Of each server, who named it. */
  from: Record<'amqp' | 'database' | 'redis', string | undefined>
}

/** What the file may say, under the names of the adapter's options. */
export const FILE_SCHEMA = {
  amqpConnection: {
    takes: amqpServer(),
    words: 'RabbitMQ: a URL, several URLs of one cluster, or an object of options.',
    example: "amqpConnection: 'amqp://localhost'",
  },
  pgClient: {
    takes: postgresServer(),
    words: 'PostgreSQL: a connection string, or an object of options.',
    example: "pgClient: 'postgres://localhost/shop'",
  },
  redis: {
    takes: redisServer,
    words: 'Redis: a URL, or an object of options.',
    example: "redis: 'redis://localhost'",
  },
  contextTableName: { ...only(ADAPTER_SCHEMA.contextTableName), takes: tableName(), required: false },
  statusTableName: { ...only(ADAPTER_SCHEMA.statusTableName), takes: tableName(), required: false },
  queueName: { ...only(ADAPTER_SCHEMA.queueName), takes: queueName() },
  queues: { ...only(ADAPTER_SCHEMA.queues), takes: queuesByBlueprint() },
  queueType: only(ADAPTER_SCHEMA.queueType),
  maxPriority: only(ADAPTER_SCHEMA.maxPriority),
  managementUrl: {
    takes: httpUrl(),
    words: "RabbitMQ's management plugin, from which `queues` has its rates: a URL with a login.",
    example: "managementUrl: 'http://monitor:pass@localhost:15672'",
  },
  blueprints: {
    takes: text({ atLeast: 1 }),
    words: 'A module that exports the blueprints; a path from the folder of this file.',
    example: "blueprints: './flows.js'",
  },
  codec: {
    takes: text({ atLeast: 1 }),
    words: "A module that exports the workers' codec; a path from the folder of this file.",
    example: "codec: './codec.js'",
  },
} as const satisfies AnySchema

/** The options of an adapter, without what only an adapter needs. */
function only<O extends { group: string; default?: unknown }>({ group: _, default: __, ...option }: O) {
  return option
}

/**
 * @throws CliError naming the setting that cannot be used, and where it stands.
 */
export function settingsOf(parsed: Parsed, env: NodeJS.ProcessEnv = process.env): Settings {
  const { said, path } = fromFile(parsed.text('config'))
  const pick = <T>(
    flag: string,
    variable: string,
    inFile: T | undefined,
  ): [string | T | undefined, string | undefined] => {
    const given = parsed.text(flag)
    if (given !== undefined) return [given, `--${flag}`]
    const set = env[variable]?.trim()
    if (set) return [set, variable]
    return inFile === undefined ? [undefined, undefined] : [inFile, path]
  }
  const [amqp, amqpFrom] = pick('amqp', 'AMQP_URL', said.amqpConnection)
  const [database, databaseFrom] = pick('database', 'DATABASE_URL', said.pgClient)
  const [redis, redisFrom] = pick('redis', 'REDIS_URL', said.redis)
  const [management, managementFrom] = pick('management-url', 'RABBITMQ_MANAGEMENT_URL', said.managementUrl)
  if (management !== undefined && !isHttpUrl(management)) {
    // Never with what was given: it may hold a password.
    throw usage(`${managementFrom} takes a URL that begins with http:// or https://`)
  }
  const blueprints = parsed.text('blueprints') ?? (said.blueprints && resolve(dirname(path), said.blueprints))
  const codec = parsed.text('codec') ?? (said.codec && resolve(dirname(path), said.codec))
  const urls = typeof amqp === 'string' && amqp.includes(',') ? amqp.split(',') : amqp
  const settings = {
    ...(urls !== undefined && { amqp: urls }),
    ...(database !== undefined && { database }),
    ...(redis !== undefined && { redis }),
    contexts: parsed.text('contexts') ?? said.contextTableName ?? 'flowcraft_contexts',
    statuses: parsed.text('statuses') ?? said.statusTableName ?? 'flowcraft_statuses',
    queue: parsed.text('queue') ?? said.queueName ?? ADAPTER_SCHEMA.queueName.default,
    queues: said.queues ?? {},
    ...(said.queueType && { queueType: said.queueType }),
    ...(said.maxPriority && { maxPriority: said.maxPriority }),
    ...(management !== undefined && { management }),
    ...(blueprints !== undefined && { blueprints }),
    ...(codec !== undefined && { codec }),
    from: { amqp: amqpFrom, database: databaseFrom, redis: redisFrom },
  } as Settings
  refuseMemory(settings)
  return settings
}

interface FromFile {
  amqpConnection?: string | string[] | AmqpOptions
  pgClient?: string | PostgresOptions
  redis?: string | RedisOptions
  contextTableName?: string
  statusTableName?: string
  queueName?: string
  queues?: Record<string, string>
  queueType?: 'classic' | 'quorum'
  maxPriority?: number
  managementUrl?: string
  blueprints?: string
  codec?: string
}

function fromFile(named: string | undefined): { said: FromFile; path: string } {
  const path = resolve(named ?? FILE)
  if (!existsSync(path)) {
    if (named !== undefined) throw usage(`There is no file ${named} (--config)`)
    return { said: {}, path }
  }
  let read: unknown
  try {
    read = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    // Never in the parser's words: it quotes the file, which may hold a password.
    throw usage(`${path} is not JSON`)
  }
  const said = isObject(read) ? read[KEY] : undefined
  if (said === undefined) return { said: {}, path }
  if (!isObject(said)) throw usage(`"${KEY}" in ${path} is an object of settings`)
  const unknown = unknownOptions(FILE_SCHEMA, said, KEY)
  if (unknown.length > 0) {
    throw usage(`${path}: ${unknown.join('; ')}`, `settings there are: ${Object.keys(FILE_SCHEMA).join(', ')}`)
  }
  try {
    check(FILE_SCHEMA, said, KEY)
  } catch (error) {
    throw usage(`${path}: ${(error as Error).message}`)
  }
  return { said, path }
}

/** The memory of this process is nobody else's. */
function refuseMemory({ amqp, database, redis, from }: Settings): void {
  for (const [name, given] of Object.entries({ amqp, database, redis })) {
    if (memoryName(given) !== undefined) {
      throw usage(
        `'memory:' (${from[name as keyof typeof from]}) is a server inside one process: nothing can be seen of it from here`,
      )
    }
  }
}
