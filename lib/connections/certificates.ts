/**
 * Certificates and keys out of what Node.js' TLS options accept, read here once: the engine gets only what it can use,
 * and an error never repeats a part of a key.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { invalidOption } from '../options/invalid.js'

/** PEM text, as the engine takes it. */
export interface Certificates {
  ca?: string
  cert?: string
  key?: string
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * @param name The option whose fields they are.
 * @throws TypeError naming the field that cannot be used.
 */
export function certificates(given: { ca?: unknown; cert?: unknown; key?: unknown }, name: string): Certificates {
  const [ca, cert] = [chain(given.ca, `${name}.ca`), chain(given.cert, `${name}.cert`)]
  const key = privateKey(given.key, `${name}.key`)
  if ((cert === undefined) !== (key === undefined)) throw invalidOption(name, 'cert and key together, or neither')
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
}

/** One text of all certificates; `ca` may be several. */
function chain(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const found = [value].flat().flatMap((one) => {
    const blocks = text(one)?.match(CERTIFICATE)
    if (!blocks?.every(isCertificate)) throw invalidOption(name, 'certificates as PEM text')
    return blocks
  })
  return found.length > 0 ? `${found.join('\n')}\n` : undefined
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).subject !== undefined
  } catch {
    return false
  }
}

/** Whatever form the key has, as PKCS#8. */
function privateKey(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined
  try {
    return createPrivateKey(text(value) ?? '').export({ type: 'pkcs8', format: 'pem' }) as string
  } catch {
    throw invalidOption(name, 'a private key as PEM text, without a passphrase')
  }
}

function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined
}
