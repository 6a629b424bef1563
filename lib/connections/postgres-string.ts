/**
 * Connection strings as they are found in the field: of libpq, `pg`, Prisma and others. What they say is honoured or
 * without meaning here, and what cannot be honoured is refused by its name.
 */
import { invalidOption } from '../options/invalid.js'
import type { PostgresOptions } from '../options/postgres.js'

/** What a connection string comes to. */
interface Read {
  /** With the parameters that the driver reads itself. */
  connectionString: string
  /** What other parameters say, as options. */
  said: PostgresOptions
  /** Names of parameters that nobody knows. */
  unknown: string[]
}

/** The driver reads these itself, or the encryption is made from them. */
const OF_THE_DRIVER = [
  ...['user', 'password', 'dbname', 'host', 'hostaddr', 'port', 'options', 'application_name', 'connect_timeout'],
  ...['tcp_user_timeout', 'keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_retries'],
  ...['target_session_attrs', 'channel_binding', 'load_balance_hosts', 'sslnegotiation'],
  ...['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'],
]
/** They change nothing that is seen here: what they ask for holds, or concerns what this adapter does not have. */
const WITHOUT_MEANING = [
  ...['gssencmode', 'gsslib', 'krbsrvname', 'gssdelegation', 'keepalives_count', 'pool_timeout', 'socket_timeout'],
  ...['pool_max_conns', 'statement_cache_size', 'single_use_connections', 'sslsni', 'sslcompression', 'supa'],
]
/** Settings of the server, which are given to it when a connection is opened. */
const SETTINGS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const

type Reader = (value: string, name: string) => PostgresOptions

const whole = (field: keyof PostgresOptions): Reader => {
  return (value, name) => {
    if (!/^\d+$/.test(value)) throw refused(name, 'a whole number')
    return { [field]: Number(value) }
  }
}
const only = (accepts: string, ...values: string[]): Reader => {
  return (value, name) => {
    if (!values.includes(value.toLowerCase())) throw refused(name, accepts)
    return {}
  }
}
const never = (why: string): Reader => {
  return (_, name) => {
    throw refused(name, why)
  }
}

