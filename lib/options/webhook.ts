/** `webhook`: how webhooks are served. */
import { text, url, wholeNumber } from './kinds.js'
import type { Schema } from './schema.js'

/** Options of an adapter's webhooks. */
export interface WebhookOptions {
  baseUrl: string
  secret: string
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
