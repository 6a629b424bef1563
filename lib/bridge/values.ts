/**
 * Values on their way to the record and back. What JSON holds is stored as it is, so that it can be queried. What JSON would
 * change goes through the runtime's own serializer, if it has one that gives back the same; else it is stored as JSON has
 * it, and a warning says so.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ISerializer } from 'flowcraft'
import { mistake } from '../errors.js'
import { isObject } from '../is-object.js'
import { fromJson, toJson } from './json.js'
import { type Loss, lossOf } from './loss.js'

/** The one key of a stored value that is a serializer's text. */
const SERIALIZED = '_flowcraft.serialized'
/** What little is left of a value, and can be shown in a log: none of it is the user's. */
const EMPTY = new Set([undefined, 'null', '{}'])
/** Whom a warning was said of; with more of them, all may be told again. */
const MOST = 10_000

export interface ValuesOptions {
  /** The runtime's, where it is not core's JSON. */
  serializer?: ISerializer | undefined
  /** What would change is a mistake. */
  strict?: boolean
  warn?: (message: string) => void
}

export class Values {
  readonly #serializer: ISerializer | undefined
  readonly #strict: boolean
  readonly #warn: ((message: string) => void) | undefined
  readonly #warned = new Set<string>()

  constructor({ serializer, strict = false, warn }: ValuesOptions = {}) {
    this.#serializer = serializer
    this.#strict = strict
    this.#warn = warn
  }

  /**
   * The JSON text that a value is stored as; `undefined` for a value that has none (`undefined`, a function, a symbol).
   *
   * @param what Names the value for an error.
   * @param giver Who gives it: one warning each.
   * @throws TypeError where the value cannot be stored, or would change and must not.
   */
  toJson(value: unknown, what: string, giver: string): string | undefined {
    let json: string | undefined
    try {
      json = toJson(value, what)
    } catch (error) {
      const serialized = this.#serialized(value, what)
      if (serialized === undefined) throw error
      return serialized
    }
    if (value === undefined || typeof value === 'string') return json
    const loss = lossOf(value, this.#serializer && 'its own JSON')
    if (!loss && !this.#looksSerialized(value)) return json
    const serialized = this.#serialized(value, what)
    if (serialized !== undefined) return serialized
    // Without a serializer that has it, an object is stored as it says itself.
    const change = loss && (this.#serializer ? lossOf(value, undefined) : loss)
    if (change) this.#say(change, { what, giver, json })
    return json
  }

  /** A value that was stored, as it was. */
  ofStored(stored: unknown): unknown {
    const serializer = this.#serializer
    if (!serializer || !this.#looksSerialized(stored)) return stored
    return serializer.deserialize(stored[SERIALIZED]).value
  }

  /** The values of a context that was stored. */
  ofContext(stored: Record<string, unknown>): Record<string, unknown> {
    if (!this.#serializer) return stored
    return Object.fromEntries(Object.entries(stored).map(([key, value]) => [key, this.ofStored(value)]))
  }

  /** A context as it is stored: each value by itself. */
  ofStorable(context: Record<string, unknown>, what: string): Record<string, unknown> {
    if (!this.#serializer) return context
    const stored = Object.entries(context).map(([key, value]) => {
      const json = this.toJson(value, `The context key '${key}' of ${what}`, what)
      return [key, json === undefined ? undefined : fromJson(json)]
    })
    return Object.fromEntries(stored) as Record<string, unknown>
  }

  /** The text of the serializer, if it gives back the same value. */
  #serialized(value: unknown, what: string): string | undefined {
    const serializer = this.#serializer
    if (!serializer) return undefined
    try {
      const text = serializer.serialize({ value })
      if (typeof text !== 'string' || !isDeepStrictEqual(serializer.deserialize(text).value, value)) return undefined
      return toJson({ [SERIALIZED]: text }, what)
    } catch {
      // A serializer that cannot take the value is as none.
      return undefined
    }
  }

  /** A value of the user's own that looks as if it were serialized is serialized too. */
  #looksSerialized(value: unknown): value is { [SERIALIZED]: string } {
    if (!this.#serializer || !isObject(value) || typeof value[SERIALIZED] !== 'string') return false
    return Object.keys(value).length === 1
  }

  #say({ path, type }: Loss, { what, giver, json }: { what: string; giver: string; json: string | undefined }): void {
    const where = path === '' ? `${what} is` : `${what} has at '${path.replace(/^\./, '')}'`
    const has = `${where} ${article(type)}, which JSON does not hold`
    if (this.#strict) throw mistake('VALUE_NOT_STORABLE', `${has}; the option strictValues refuses it`)
    if (this.#warned.has(giver)) return
    if (this.#warned.size >= MOST) this.#warned.clear()
    this.#warned.add(giver)
    const becomes = path === '' && EMPTY.has(json) ? ` It is stored as ${json ?? 'nothing'}.` : ''
    this.#warn?.(
      `${has}.${becomes} A serializer in runtimeOptions that holds it keeps it as it is, and the option strictValues makes ` +
        'this an error',
    )
  }
}

/** A type as a sentence names it. */
function article(type: string): string {
  if (/^(NaN|-?Infinity|undefined)$/.test(type)) return type
  return /^[aeio]/i.test(type) ? `an ${type}` : `a ${type}`
}
