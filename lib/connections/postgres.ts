/** `pgClient`: a connection string, a `pg` config, a live `pg` Client or Pool whose parameters are read, or a memory. */
import { userInfo } from 'node:os'
import { Database } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import { ADAPTER_SCHEMA } from '../options/adapter-schema.js'
import { invalidOption } from '../options/invalid.js'
import { memoryName } from '../options/memory.js'
import { POSTGRES_ACCEPTS as ACCEPTS, type PostgresOptions } from '../options/postgres.js'
import { commandLine, readString } from './postgres-string.js'
import { encryption } from './postgres-tls.js'

const TLS_ACCEPTS = 'certificates (ca, cert) and their key as PEM text that belongs together'
/** What the engine calls the option when certificates cannot be used. */
const TLS = 'pgClient.ssl'

/** How long PostgreSQL may take, in milliseconds. */
export interface PostgresLimits {
  /** To answer a new connection, and to log in. */
  connectTimeout?: number
  /** For a statement. */
  statementTimeout?: number
}

/** What holds for a context of the user's own, as for an adapter's. */
export const DEFAULT_LIMITS: PostgresLimits = {
  connectTimeout: ADAPTER_SCHEMA.connectTimeout.default,
  statementTimeout: ADAPTER_SCHEMA.statementTimeout.default,
}

/** What a pool is made from. */
interface Description {
  settings: string
  password: PostgresOptions['password']
}

/** Makes a pool; opens no connection. Without a limit for statements they may take as long as they do. */
export function openDatabase(option: unknown, name = 'pgClient', limits: PostgresLimits = {}): Database {
  const memory = memoryName(option)
  return memory === undefined ? made(describe(option, name, limits), name) : Database.memory(memory)
}

/** Pools that were made to be shared, by their descriptions, while anybody holds them. */
const shared = new Map<string, WeakRef<Database>>()
const freed = new FinalizationRegistry((key: string) => {
  // Another one may have taken its place.
  if (shared.get(key)?.deref() === undefined) shared.delete(key)
})

/** The pool of a description: equal ones have the same for as long as somebody holds it. Opens no connection. */
export function sharedDatabase(option: unknown, name: string): Database {
  if (memoryName(option) !== undefined) return openDatabase(option, name, DEFAULT_LIMITS)
  const description = describe(option, name, DEFAULT_LIMITS)
  const key = `${numberOf(description.password)} ${description.settings}`
  const known = shared.get(key)?.deref()
  if (known) return known
  const database = made(description, name)
  shared.set(key, new WeakRef(database))
  freed.register(database, key)
  return database
}

const numbers = new WeakMap<object, number>()
let lastNumber = 0

/** Tells functions apart; 0 for anything else. */
function numberOf(password: PostgresOptions['password']): number {
  if (typeof password !== 'function') return 0
  const number = numbers.get(password) ?? ++lastNumber
  numbers.set(password, number)
  return number
}

function describe(option: unknown, name: string, limits: PostgresLimits): Description {
  const options = read(option, name)
  return { settings: JSON.stringify({ ...limits, ...settings(options, name) }), password: options.password }
}

function made({ settings, password }: Description, name: string): Database {
  try {
    return new Database(settings, passwordSource(password))
  } catch (error) {
    // Never in the engine's words: they may repeat a line of the key that could not be read.
    throw (error as { option?: unknown }).option === TLS
      ? invalidOption(`${name}.ssl`, TLS_ACCEPTS)
      : invalidOption(name, ACCEPTS)
  }
}

/** What the engine asks for every new connection, where the password is no constant. */
function passwordSource(password: PostgresOptions['password']): (() => Promise<string>) | undefined {
  if (typeof password !== 'function') return undefined
  return async () => {
    try {
      return String(await password())
    } catch {
      // Nothing of what it threw: that may hold the password.
      throw new Error('the password function threw an error')
    }
  }
}

