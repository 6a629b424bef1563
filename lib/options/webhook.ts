/** `webhook`: how webhooks are served. */
import { callback, secrets, someOf, url, wholeNumber } from './kinds.js'
import type { Schema } from './schema.js'

/** The HTTP methods that may deliver. HEAD and OPTIONS never do: browsers, proxies and previews send them by themselves. */
const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const

/** An HTTP method that may deliver. */
export type WebhookMethod = (typeof METHODS)[number]

/** A request to a webhook's URL, before it is delivered. */
export interface WebhookDelivery {
  /** The run and the node that its URL was made for. */
  runId: string
  nodeId: string
  method: string
  headers: Record<string, string | string[] | undefined>
  /** Parsed where it is JSON; text otherwise. */
  body: unknown
  /**
   * The body byte by byte, as providers sign it. Absent where a framework parsed it and kept neither the bytes nor a
   * `rawBody`.
   */
  rawBody: Buffer | undefined
}

/** Options of an adapter's webhooks. */
export interface WebhookOptions {
  /**
   * Where the handler is mounted, as the outside world reaches it.
   *
   * @example
   * ```ts
   * baseUrl: 'https://example.com/hooks'
   * ```
   */
  baseUrl: string
  /**
   * The key that signs the URLs. Give every worker the same. Of several, the first one signs, and URLs signed with
   * any of them are known: to change the key, put the new one first, and take the old one away when its URLs are
   * done with.
   *
   * @example
   * ```ts
   * secret: process.env.WEBHOOK_SECRET
   * ```
   */
  secret: string | readonly string[]
  /**
   * The HTTP methods that deliver. Others are answered with 405; HEAD and OPTIONS never deliver.
   *
   * @defaultValue `["POST"]`
   *
   * @example
   * ```ts
   * methods: ['POST', 'PUT']
   * ```
   */
  methods?: readonly WebhookMethod[]
  /**
   * Looks at each request before it is delivered: whether it bears the provider's own signature, say. What it
   * answers with anything but `true`, or throws at, is answered with 401 and not delivered.
   *
   * @defaultValue every request to a signed URL
   *
   * @example
   * ```ts
   * verify: ({ rawBody, headers }) => isFromProvider(rawBody, headers['x-signature'])
   * ```
   */
  verify?: (request: WebhookDelivery) => boolean | Promise<boolean>
  /**
   * The largest body accepted. A larger one is answered with 413.
   *
   * @defaultValue `1048576`
   *
   * @example
   * ```ts
   * maxBodyBytes: 65_536
   * ```
   */
  maxBodyBytes?: number
}

export const WEBHOOK_SCHEMA = {
  baseUrl: {
    takes: url(),
    words: 'Where the handler is mounted, as the outside world reaches it.',
    required: true,
    example: "baseUrl: 'https://example.com/hooks'",
  },
  secret: {
    takes: secrets({ atLeast: 16 }),
    words:
      'The key that signs the URLs. Give every worker the same. Of several, the first one signs, and URLs signed with any ' +
      'of them are known: to change the key, put the new one first, and take the old one away when its URLs are done with.',
    required: true,
    example: 'secret: process.env.WEBHOOK_SECRET',
  },
  methods: {
    takes: someOf(METHODS),
    words: 'The HTTP methods that deliver. Others are answered with 405; HEAD and OPTIONS never deliver.',
    default: ['POST'],
    example: "methods: ['POST', 'PUT']",
  },
  verify: {
    takes: callback<NonNullable<WebhookOptions['verify']>>(),
    words:
      "Looks at each request before it is delivered: whether it bears the provider's own signature, say. What it answers " +
      'with anything but `true`, or throws at, is answered with 401 and not delivered.',
    otherwise: 'every request to a signed URL',
    example: "verify: ({ rawBody, headers }) => isFromProvider(rawBody, headers['x-signature'])",
  },
  maxBodyBytes: {
    takes: wholeNumber({ from: 1, unit: 'bytes' }),
    words: 'The largest body accepted. A larger one is answered with 413.',
    default: 1024 * 1024,
    example: 'maxBodyBytes: 65_536',
  },
} as const satisfies Schema<WebhookOptions>
