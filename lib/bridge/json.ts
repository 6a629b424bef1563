/** Values to JSON text, with errors that say what could not be stored and where. */
import { mistake } from '../errors.js'
import { textOf } from '../thrown.js'

/** The engine's bookkeeping: neither nodes nor contexts can write it. */
const RESERVED_KEY = '_flowcraft'

/** An escape sequence of JSON text; two that make a surrogate pair are one. */
const ESCAPES = /\\ud[89ab]..\\ud[c-f]..|\\u....|\\./g

/**
 * The JSON text of a value; `undefined` for a value that has none (`undefined`, a function, a symbol).
 *
 * @throws TypeError naming `what` when the value is circular or holds a `BigInt`, U+0000 or half a surrogate pair.
 */
export function toJson(value: unknown, what: string): string | undefined {
  let json: string | undefined
  try {
    json = JSON.stringify(value) as string | undefined
  } catch (error) {
    throw unstorable(what, textOf(error).split('\n')[0] ?? '')
  }
  const impossible = json === undefined ? undefined : impossibleCharacter(json)
  if (impossible !== undefined)
    throw unstorable(what, `PostgreSQL has no place for the character ${impossible} in JSON`)
  return json
}

/** The JSON text of an object, of keys and values that are JSON text. */
export function jsonObject(entries: Iterable<readonly [string, string]>): string {
  return `{${Array.from(entries, ([key, json]) => `${JSON.stringify(key)}:${json}`).join()}}`
}

/** The value of JSON text. */
export function fromJson(text: string): unknown {
  return JSON.parse(text)
}

/**
 * A context key to write; `where` says of what.
 *
 * @throws TypeError when it is none, here, where the mistake is made.
 */
export function contextKey(key: unknown, where = ''): string {
  if (typeof key !== 'string') {
    throw mistake('INVALID_ARGUMENT', `A context key${where} is a string, not a ${typeof key}`)
  }
  if (key === RESERVED_KEY) {
    throw mistake('RESERVED_KEY', `The context key '${RESERVED_KEY}'${where} is reserved for the engine`)
  }
  toJson(key, `The context key${where}`)
  return key
}

function unstorable(what: string, why: string): TypeError {
  return mistake('VALUE_NOT_STORABLE', `${what} cannot be stored as JSON: ${why}`)
}

/** What JSON can say and JSONB cannot hold: U+0000, and half a surrogate pair. */
function impossibleCharacter(json: string): string | undefined {
  // Nearly every text is done here, however long it is.
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return undefined
  for (const [written] of json.matchAll(ESCAPES)) {
    const half = written.length === 6 && written.startsWith('\\ud')
    if (half || written === '\\u0000') return `U+${written.slice(2).toUpperCase()}`
  }
  return undefined
}
