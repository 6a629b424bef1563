/** The servers of a command, opened when they are first used. */
import type { ILogger } from 'flowcraft'
import { RedisCoordinationStore } from '../api/redis-coordination-store.js'
import type { Broker, Database, Store } from '../bridge/native.js'
import { RabbitMqClient } from '../client/client.js'
import { openClientHost } from '../client/create.js'
import type { Flows } from '../client/flows.js'
import type { ClientHost } from '../client/host.js'
import { openBroker } from '../connections/amqp.js'
import { openDatabase } from '../connections/postgres.js'
import { openRedis } from '../connections/redis.js'
import type { RabbitMqClientOptions } from '../options/client.js'
import type { ValueCodec } from '../options/codec.js'
import type { Call } from './command.js'
import { usage } from './exit.js'
import type { Io } from './io.js'
import { loadCodec } from './modules.js'
import { type Settings, settingsOf } from './settings.js'

/** A server, as people name it, and how it is said where it is. */
const SAYING = {
  amqp: ['RabbitMQ', '--amqp amqp://user:pass@host:5672', 'AMQP_URL', 'amqpConnection'],
  database: ['PostgreSQL', '--database postgres://user:pass@host:5432/name', 'DATABASE_URL', 'pgClient'],
  redis: ['Redis', '--redis redis://host:6379', 'REDIS_URL', 'redis'],
} as const
export type ServerName = keyof typeof SAYING

/** How long a server may take to answer a person, in milliseconds. */
const PATIENCE = { connectTimeout: 5_000, statementTimeout: 60_000 }
/** Taken for a server that the command does not talk to. */
const NOWHERE = { amqp: 'amqp://127.0.0.1:1', database: 'postgres://127.0.0.1:1/none' }

export class Servers {
  readonly settings: Settings
  readonly #io: Io
  readonly #open: { close(): Promise<void> | void }[] = []
  readonly #codec: ValueCodec | undefined
  #host: ClientHost | undefined

  constructor(settings: Settings, io: Io, codec: ValueCodec | undefined) {
    this.settings = settings
    this.#io = io
    this.#codec = codec
  }

  /**
   * Opens what a command works with, and closes it at the end.
   *
   * @param needs The servers that have to be named.
   */
  static async use<T>(call: Call, needs: readonly ServerName[], work: (servers: Servers) => Promise<T>): Promise<T> {
    const settings = settingsOf(call.parsed)
    const servers = new Servers(settings, call.io, await loadCodec(settings.codec))
    servers.require(needs)
    try {
      return await work(servers)
    } finally {
      await servers.close()
    }
  }

  /** @throws CliError naming a server that nobody named. */
  require(needs: readonly ServerName[]): void {
    for (const name of needs) {
      if (this.settings[name] !== undefined) continue
      const [title, flag, variable, key] = SAYING[name]
      throw usage(
        `The address of ${title} is not set`,
        `export ${variable}=…, or ${flag}, or "${key}" under "rabbitmq" in .flowcraft.json`,
      )
    }
  }

  /** A client, with an engine of its own. */
  client(flows: Flows = {}): RabbitMqClient {
    return new RabbitMqClient(this.host(flows))
  }

  /** What a client stands on. The flows of the first call count. */
  host(flows: Flows = {}): ClientHost {
    if (this.#host) return this.#host
    const { host, close } = openClientHost(this.#clientOptions(flows))
    this.#open.push({ close })
    this.#host = host
    return host
  }

  database(): Database {
    const database = openDatabase(this.settings.database, 'pgClient', PATIENCE)
    this.#open.push({ close: () => database.letGo() })
    return database
  }

  broker(): Broker {
    const { queueType, maxPriority } = this.settings
    const broker = openBroker(this.settings.amqp, {
      queueType,
      maxPriority,
      connectTimeout: PATIENCE.connectTimeout,
      publishTimeout: 15_000,
    })
    this.#open.push(broker)
    return broker
  }

  store(): Store {
    return openRedis(this.settings.redis)
  }

  /** Every queue of jobs: the usual one first. */
  get queues(): string[] {
    return [...new Set([this.settings.queue, ...Object.values(this.settings.queues).sort()])]
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((each) => each.close()))
  }

  #clientOptions(blueprints: Flows): RabbitMqClientOptions {
    const {
      amqp = NOWHERE.amqp,
      database = NOWHERE.database,
      redis,
      contexts,
      statuses,
      queue,
      queues,
      queueType,
      maxPriority,
    } = this.settings
    return {
      amqpConnection: amqp,
      pgClient: database,
      ...(redis !== undefined && { coordinationStore: new RedisCoordinationStore(redis) }),
      contextTableName: contexts,
      statusTableName: statuses,
      queueName: queue,
      queues,
      ...(queueType && { queueType }),
      ...(maxPriority && { maxPriority }),
      ...PATIENCE,
      blueprints,
      ...(this.#codec && { codec: this.#codec }),
      logger: loggerOf(this.#io),
    }
  }
}

/** What the engine says goes to standard error. */
export function loggerOf(io: Io): ILogger {
  return {
    debug: () => {},
    info: () => {},
    warn: (message) => io.note(message, 'yellow'),
    error: (message) => io.note(message, 'red'),
  }
}
