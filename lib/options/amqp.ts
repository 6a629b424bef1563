/** `amqpConnection`: where RabbitMQ is. */
import { kind, oneOf, port, server, text, texts, wholeNumber } from './kinds.js'
import { A_MEMORY } from './memory.js'
import type { Kind, Schema } from './schema.js'
import { CERTIFICATES } from './tls.js'

/** A live amqplib connection (promise API, 0.10 to 2). The adapter drives it as it is: amqplib keeps no credentials. */
export interface AmqpConnectionLike {
  createChannel(...args: never[]): unknown
  createConfirmChannel(...args: never[]): unknown
}

/** Where RabbitMQ is, field by field; the same names as amqplib's, and TLS options as Node.js knows them. */
export interface AmqpOptions {
  /**
   * Plain or encrypted.
   *
   * @defaultValue `'amqp'`
   *
   * @example
   * ```ts
   * protocol: 'amqps'
   * ```
   */
  protocol?: 'amqp' | 'amqps' | 'amqp:' | 'amqps:'
  /**
   * The server's name or address.
   *
   * @defaultValue `'localhost'`
   *
   * @example
   * ```ts
   * hostname: 'rabbit.internal'
   * ```
   */
  hostname?: string
  /**
   * The same as `hostname`.
   *
   * @example
   * ```ts
   * host: 'rabbit.internal'
   * ```
   */
  host?: string
  /**
   * The server's port.
   *
   * @defaultValue 5672, with TLS 5671
   *
   * @example
   * ```ts
   * port: 5672
   * ```
   */
  port?: number
  /**
   * The user.
   *
   * @defaultValue `'guest'`
   *
   * @example
   * ```ts
   * username: 'orders'
   * ```
   */
  username?: string
  /**
   * The same as `username`.
   *
   * @example
   * ```ts
   * user: 'orders'
   * ```
   */
  user?: string
  /**
   * The user's password.
   *
   * @defaultValue `'guest'`
   *
   * @example
   * ```ts
   * password: process.env.RABBITMQ_PASSWORD
   * ```
   */
  password?: string
  /**
   * The same as `password`.
   *
   * @example
   * ```ts
   * pass: process.env.RABBITMQ_PASSWORD
   * ```
   */
  pass?: string
  /**
   * The virtual host.
   *
   * @defaultValue `'/'`
   *
   * @example
   * ```ts
   * vhost: 'orders'
   * ```
   */
  vhost?: string
  /**
   * The time between two heartbeats; 0 for what the server suggests.
   *
   * @defaultValue 5 s, or what the server suggests if that is less
   *
   * @example
   * ```ts
   * heartbeat: 30
   * ```
   */
  heartbeat?: number
  /**
   * One or several URLs of one cluster, in place of the fields above.
   *
   * @example
   * ```ts
   * url: ['amqp://a', 'amqp://b']
   * ```
   */
  url?: string | string[]
  /**
   * Certificate authorities to trust, as PEM, besides the machine's: the system's and those of
   * `NODE_EXTRA_CA_CERTS`.
   *
   * @defaultValue the machine's
   *
   * @example
   * ```ts
   * ca: readFileSync('ca.pem')
   * ```
   */
  ca?: string | Uint8Array | (string | Uint8Array)[]
  /**
   * The client's certificate, as PEM. It needs `key`.
   *
   * @example
   * ```ts
   * cert: readFileSync('client.pem')
   * ```
   */
  cert?: string | Uint8Array
  /**
   * The key of the client's certificate, as PEM. It needs `cert`.
   *
   * @example
   * ```ts
   * key: readFileSync('client.key')
   * ```
   */
  key?: string | Uint8Array
  /**
   * The server's certificate is always verified. `false` is refused: pass a private authority as `ca`.
   *
   * @defaultValue `true`
   *
   * @example
   * ```ts
   * rejectUnauthorized: true
   * ```
   */
  rejectUnauthorized?: true
}

export const AMQP_SCHEMA = {
  protocol: {
    takes: oneOf(['amqp', 'amqps', 'amqp:', 'amqps:']),
    words: 'Plain or encrypted.',
    default: 'amqp',
    example: "protocol: 'amqps'",
  },
  hostname: {
    takes: text(),
    words: "The server's name or address.",
    default: 'localhost',
    example: "hostname: 'rabbit.internal'",
  },
  host: { takes: text(), words: 'The same as `hostname`.', example: "host: 'rabbit.internal'" },
  port: {
    takes: port(),
    words: "The server's port.",
    otherwise: '5672, with TLS 5671',
    example: 'port: 5672',
  },
  username: { takes: text(), words: 'The user.', default: 'guest', example: "username: 'orders'" },
  user: { takes: text(), words: 'The same as `username`.', example: "user: 'orders'" },
  password: {
    takes: text(),
    words: "The user's password.",
    default: 'guest',
    example: 'password: process.env.RABBITMQ_PASSWORD',
  },
  pass: { takes: text(), words: 'The same as `password`.', example: 'pass: process.env.RABBITMQ_PASSWORD' },
  vhost: { takes: text(), words: 'The virtual host.', default: '/', example: "vhost: 'orders'" },
  heartbeat: {
    takes: wholeNumber({ from: 0, to: 65_535, unit: 'seconds' }),
    words: 'The time between two heartbeats; 0 for what the server suggests.',
    otherwise: '5 s, or what the server suggests if that is less',
    example: 'heartbeat: 30',
  },
  url: {
    takes: texts(),
    words: 'One or several URLs of one cluster, in place of the fields above.',
    example: "url: ['amqp://a', 'amqp://b']",
  },
  ...CERTIFICATES,
  ca: {
    ...CERTIFICATES.ca,
    words:
      "Certificate authorities to trust, as PEM, besides the machine's: the system's and those of `NODE_EXTRA_CA_CERTS`.",
  },
  rejectUnauthorized: {
    takes: kind<true>('true; for a private authority, pass its certificate as ca', (value) => value === true),
    words: "The server's certificate is always verified. `false` is refused: pass a private authority as `ca`.",
    default: true,
    example: 'rejectUnauthorized: true',
  },
} as const satisfies Schema<AmqpOptions>

const ACCEPTS =
  'an amqp: or amqps: URL, an array of such URLs, an options object ({ hostname, port, username, … }), ' +
  `a live amqplib connection (promise API), or ${A_MEMORY}`

export function isLiveAmqp(value: Record<string, unknown>): boolean {
  return typeof value.createChannel === 'function' && typeof value.createConfirmChannel === 'function'
}

export const amqpServer = (): Kind<AmqpConnectionLike | AmqpOptions | string | string[]> =>
  server(ACCEPTS, AMQP_SCHEMA, isLiveAmqp)
