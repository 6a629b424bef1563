/** `webhook`: how webhooks are served. */
import { text, url, wholeNumber } from './kinds.js'
import type { Schema } from './schema.js'

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
   * The key that signs the URLs. Give every worker the same.
   *
   * @example
   * ```ts
   * secret: process.env.WEBHOOK_SECRET
   * ```
   */
  secret: string
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
    takes: text({ atLeast: 16 }),
    words: 'The key that signs the URLs. Give every worker the same.',
    required: true,
    example: 'secret: process.env.WEBHOOK_SECRET',
  },
  maxBodyBytes: {
    takes: wholeNumber({ from: 1, unit: 'bytes' }),
    words: 'The largest body accepted. A larger one is answered with 413.',
    default: 1024 * 1024,
    example: 'maxBodyBytes: 65_536',
  },
} as const satisfies Schema<WebhookOptions>
