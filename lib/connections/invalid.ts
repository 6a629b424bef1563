/** One wording for a refused option: which one, what it accepts; never the value, which may hold a password. */
export function invalidOption(option: string, accepts: string): TypeError {
  return new TypeError(`Invalid option '${option}': expected ${accepts}`)
}

/** PEM text out of what Node.js' TLS options accept; several certificates are joined. */
export function pem(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (Array.isArray(value)) return value.map(pem).filter(Boolean).join('\n')
  return undefined
}

/** Whether a value is an object with properties to read. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
