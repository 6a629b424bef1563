/** Webhooks: URLs that cannot be guessed, and the request handler behind them. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ILogger } from 'flowcraft'
import { toJson } from '../bridge/json.js'
import { webhookEvent } from '../execution/pauses.js'
import type { Checked } from '../options/schema.js'
import type { WEBHOOK_SCHEMA } from '../options/webhook.js'

/** What a webhook node's output holds as `request`. */
export interface WebhookRequest {
  method: string
  headers: Record<string, string | string[] | undefined>
  /** Parsed where it is JSON; text otherwise. */
  body: unknown
}

export class Webhooks {
  readonly #baseUrl: string
  readonly #secret: string
  readonly #limit: number

  constructor({ baseUrl, secret, maxBodyBytes }: Checked<typeof WEBHOOK_SCHEMA>) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#secret = secret
    this.#limit = maxBodyBytes
  }

  /** The URL of a node's webhook: always the same for one run and node. */
  endpoint(runId: string, nodeId: string): { url: string; event: string } {
    const target = Buffer.from(JSON.stringify([runId, nodeId])).toString('base64url')
    return { url: `${this.#baseUrl}/${target}.${this.#sign(target)}`, event: webhookEvent(nodeId) }
  }

  /**
   * Takes one request. Answers 202 when the delivery is recorded, 404 to a wrong signature, 413 to a body over the
   * limit, 400 to one that cannot be stored, 409 where the run is over, 503 when it could not be recorded: the sender
   * should try again.
   */
  async handle(
    request: IncomingMessage & { body?: unknown },
    response: ServerResponse,
    deliver: (runId: string, nodeId: string, payload: string) => Promise<boolean>,
    logger: ILogger,
  ): Promise<void> {
    try {
      const target = this.#target(request.url ?? '')
      if (!target) return answer(response, 404, 'not found')
      const text = await this.#body(request)
      if (text === undefined) {
        // What is still to come is not waited for.
        if (!request.complete) response.setHeader('connection', 'close')
        return answer(response, 413, 'the body is too large')
      }
      const body = parsed(text, request.headers['content-type'])
      const payload = storable({ method: request.method ?? 'POST', headers: request.headers, body })
      if (payload === undefined) return answer(response, 400, 'the body cannot be stored')
      const taken = await deliver(...target, payload)
      answer(response, taken ? 202 : 409, taken ? 'accepted' : 'the run is over')
    } catch (error) {
      // A sender that went away in the middle of its body ends here too: it never was a delivery.
      if (!request.complete) return
      logger.error(`[Adapter] A webhook was not recorded. ${error instanceof Error ? error.message : String(error)}`)
      answer(response, 503, 'not recorded; try again')
    }
  }

  /** The run and node of a request's path, if it is signed. */
  #target(url: string): [runId: string, nodeId: string] | undefined {
    const [target = '', signature = '', ...more] = (url.split('?')[0]?.split('/').at(-1) ?? '').split('.')
    if (more.length > 0) return undefined
    const expected = Buffer.from(this.#sign(target))
    const given = Buffer.from(signature)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    return JSON.parse(Buffer.from(target, 'base64url').toString('utf8')) as [string, string]
  }

  #sign(target: string): string {
    return createHmac('sha256', this.#secret).update(`flowcraft webhook ${target}`).digest('base64url')
  }

  /** The request's body as text; nothing when it is over the limit. A framework may have read it before. */
  async #body(request: IncomingMessage & { body?: unknown }): Promise<string | undefined> {
    if (request.readableEnded && request.body !== undefined) {
      const { body } = request
      const text =
        typeof body === 'string' ? body : Buffer.isBuffer(body) ? body.toString('utf8') : JSON.stringify(body)
      return Buffer.byteLength(text) > this.#limit ? undefined : text
    }
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of request) {
      size += (chunk as Buffer).length
      // Read to its end, so that the answer is heard; kept only up to the limit.
      if (size <= this.#limit) chunks.push(chunk as Buffer)
      else if (size > this.#limit * 16) return undefined
    }
    return size > this.#limit ? undefined : Buffer.concat(chunks).toString('utf8')
  }
}

function parsed(text: string, type = ''): unknown {
  if (!/\bjson\b/i.test(type)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The request as JSON; nothing when it could never be stored, however often it was sent. */
function storable(request: WebhookRequest): string | undefined {
  try {
    return toJson(request, 'The webhook')
  } catch {
    return undefined
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${text}\n`)
}
