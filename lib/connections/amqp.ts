/** `amqpConnection`: a URL, several, an options object, a live amqplib connection, or a memory. */
import { type LiveSettings, liveBroker } from '../bridge/live-amqp.js'
import type { LiveAmqpConnection } from '../bridge/live-channels.js'
import { Broker } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import { ADAPTER_SCHEMA } from '../options/adapter-schema.js'
import { type AmqpOptions, amqpServer, isLiveAmqp } from '../options/amqp.js'
import { invalidOption } from '../options/invalid.js'
import { memoryName } from '../options/memory.js'
import { type Certificates, certificates } from './certificates.js'

const { accepts: ACCEPTS } = amqpServer()

const DEFAULTS: LiveSettings = {
  queueType: undefined,
  connectTimeout: ADAPTER_SCHEMA.connectTimeout.default,
  publishTimeout: ADAPTER_SCHEMA.publishTimeout.default,
}

/** Makes the broker; opens no connection. */
export function openBroker(option: unknown, settingsOfAll: LiveSettings = DEFAULTS): Broker {
  if (isLiveConnection(option)) return liveBroker(promised(option), settingsOfAll)
  const { queueType, maxPriority, connectTimeout } = settingsOfAll
  const memory = memoryName(option)
  if (memory !== undefined) return Broker.memory(memory, JSON.stringify({ queueType, maxPriority }))
  const settings = { ...describe(option), queueType, maxPriority, connectTimeout }
  try {
    return Broker.rabbitmq(JSON.stringify(settings))
  } catch {
    throw invalidOption('amqpConnection', ACCEPTS)
  }
}

function isLiveConnection(option: unknown): option is LiveAmqpConnection {
  return isObject(option) && isLiveAmqp(option)
}

/** A connection of amqplib's callback API has methods of the same names, which answer otherwise. */
function promised(connection: LiveAmqpConnection): LiveAmqpConnection {
  if (connection.constructor?.name === 'CallbackModel') {
    const accepts =
      "a connection of amqplib's promise API (import amqplib from 'amqplib'), not of 'amqplib/callback_api'"
    throw invalidOption('amqpConnection', accepts)
  }
  return connection
}

function describe(option: unknown): Certificates & { urls: string[] } {
  if (typeof option === 'string') return { urls: urls([option]) }
  if (Array.isArray(option)) return { urls: urls(option) }
  if (!isObject(option)) throw invalidOption('amqpConnection', ACCEPTS)
  const options = renamed(option)
  const given = options.url === undefined ? undefined : [options.url].flat()
  const known = ['hostname', 'port', 'protocol', 'username', 'password', 'vhost'] as const
  if (!given && known.every((field) => options[field] === undefined)) throw invalidOption('amqpConnection', ACCEPTS)
  return { urls: urls(given ?? [fromFields(options)]), ...certificates(options, 'amqpConnection') }
}

/** As other clients of RabbitMQ name the fields. */
function renamed({ host, user, pass, ...options }: AmqpOptions): AmqpOptions {
  const others = defined({ hostname: host, username: user, password: pass })
  return { ...others, ...defined(options) }
}

function defined(options: { [K in keyof AmqpOptions]: AmqpOptions[K] | undefined }): AmqpOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value != null))
}

function fromFields(options: AmqpOptions): string {
  const protocol = options.protocol?.startsWith('amqps') ? 'amqps' : 'amqp'
  const user = encodeURIComponent(options.username ?? 'guest')
  const password = encodeURIComponent(options.password ?? 'guest')
  const hostname = options.hostname ?? 'localhost'
  const host = hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname
  const port = options.port ?? (protocol === 'amqps' ? 5671 : 5672)
  const heartbeat = options.heartbeat === undefined ? '' : `?heartbeat=${options.heartbeat}`
  return `${protocol}://${user}:${password}@${host}:${port}/${encodeURIComponent(options.vhost ?? '/')}${heartbeat}`
}

function urls(given: unknown[]): string[] {
  const good = given.filter((url): url is string => typeof url === 'string' && /^\s*amqps?:\/\//i.test(url))
  if (good.length === 0 || good.length < given.length) throw invalidOption('amqpConnection', ACCEPTS)
  // From a file they come with a line break. A scheme means the same in capitals.
  return good.map((url) => url.trim().replace(/^amqps?/i, (scheme) => scheme.toLowerCase()))
}
