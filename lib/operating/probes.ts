/** HTTP handlers for probes and scrapers: plain `(request, response)`, which mount anywhere. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Health } from './health.js'

/** What `node:http`, Express and, by its `raw` objects, Fastify call. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Answers `/live` and `/ready`, behind any prefix, with 200 or 503 and the reasons as JSON. */
export function healthHandler(health: () => Health): Handler {
  return (request, response) => {
    if (!isAsked(request, response)) return
    const probe = lastPart(request)
    if (probe !== 'live' && probe !== 'ready') return answer(request, response, { status: 404, text: 'not found\n' })
    const present = health()
    const text = `${JSON.stringify(present)}\n`
    answer(request, response, { status: present[probe] ? 200 : 503, text, type: 'application/json' })
  }
}

/** Answers with what `read` has to say, or with 500. */
export function textHandler(read: () => Promise<string>, type: string): Handler {
  const reply = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      answer(request, response, { status: 200, text: await read(), type })
    } catch (error) {
      const text = `${error instanceof Error ? error.message : String(error)}\n`
      answer(request, response, { status: 500, text })
    }
  }
  return (request, response) => {
    if (isAsked(request, response)) void reply(request, response)
  }
}

/** What changes something is not asked here. */
function isAsked(request: IncomingMessage, response: ServerResponse): boolean {
  const { method } = request
  if (method === 'GET' || method === 'HEAD') return true
  response.setHeader('allow', 'GET, HEAD')
  answer(request, response, { status: 405, text: 'only GET and HEAD\n' })
  return false
}

function lastPart({ url = '' }: IncomingMessage): string | undefined {
  return url.split('?')[0]?.split('/').at(-1)
}

interface Answer {
  status: number
  text: string
  type?: string
}

function answer(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, text, type = 'text/plain; charset=utf-8' }: Answer,
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(method === 'HEAD' ? undefined : text)
}
