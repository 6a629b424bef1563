/** Values to JSON text, with errors that say what could not be stored and where. */

/**
 * The JSON text of a value; `undefined` for a value that has none (`undefined`, a function, a symbol).
 *
 * @throws TypeError naming `what` when the value is circular or holds a `BigInt`.
 */
export function toJson(value: unknown, what: string): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new TypeError(`${what} can not be stored as JSON: ${reason}`)
  }
}

/** The value of JSON text. */
export function fromJson(text: string): unknown {
  return JSON.parse(text)
}
