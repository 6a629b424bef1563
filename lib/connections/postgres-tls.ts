/**
 * Encryption to PostgreSQL, decided as `pg` decides it: by the `ssl` option, else by what the connection string says,
 * else by `PGSSLMODE`. Where encryption is asked for, there is none without it, and it is verified unless they say so.
 */
import { readFileSync } from 'node:fs'
import { isObject } from '../is-object.js'
import { invalidOption } from '../options/invalid.js'
import { type Certificates, certificates } from './certificates.js'

/** What the engine takes. */
interface Encryption extends Certificates {
  mode: 'disable' | 'require' | 'unverified'
}

/** How connections described by these options are encrypted. */
export function encryption(ssl: unknown, connectionString: string | undefined, name: string): Encryption {
  if (ssl !== undefined && ssl !== null) return fromOption(ssl, name)
  const said = connectionString === undefined ? undefined : fromString(connectionString, name)
  return said ?? { mode: modeOf(process.env.PGSSLMODE || 'disable') }
}

function fromOption(ssl: unknown, name: string): Encryption {
  if (typeof ssl === 'string') return { mode: modeOf(ssl) }
  if (!isObject(ssl)) return { mode: ssl ? 'require' : 'disable' }
  const mode = ssl.rejectUnauthorized === false ? 'unverified' : 'require'
  return { mode, ...certificates(ssl, `${name}.ssl`) }
}

/** Everything that is not a plain no, or a plain `no-verify`, is verified: `prefer` too, as in `pg`. */
function modeOf(word: string): Encryption['mode'] {
  if (['disable', 'false', '0'].includes(word)) return 'disable'
  return word === 'no-verify' ? 'unverified' : 'require'
}

/** What a connection string says of encryption; nothing when it does not speak of it. */
function fromString(connectionString: string, name: string): Encryption | undefined {
  const said = parameters(connectionString)
  const file = (parameter: string) => {
    const path = said.get(parameter)
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch {
      throw invalidOption(name, `a file that can be read as ${parameter}`)
    }
  }
  const files = { ca: file('sslrootcert'), cert: file('sslcert'), key: file('sslkey') }
  const read = certificates(files, name)
  const word = said.get('sslmode') ?? said.get('ssl')
  if (word !== undefined) return { mode: modeOf(word), ...read }
  const implied = Object.keys(read).length > 0 || said.get('sslnegotiation') === 'direct'
  return implied ? { mode: 'require', ...read } : undefined
}

/** The parameters of a URL, or of `key=value` pairs. */
function parameters(connectionString: string): Map<string, string> {
  if (connectionString.includes('://')) {
    const query = connectionString.replace(/^[^?]*\??/, '')
    return new Map(new URLSearchParams(query))
  }
  const pairs = connectionString.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']*))/g)
  return new Map([...pairs].map(([, key = '', quoted, bare]) => [key, quoted ?? bare ?? '']))
}