function read(option: unknown, name: string): PostgresOptions {
  if (typeof option === 'string' && option.trim() !== '') return resolved({ connectionString: option }, name)
  if (!isObject(option)) throw invalidOption(name, ACCEPTS)
  // A live Client has resolved its config, its URL and the environment into these.
  if (isObject(option.connectionParameters)) return fromParameters(option.connectionParameters)
  // A live Pool keeps its config; its Client class resolves it without connecting.
  if (isObject(option.options) && typeof option.Client === 'function') {
    const Client = option.Client as new (config: unknown) => { connectionParameters: Record<string, unknown> }
    try {
      return fromParameters(new Client(option.options).connectionParameters)
    } catch {
      throw invalidOption(name, ACCEPTS)
    }
  }
  const known = ['connectionString', 'host', 'port', 'user', 'database', 'password']
  if (!known.some((field) => field in option) || typeof option.query === 'function') throw invalidOption(name, ACCEPTS)
  return resolved(option as PostgresOptions, name)
}

/** A config whose connection string says nothing more than the driver reads. */
function resolved(options: PostgresOptions, name: string): PostgresOptions {
  if (typeof options.connectionString !== 'string') return options
  const { connectionString, said } = readString(options.connectionString, name)
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value != null))
  // A string that names only a socket is one of fields.
  delete given.connectionString
  return { ...said, ...given, ...(connectionString !== '' && { connectionString }) }
}

/** Sentences about parameters of a connection string that nobody knows, for an adapter's logger. */
export function unknownParameters(option: unknown, name = 'pgClient'): string[] {
  const text = isObject(option) ? option.connectionString : option
  if (typeof text !== 'string' || memoryName(option) !== undefined) return []
  const { unknown } = readString(text, name)
  // What is no name may be a part of a password that should have been encoded.
  const shown = (key: string) => (/^\w+$/.test(key) ? `Unknown parameter '${key}'` : 'Something that is no parameter')
  return unknown.map((key) => `${shown(key)} in the connection string of '${name}': it has no effect`)
}

function fromParameters(parameters: Record<string, unknown>): PostgresOptions {
  const fields = [
    ...(['host', 'port', 'user', 'password', 'database', 'ssl', 'options', 'application_name'] as const),
    ...(['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const),
  ]
  // Read one by one: pg hides the password from enumeration.
  const present = fields
    .map((field) => [field, parameters[field]])
    .filter(([, value]) => value != null && value !== '' && value !== false)
  return Object.fromEntries(present) as PostgresOptions
}

function settings(options: PostgresOptions, name: string): Record<string, unknown> {
  const { env } = process
  const fromUrl = options.connectionString !== undefined
  const fallback = <T>(value: T | undefined, other: T | undefined): T | undefined =>
    value ?? (fromUrl ? undefined : other)
  const hosts = listed(fallback(options.host, env.PGHOST))
  const ports = listed(fallback<unknown>(options.port, env.PGPORT)).map(Number)
  if (ports.length > 1 && ports.length !== hosts.length)
    throw invalidOption(`${name}.port`, 'one port for each host, or one for all')
  return {
    url: options.connectionString,
    hosts,
    ports,
    user: fallback(options.user, env.PGUSER ?? userInfo().username),
    password:
      typeof options.password === 'function'
        ? undefined
        : (options.password ?? (saysPassword(options.connectionString) ? undefined : env.PGPASSWORD)),
    database: fallback(options.database, env.PGDATABASE),
    options: commandLine(options),
    applicationName: options.application_name,
    max: options.max,
    pooler: options.pooler,
    direct: options.directUrl === undefined ? undefined : settings(read(options.directUrl, `${name}.directUrl`), name),
    ...(options.connectionTimeoutMillis && { connectTimeout: options.connectionTimeoutMillis }),
    ssl: encryption(options.ssl, options.connectionString, name),
  }
}

/** What may be one, or an array, or separated by commas. */
function listed(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return []
  return [value].flat().flatMap((each) => String(each).split(','))
}

/** Whether a connection string has a password of its own, which comes before the environment's. */
function saysPassword(url: string | undefined): boolean {
  return url !== undefined && /:\/\/[^/?#@]*:[^@]*@|password\s*=/.test(url)
}
