/** `amqpConnection`: a URL, several, an options object, a live amqplib connection, or a memory. */
import { type LiveAmqpConnection, liveBroker } from '../bridge/live-amqp.js'
import { Broker } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import type { QueueType } from '../options/adapter.js'
import { type AmqpOptions, amqpServer, isLiveAmqp } from '../options/amqp.js'
import { invalidOption } from '../options/invalid.js'
import { memoryName } from '../options/memory.js'
import { type Certificates, certificates } from './certificates.js'

const { accepts: ACCEPTS } = amqpServer()

/** Makes the broker; opens no connection. */
export function openBroker(option: unknown, queueType?: QueueType): Broker {
  if (isLiveConnection(option)) return liveBroker(option, queueType)
  const memory = memoryName(option)
  if (memory !== undefined) return Broker.memory(memory, JSON.stringify(queueType ?? null))
  const settings = { ...describe(option), queueType }
  try {
    return Broker.rabbitmq(JSON.stringify(settings))
  } catch {
    throw invalidOption('amqpConnection', ACCEPTS)
  }
}

function isLiveConnection(option: unknown): option is LiveAmqpConnection {
  return isObject(option) && isLiveAmqp(option)
}

function describe(option: unknown): Certificates & { urls: string[] } {
  if (typeof option === 'string') return { urls: urls([option]) }
  if (Array.isArray(option)) return { urls: urls(option) }
  if (!isObject(option)) throw invalidOption('amqpConnection', ACCEPTS)
  const options: AmqpOptions = option
  const given = options.url === undefined ? undefined : [options.url].flat()
  if (!given && options.hostname === undefined && options.port === undefined && options.protocol === undefined) {
    throw invalidOption('amqpConnection', ACCEPTS)
  }
  return { urls: urls(given ?? [fromFields(options)]), ...certificates(options, 'amqpConnection') }
}

function fromFields(options: AmqpOptions): string {
  const protocol = options.protocol?.startsWith('amqps') ? 'amqps' : 'amqp'
  const user = encodeURIComponent(options.username ?? 'guest')
  const password = encodeURIComponent(options.password ?? 'guest')
  const host = options.hostname ?? 'localhost'
  const port = options.port ?? (protocol === 'amqps' ? 5671 : 5672)
  const heartbeat = options.heartbeat === undefined ? '' : `?heartbeat=${options.heartbeat}`
  return `${protocol}://${user}:${password}@${host}:${port}/${encodeURIComponent(options.vhost ?? '/')}${heartbeat}`
}

function urls(given: unknown[]): string[] {
  const good = given.filter((url): url is string => typeof url === 'string' && /^amqps?:\/\//.test(url))
  if (good.length === 0 || good.length < given.length) throw invalidOption('amqpConnection', ACCEPTS)
  return good
}
