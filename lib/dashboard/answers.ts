/** How the dashboard answers: headers that let nothing foreign in, and JSON. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Told } from './refusal.js'

/** Nothing runs, and nothing is loaded, that is not the page's own file. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** From this size on, JSON is compressed. */
const WORTH_IT = 1_024
const compressed = promisify(gzip)

export function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('content-security-policy', POLICY)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('x-frame-options', 'DENY')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
}

/** Answers with JSON. What has not changed since the page last asked is not sent again. */
export async function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { status: number; value: unknown },
): Promise<void> {
  const body = Buffer.from(JSON.stringify(answer.value))
  response.setHeader('cache-control', 'private, no-cache')
  response.setHeader('vary', 'accept-encoding, cookie')
  if (request.method === 'GET' && answer.status === 200) {
    const etag = `"${createHash('sha1').update(body).digest('base64url')}"`
    response.setHeader('etag', etag)
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304).end()
      return
    }
  }
  const isGzipped = body.length > WORTH_IT && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const sent = isGzipped ? await compressed(body, { level: 3 }) : body
  if (response.destroyed) return
  response.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': sent.length,
    ...(isGzipped && { 'content-encoding': 'gzip' }),
  })
  response.end(sent)
}

/** Answers to whoever opens the page and may not: plain text, that shows nothing of what was asked. */
export function sendText(response: ServerResponse, { status, message }: Pick<Told, 'status' | 'message'>): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`${message}\n`)
}
