/** Where a server is, as far as its setting says: for words, and to see whether anybody listens there. */
import { connect } from 'node:net'
import { isObject } from '../../is-object.js'

export interface Address {
  host: string
  port: number
  isEncrypted: boolean
  user: string | undefined
  database: string | undefined
}

const PORTS: Record<string, number> = {
  amqp: 5672,
  amqps: 5671,
  redis: 6379,
  rediss: 6379,
  postgres: 5432,
  postgresql: 5432,
}
const ENCRYPTED = ['amqps', 'rediss']

/** The address in a URL or an object of options; undefined where it is a socket, or several servers. */
export function addressOf(setting: unknown): Address | undefined {
  if (Array.isArray(setting)) return addressOf(setting[0])
  if (typeof setting === 'string') return ofUrl(setting.trim())
  if (!isObject(setting)) return undefined
  const url = setting.url ?? setting.connectionString
  if (typeof url === 'string' || Array.isArray(url)) return addressOf(url)
  const { hostname, host = hostname ?? 'localhost', user, username = user, database, protocol, tls, ssl } = setting
  const scheme = String(protocol ?? '').replace(/:$/, '')
  const isAmqp = protocol !== undefined || hostname !== undefined
  const usual = PORTS[scheme] ?? (isAmqp ? 5672 : 'database' in setting || 'user' in setting ? 5432 : 6379)
  const port = Number(setting.port ?? usual)
  if (
    typeof host !== 'string' ||
    host.startsWith('/') ||
    'path' in setting ||
    'sentinels' in setting ||
    'cluster' in setting
  )
    return undefined
  const isEncrypted = ENCRYPTED.includes(scheme) || Boolean(tls) || Boolean(ssl)
  return { host, port, isEncrypted, user: textOf(username), database: textOf(database) }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function ofUrl(text: string): Address | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const scheme = url.protocol.slice(0, -1).toLowerCase().replace('valkey', 'redis')
  const port = Number(url.port) || PORTS[scheme]
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (port === undefined || host === '') return undefined
  const user = decoded(url.username)
  const database = decoded(url.pathname.slice(1))
  const isEncrypted = ENCRYPTED.includes(scheme) || /require|verify/.test(url.searchParams.get('sslmode') ?? '')
  return { host, port, isEncrypted, user: user || undefined, database: database || undefined }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Why nobody can be spoken to at an address; undefined where somebody listens. */
export function whyDeaf({ host, port }: Address, patience = 3_000): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (why?: string) => {
      socket.destroy()
      resolve(why)
    }
    socket.setTimeout(patience, () =>
      end(`${host}:${port} does not answer: a firewall, a wrong address, or a host that is down`),
    )
    socket.once('connect', () => end())
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(wordsOf(code, host, port)))
  })
}

/** The first line that a server at an address answers with; undefined where it answers nothing. */
export function firstLineOf({ host, port }: Address, question: string, patience = 3_000): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write(question))
    let heard = ''
    const end = () => {
      socket.destroy()
      resolve(heard === '' ? undefined : heard.split('\r\n')[0])
    }
    socket.setTimeout(patience, end)
    socket.once('error', end)
    socket.once('close', end)
    socket.setEncoding('latin1').on('data', (more) => {
      heard += more
      if (heard.includes('\r\n')) end()
    })
  })
}

function wordsOf(code: string | undefined, host: string, port: number): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `there is no host named ${host}`
  if (code === 'ECONNREFUSED') return `nothing listens at ${host}:${port}`
  return `${host}:${port} cannot be reached (${code})`
}
