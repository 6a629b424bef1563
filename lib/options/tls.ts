/** Certificates, in Node.js' names. */
import { flag, kind } from './kinds.js'
import type { AnyOption, Schema } from './schema.js'

/** TLS options, in Node.js' names. */
export interface TlsOptions {
  /**
   * Certificate authorities to trust, as PEM, in place of the machine's: the system's and those of
   * `NODE_EXTRA_CA_CERTS`.
   *
   * @defaultValue the machine's
   *
   * @example
   * ```ts
   * ca: readFileSync('ca.pem')
   * ```
   */
  ca?: string | Uint8Array | (string | Uint8Array)[]
  /**
   * The client's certificate, as PEM. It needs `key`.
   *
   * @example
   * ```ts
   * cert: readFileSync('client.pem')
   * ```
   */
  cert?: string | Uint8Array
  /**
   * The key of the client's certificate, as PEM. It needs `cert`.
   *
   * @example
   * ```ts
   * key: readFileSync('client.key')
   * ```
   */
  key?: string | Uint8Array
  /**
   * Whether the server's certificate is verified. `false` accepts any server, an impostor too.
   *
   * @defaultValue `true`
   *
   * @example
   * ```ts
   * rejectUnauthorized: true
   * ```
   */
  rejectUnauthorized?: boolean
}

const isPem = (value: unknown) => typeof value === 'string' || value instanceof Uint8Array

/** What is inside is read where the connection is made. */
export const CERTIFICATES = {
  ca: {
    takes: kind<string | Uint8Array | (string | Uint8Array)[]>('certificates as PEM text', (value) =>
      [value].flat().every(isPem),
    ),
    words:
      "Certificate authorities to trust, as PEM, in place of the machine's: the system's and those of `NODE_EXTRA_CA_CERTS`.",
    otherwise: "the machine's",
    example: "ca: readFileSync('ca.pem')",
  },
  cert: {
    takes: kind<string | Uint8Array>('certificates as PEM text', isPem),
    words: "The client's certificate, as PEM. It needs `key`.",
    example: "cert: readFileSync('client.pem')",
  },
  key: {
    takes: kind<string | Uint8Array>('a private key as PEM text, without a passphrase', isPem),
    words: "The key of the client's certificate, as PEM. It needs `cert`.",
    example: "key: readFileSync('client.key')",
  },
} as const satisfies Record<string, AnyOption>

export const TLS_SCHEMA = {
  ...CERTIFICATES,
  rejectUnauthorized: {
    takes: flag(),
    words: "Whether the server's certificate is verified. `false` accepts any server, an impostor too.",
    default: true,
    example: 'rejectUnauthorized: true',
  },
} as const satisfies Schema<TlsOptions>
