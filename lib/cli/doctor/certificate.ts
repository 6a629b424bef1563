/** What is wrong with the certificate that a server shows, as Node.js judges it, and what to do. */
import { readFile } from 'node:fs/promises'
import { connect as plain, type Socket } from 'node:net'
import { connect as encrypted, type TLSSocket } from 'node:tls'
import { oneLine } from '../../log.js'
import type { Address } from './address.js'

export interface CertificateFault {
  found: string
  todo: string
}

/** How a server is asked for TLS. */
export interface Asking {
  /** PostgreSQL is asked in its own words first. */
  readonly isPostgres?: boolean
  /** The setting that names the server, and where it stands. */
  readonly setting: unknown
  readonly from: string
}

const PATIENCE = 3_000
/** What a PostgreSQL client sends first to ask for TLS, and how the server says yes. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const YES = 'S'.charCodeAt(0)

/** Undefined where nothing is wrong with it but who signed it, or where there is none. */
export async function certificateFault(address: Address, asking: Asking): Promise<CertificateFault | undefined> {
  const socket = await shownBy(address, await authorityOf(asking.setting), asking.isPostgres ?? false)
  if (!socket) return undefined
  // A code, although it is typed as an error.
  const code = String(socket.authorizationError)
  const { subjectaltname: names = '', valid_to: until } = socket.getPeerCertificate()
  socket.destroy()
  const at = `${address.host}:${address.port}`
  if (code === 'CERT_HAS_EXPIRED') {
    return {
      found: `the certificate of ${at} has expired (${oneLine(until)})`,
      todo: 'renew the certificate of the server, and have the server read it',
    }
  }
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return undefined
  return {
    found: `the certificate of ${at} is not for '${address.host}': ${oneLine(names)}`,
    todo: `name the server in ${asking.from} as its certificate does, or give it a certificate for '${address.host}'`,
  }
}

/** A connection to whatever it shows, trusted or not. */
function shownBy(address: Address, ca: Authority, isPostgres: boolean): Promise<TLSSocket | undefined> {
  const { host, port } = address
  return new Promise((resolve) => {
    const socket = plain({ host, port })
    const give = (found?: TLSSocket) => {
      if (!found) socket.destroy()
      resolve(found)
    }
    const encrypt = (over: Socket) => {
      const options = { socket: over, host, rejectUnauthorized: false, ...(ca !== undefined && { ca }) }
      const shown = encrypted({ ...options, ...(/[a-z]/i.test(host) && { servername: host }) })
      shown.once('secureConnect', () => give(shown))
      shown.once('error', () => give())
    }
    socket.setTimeout(PATIENCE, () => give())
    socket.once('error', () => give())
    socket.once('close', () => give())
    socket.once('connect', () => {
      if (!isPostgres) return encrypt(socket)
      socket.write(SSL_REQUEST)
      socket.once('data', (answer) => (answer[0] === YES ? encrypt(socket) : give()))
    })
  })
}

type Authority = string | Buffer | (string | Buffer)[] | undefined

/** The authority that a setting names: the engine trusts that too. */
async function authorityOf(setting: unknown): Promise<Authority> {
  if (typeof setting === 'string' && URL.canParse(setting)) {
    const file = new URL(setting).searchParams.get('sslrootcert')
    return file === null ? undefined : await readFile(file, 'utf8').catch(() => undefined)
  }
  const { ca, ssl, tls } = (setting ?? {}) as { ca?: Authority; ssl?: { ca?: Authority }; tls?: { ca?: Authority } }
  return ca ?? ssl?.ca ?? tls?.ca
}