const READERS: Record<string, Reader> = {
  ...Object.fromEntries(SETTINGS.map((name) => [name, whole(name)])),
  schema: (value) =>
    value === 'public' ? {} : { options: `-c search_path=${escaped(`"${value.replaceAll('"', '""')}"`)}` },
  search_path: (value) => ({ options: `-c search_path=${escaped(value)}` }),
  timezone: (value) => ({ options: `-c timezone=${escaped(value)}` }),
  pgbouncer: (value, name) => {
    if (!['true', 'false'].includes(value)) throw refused(name, 'true or false')
    return value === 'true' ? { pooler: true } : {}
  },
  connection_limit: whole('max'),
  max: whole('max'),
  fallback_application_name: (value) => ({ application_name: value }),
  client_encoding: only("UTF-8, which is the adapter's", 'utf8', 'utf-8', 'unicode', 'auto'),
  replication: only('no replication', 'false', 'off', 'no', '0'),
  ssl_min_protocol_version: only('TLSv1.2 at most, which is the least there is', 'tlsv1', 'tlsv1.1', 'tlsv1.2'),
  require_auth: never('no such choice: the server decides how it lets the adapter in'),
  requirepeer: never('no such check of a socket'),
  passfile: never('the password itself, or a function in a config object: no file is read'),
  service: never('the server itself: no service file is read'),
  servicefile: never('the server itself: no service file is read'),
}

/**
 * @param name The option that holds the string.
 * @throws TypeError naming the parameter that cannot be honoured.
 */
export function readString(given: string, name: string): Read {
  const text = given.trim()
  const socket = ofSocket(text, name)
  if (socket) return socket
  const isUrl = text.includes('://')
  const pairs = isUrl ? ofQuery(text) : ofPairs(text)
  const [said, unknown, kept]: [PostgresOptions, string[], [string, string][]] = [{}, [], []]
  for (const [key, value] of pairs) {
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined
    // An empty one is none, as for libpq.
    if (value === '' || WITHOUT_MEANING.includes(key)) continue
    if (reader) merge(said, reader(value, `${name} (${key})`))
    else if (!OF_THE_DRIVER.includes(key)) unknown.push(key)
    else if (key === 'target_session_attrs' && /standby|read-only/.test(value))
      throw refused(`${name} (${key})`, 'a server that accepts writes: any, read-write or primary')
    else if (key === 'options') merge(said, { options: value })
    else kept.push([key, value])
  }
  if (saysName(pairs)) delete said.application_name
  const connectionString = isUrl
    ? `${text.replace(/\?.*$/s, '')}${query(kept)}`
    : kept.map(([key, value]) => `${key}='${value.replace(/['\\]/g, '\\$&')}'`).join(' ')
  return { connectionString, said, unknown }
}

/** The settings of the server in a `pg` config, as command-line options. */
export function commandLine(options: PostgresOptions): string | undefined {
  const settings = SETTINGS.flatMap((name) => {
    const value = options[name]
    return value === undefined || value === null || value === false ? [] : [`-c ${name}=${value}`]
  })
  const all = [...(options.options ? [options.options] : []), ...settings]
  return all.length > 0 ? all.join(' ') : undefined
}

/** `pg` takes a socket as `socket:/folder?db=name`, or as the folder and the database. */
function ofSocket(text: string, name: string): Read | undefined {
  const short = /^(\/[^ ]*)(?: +(\S+))?$/.exec(text)
  if (short) {
    const [, host = '', database] = short
    return { connectionString: '', said: { host, ...(database && { database }) }, unknown: [] }
  }
  if (!/^socket:/i.test(text)) return undefined
  try {
    return ofSocketUrl(text)
  } catch {
    // Never in the words of `URL`: its error has the whole text.
    throw refused(name, 'a socket as socket://user:pass@/folder?db=name, with its login encoded as in a URL')
  }
}

function ofSocketUrl(text: string): Read {
  // Not a host, but nothing: `URL` takes none in a scheme it does not know where there is a login.
  const url = new URL(
    text.replace(/^socket:(\/\/)?([^/]*@)?/i, (_, _slashes, login = '') => `socket://${login}localhost`),
  )
  const database = url.searchParams.get('db')
  const said = {
    host: decodeURIComponent(url.pathname),
    ...(database && { database }),
    ...(url.username && { user: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
  }
  const others = [...url.searchParams.keys()].filter((key) => !['db', 'encoding'].includes(key))
  return { connectionString: '', said, unknown: others }
}

function ofQuery(url: string): [string, string][] {
  const from = url.indexOf('?')
  const given = from < 0 ? [] : url.slice(from + 1).split('&')
  return given
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      const [key, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
      return [decoded(key), decoded(value)]
    })
}

/** A plus is a plus: it stands for no space in a connection string. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function ofPairs(text: string): [string, string][] {
  const pairs = text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))/gs)
  return [...pairs].map(([, key = '', quoted, bare]) => [key, (quoted ?? bare ?? '').replace(/\\(.)/gs, '$1')])
}

function query(pairs: [string, string][]): string {
  const words = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
  return words.length > 0 ? `?${words.join('&')}` : ''
}

function merge(said: PostgresOptions, more: PostgresOptions): void {
  const options = [said.options, more.options].filter((each) => each !== undefined)
  Object.assign(said, more, options.length > 0 && { options: options.join(' ') })
}

function saysName(pairs: [string, string][]): boolean {
  return pairs.some(([key, value]) => key === 'application_name' && value !== '')
}

/** The server splits its command line at spaces. */
function escaped(value: string): string {
  return value.replace(/[\\ ]/g, '\\$&')
}

function refused(name: string, accepts: string): TypeError {
  return invalidOption(name, accepts)
}
