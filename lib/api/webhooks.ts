/** Webhooks: URLs that cannot be guessed, and the request handler behind them. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ILogger } from 'flowcraft'
import { toJson } from '../bridge/json.js'
import { webhookEvent } from '../execution/webhook-nodes.js'
import type { Checked } from '../options/schema.js'
import type { WEBHOOK_SCHEMA, WebhookDelivery, WebhookOptions } from '../options/webhook.js'

/** What a webhook node's output holds as `request`. */
export interface WebhookRequest {
  method: string
  headers: Record<string, string | string[] | undefined>
  /** Parsed where it is JSON; text otherwise. */
  body: unknown
  /** The text that `body` was parsed from; absent where `body` is that text, and where a framework parsed it. */
  rawBody?: string
}

/** What became of a delivery. */
export type Delivered = 'taken' | 'no such run' | 'the run is over'

/** How the handler reaches the run. */
export interface WebhookReceiver {
  deliver(runId: string, nodeId: string, payload: string): Promise<Delivered>
  readonly logger: ILogger
}

type Request = IncomingMessage & { body?: unknown; rawBody?: unknown }

/** A body as it was read: its bytes where they are known, and what it says. */
interface Body {
  bytes: Buffer | undefined
  value: unknown
}

export class Webhooks {
  readonly #baseUrl: string
  /** The first one signs. */
  readonly #secrets: readonly string[]
  readonly #limit: number
  readonly #methods: readonly string[]
  readonly #verify: WebhookOptions['verify']

  constructor({ baseUrl, secret, maxBodyBytes, methods, verify }: Checked<typeof WEBHOOK_SCHEMA>) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#secrets = [secret].flat()
    this.#limit = maxBodyBytes
    this.#methods = methods
    this.#verify = verify
  }

  /** The URL of a node's webhook: always the same for one run and node. */
  endpoint(runId: string, nodeId: string): { url: string; event: string } {
    const target = Buffer.from(JSON.stringify([runId, nodeId])).toString('base64url')
    return { url: `${this.#baseUrl}/${target}.${sign(target, this.#secrets[0])}`, event: webhookEvent(nodeId) }
  }

  /**
   * Takes one request. Answers 202 when the delivery is recorded, 404 to a wrong signature and where there is no such run,
   * 405 to a method that does not deliver, 413 to a body over the limit, 401 to what the option `verify` refuses, 400 to a
   * body that cannot be stored, 409 where the run is over, 503 when it could not be recorded: the sender should try again.
   */
  async handle(request: Request, response: ServerResponse, receiver: WebhookReceiver): Promise<void> {
    try {
      await this.#take(request, response, receiver)
    } catch (error) {
      // A sender that went away in the middle of its body ends here too: it never was a delivery.
      if (!request.complete) return
      const { logger } = receiver
      logger.error(`[Adapter] A webhook was not recorded. ${error instanceof Error ? error.message : String(error)}`)
      answer(response, 503, 'not recorded; try again')
    }
  }

  async #take(request: Request, response: ServerResponse, receiver: WebhookReceiver): Promise<void> {
    const target = this.#target(request.url ?? '')
    if (!target) return answer(response, 404, 'not found')
    const { method = '', headers } = request
    if (!this.#methods.includes(method)) {
      response.setHeader('allow', this.#methods.join(', '))
      return answer(response, 405, 'this method delivers nothing')
    }
    const body = await this.#body(request)
    if (body === undefined) {
      // What is still to come is not waited for.
      if (!request.complete) response.setHeader('connection', 'close')
      return answer(response, 413, 'the body is too large')
    }
    const [runId, nodeId] = target
    const { bytes: rawBody, value } = body
    const isVerified = await this.#isVerified({ runId, nodeId, method, headers, body: value, rawBody })
    if (!isVerified) return answer(response, 401, 'not verified')
    const payload = storable({ method, headers, body: value, ...rawText(body) })
    if (payload === undefined) return answer(response, 400, 'the body cannot be stored')
    const [status, text] = ANSWERS[await receiver.deliver(runId, nodeId, payload)]
    answer(response, status, text)
  }

  async #isVerified(delivery: WebhookDelivery): Promise<boolean> {
    if (!this.#verify) return true
    try {
      return (await this.#verify(delivery)) === true
    } catch {
      // Providers' own libraries throw at a signature that does not fit.
      return false
    }
  }

  /** The run and node of a request's path, if it is signed. */
  #target(url: string): [runId: string, nodeId: string] | undefined {
    const [target = '', signature = '', ...more] = (url.split('?')[0]?.split('/').at(-1) ?? '').split('.')
    if (more.length > 0) return undefined
    const given = Buffer.from(signature)
    // Every secret is tried, whichever fits: the time says nothing.
    const fitting = this.#secrets.filter((secret) => {
      const expected = Buffer.from(sign(target, secret))
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
    if (fitting.length === 0) return undefined
    return JSON.parse(Buffer.from(target, 'base64url').toString('utf8')) as [string, string]
  }

  /** The request's body; nothing when it is over the limit. A framework may have read it before. */
  async #body(request: Request): Promise<Body | undefined> {
    if (request.readableEnded && request.body !== undefined) return this.#bodyRead(request)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of request) {
      size += (chunk as Buffer).length
      // Read to its end, so that the answer is heard; kept only up to the limit.
      if (size <= this.#limit) chunks.push(chunk as Buffer)
      else if (size > this.#limit * 16) return undefined
    }
    if (size > this.#limit) return undefined
    const bytes = Buffer.concat(chunks)
    return { bytes, value: parsed(bytes.toString('utf8'), request.headers['content-type']) }
  }

  /** A body that a framework has read: as text or bytes, or parsed, with `rawBody` beside it where it was told to. */
  #bodyRead({ body, rawBody, headers }: Request): Body | undefined {
    const bytes = bytesOf(rawBody) ?? bytesOf(body)
    const size = bytes?.length ?? Buffer.byteLength(JSON.stringify(body))
    if (size > this.#limit) return undefined
    const value = bytesOf(body) ? parsed(String(bytes), headers['content-type']) : body
    return { bytes, value }
  }
}

const ANSWERS = {
  taken: [202, 'accepted'],
  'no such run': [404, 'not found'],
  'the run is over': [409, 'the run is over'],
} as const satisfies Record<Delivered, readonly [number, string]>

function sign(target: string, secret = ''): string {
  return createHmac('sha256', secret).update(`flowcraft webhook ${target}`).digest('base64url')
}

function bytesOf(body: unknown): Buffer | undefined {
  if (Buffer.isBuffer(body)) return body
  return typeof body === 'string' ? Buffer.from(body) : undefined
}

function rawText({ bytes, value }: Body): { rawBody?: string } {
  return bytes === undefined || typeof value === 'string' ? {} : { rawBody: bytes.toString('utf8') }
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
