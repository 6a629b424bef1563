/** `amqpConnection`: a URL, several, an options object, or a live amqplib connection. */
import { LiveAmqp, type LiveAmqpConnection } from '../bridge/live-amqp.js'
import { Broker } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import type { QueueType } from '../options/adapter.js'
import { invalidOption } from '../options/invalid.js'
import { type Certificates, certificates } from './certificates.js'

/** Where RabbitMQ is, field by field; the same names as amqplib's, and TLS options as Node.js knows them. */
export interface AmqpOptions {
  /** `amqp` (default) or `amqps`. */
  protocol?: 'amqp' | 'amqps' | 'amqp:' | 'amqps:'
  /** Default `localhost`. */
  hostname?: string
  /** Default 5672, with TLS 5671. */
  port?: number
  /** Default `guest`. */
  username?: string
  /** Default `guest`. */
  password?: string
  /** Default `/`. */
  vhost?: string
  /** Seconds between heartbeats; default what the server suggests. */
  heartbeat?: number
  /** One or several URLs of one cluster, in place of the fields above. */
  url?: string | string[]
  /** Certificate authorities to trust besides the system's, PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[]
  /** The client's certificate, PEM. */
  cert?: string | Uint8Array
  /** The client's key, PEM. */
  key?: string | Uint8Array
}

const ACCEPTS =
  'an amqp: or amqps: URL, an array of such URLs, an options object ({ hostname, port, username, … }), ' +
  'or a live amqplib connection (promise API)'

/** Makes the broker; opens no connection. */
export function openBroker(option: unknown, queueType?: QueueType): Broker {
  if (isLiveConnection(option)) return new LiveAmqp(option, queueType).broker
  const settings = { ...describe(option), queueType }
  try {
    return Broker.rabbitmq(JSON.stringify(settings))
  } catch {
    throw invalidOption('amqpConnection', ACCEPTS)
  }
}

function isLiveConnection(option: unknown): option is LiveAmqpConnection {
  return (
    isObject(option) && typeof option.createChannel === 'function' && typeof option.createConfirmChannel === 'function'
  )
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
  if ('rejectUnauthorized' in option && option.rejectUnauthorized === false) {
    throw invalidOption(
      'amqpConnection.rejectUnauthorized',
      'true; for a private authority, pass its certificate as ca',
    )
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
