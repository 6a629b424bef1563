/** Requests to webhooks, without a port. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { RabbitMqAdapter } from '../adapter.js'

/** A request to a webhook. */
export interface Delivery {
  /** An object is sent as JSON, text and bytes as they are. Default: nothing. */
  body?: unknown
  headers?: Readonly<Record<string, string>>
  /** Default: `POST`. */
  method?: string
}

/** How a webhook answered: 202 when the delivery is recorded. */
export interface Delivered {
  status: number
  body: string
}

/** Sends a request to the webhook handler of an adapter. */
export async function deliver(adapter: RabbitMqAdapter, url: string, delivery: Delivery): Promise<Delivered> {
  const response = new Answer()
  const handle = adapter.webhookHandler()
  await handle(requestOf(url, delivery), response as unknown as ServerResponse)
  return { status: response.statusCode, body: response.text }
}

function requestOf(url: string, { body, headers = {}, method = 'POST' }: Delivery): IncomingMessage {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  const bytes = isRaw ? Buffer.from(body) : Buffer.from(body === undefined ? '' : JSON.stringify(body))
  const type = isRaw || body === undefined ? {} : { 'content-type': 'application/json' }
  const named = Object.entries({ ...type, ...headers }).map(([name, value]) => [name.toLowerCase(), value])
  const { pathname, search } = new URL(url)
  const rest = { url: `${pathname}${search}`, method, headers: Object.fromEntries(named), complete: true }
  return Object.assign(Readable.from(bytes.length === 0 ? [] : [bytes]), rest) as unknown as IncomingMessage
}

/** What the handler says of a response. */
class Answer {
  statusCode = 0
  text = ''
  readonly headersSent = false
  readonly destroyed = false

  setHeader(): void {}

  writeHead(status: number): void {
    this.statusCode = status
  }

  end(text = ''): void {
    this.text += text
  }
}
