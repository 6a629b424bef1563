/** Rates of queues, as RabbitMQ's management plugin tells them over HTTP. */
import { isObject } from '../is-object.js'
import { oneLine } from '../log.js'
import type { Settings } from './settings.js'

/** What went through a queue a second, as the plugin has averaged it last. */
export interface Rates {
  publishedPerSecond: number
  deliveredPerSecond: number
  acknowledgedPerSecond: number
  /** Messages that consumers hold. */
  held: number
}

/** How long it may take to answer, in milliseconds. */
const PATIENCE = 5_000

/** Why there are no rates, in one line without a login. */
export class NoRates extends Error {}

export class Management {
  readonly #base: URL
  readonly #headers: Record<string, string>
  readonly #vhost: string

  /** @param url As it was given: its login is sent with every question, and told nowhere. */
  constructor(url: string, vhost: string) {
    this.#base = new URL(url)
    const { username, password } = this.#base
    const login = [username, password].map(decoded).join(':')
    this.#headers = { accept: 'application/json' }
    if (username !== '') this.#headers.authorization = `Basic ${Buffer.from(login).toString('base64')}`
    this.#base.username = ''
    this.#base.password = ''
    this.#vhost = vhost
  }

  /**
   * What goes through a queue; undefined where there is no such queue.
   *
   * @throws NoRates where the plugin does not tell.
   */
  async rates(queue: string): Promise<Rates | undefined> {
    const response = await this.#ask(['api', 'queues', this.#vhost, queue])
    if (response.status === 404) return undefined
    if (response.status === 401 || response.status === 403) {
      throw new NoRates(`${this.#where} refuses the login: it needs a user with the tag monitoring or management`)
    }
    if (!response.ok) throw new NoRates(`${this.#where} answers with ${response.status}`)
    const told: unknown = await response.json().catch(() => undefined)
    if (!isObject(told) || typeof told.name !== 'string') {
      throw new NoRates(`${this.#where} does not answer as the management plugin does`)
    }
    return {
      publishedPerSecond: rateOf(told, 'publish_details'),
      deliveredPerSecond: rateOf(told, 'deliver_get_details'),
      acknowledgedPerSecond: rateOf(told, 'ack_details'),
      held: numberOf(told.messages_unacknowledged),
    }
  }

  async #ask(path: readonly string[]): Promise<Response> {
    const url = new URL(this.#base)
    url.pathname = [url.pathname.replace(/\/+$/, ''), ...path.map(encodeURIComponent)].join('/')
    try {
      // A redirection could take the login elsewhere.
      return await fetch(url, {
        headers: this.#headers,
        redirect: 'error',
        signal: AbortSignal.timeout(PATIENCE),
      })
    } catch (error) {
      throw new NoRates(`${this.#where} cannot be reached: ${reasonOf(error)}`)
    }
  }

  get #where(): string {
    return `RabbitMQ's management plugin at ${oneLine(this.#base.origin)}`
  }
}

/** A queue through which nothing ever went has no statistics. */
function rateOf(queue: Record<string, unknown>, name: string): number {
  const details = isObject(queue.message_stats) ? queue.message_stats[name] : undefined
  return numberOf(isObject(details) ? details.rate : undefined)
}

const numberOf = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

/** What the system says, never what was asked. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${PATIENCE / 1_000} s`
  const cause = error instanceof Error ? error.cause : undefined
  const code = isObject(cause) ? cause.code : undefined
  if (typeof code === 'string') return oneLine(code)
  return cause instanceof Error ? oneLine(cause.message) : 'the request failed'
}

/** Where the plugin is, if anybody said. */
export function managementOf({ management, amqp }: Settings): Management | undefined {
  return management === undefined ? undefined : new Management(management, vhostOf(amqp))
}

/** The virtual host that jobs are in: the path of the URL. */
function vhostOf(amqp: Settings['amqp']): string {
  const server = Array.isArray(amqp) ? amqp[0] : amqp
  if (server === undefined) return '/'
  if (typeof server !== 'string') return server.vhost ?? '/'
  const path = new URL(server).pathname.slice(1)
  return path === '' ? '/' : decoded(path)
}

/** A part of a URL; as it is where it is not encoded as it should be. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
