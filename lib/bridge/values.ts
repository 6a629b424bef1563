/**
 * Values on their way to the record and back. What JSON holds is stored as it is, so that it can be queried. What JSON would
 * change goes through the runtime's own serializer, if it has one that gives back the same; else it is stored as JSON has
 * it, and a warning says so. What comes of it goes through the user's codec, if there is one.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ISerializer } from 'flowcraft'
import { mistake } from '../errors.js'
import { isObject } from '../is-object.js'
import type { ValueCodec, ValuePlace } from '../options/codec.js'
import { fromJson, jsonObject, toJson } from './json.js'
import { childrenOf } from './json-slices.js'
import { type Loss, lossOf } from './loss.js'
import { placeOf } from './places.js'
import { hasEnvelope, isEncrypted, mayHaveEnvelope, type Origin, Sealing } from './sealing.js'

/** The one key of a stored value that is a serializer's text. */
const SERIALIZED = '_flowcraft.serialized'
/** What little is left of a value, and can be shown in a log: none of it is the user's. */
const EMPTY = new Set([undefined, 'null', '{}'])
/** Whom a warning was said of; with more of them, all may be told again. */
const MOST = 10_000

export interface ValuesOptions {
  /** The runtime's, where it is not core's JSON. */
  serializer?: ISerializer | undefined
  /** The user's, where stored values are encrypted. */
  codec?: ValueCodec | undefined
  /** What would change is a mistake. */
  strict?: boolean
  warn?: (message: string) => void
}

/** A value that is to be stored. */
export interface Given {
  /** Names it for an error. */
  readonly what: string
  /** Who gives it: one warning each. */
  readonly giver: string
  /** Where it is to stand. */
  readonly place: ValuePlace
}

/** What is shown of a value that cannot be read, as JSON. */
export const HIDDEN = '"[encrypted]"'

export class Values {
  readonly #serializer: ISerializer | undefined
  readonly #sealing: Sealing
  readonly #strict: boolean
  readonly #warn: ((message: string) => void) | undefined
  readonly #warned = new Set<string>()

  constructor({ serializer, codec, strict = false, warn }: ValuesOptions = {}) {
    this.#serializer = serializer
    this.#sealing = new Sealing(codec)
    this.#strict = strict
    this.#warn = warn
  }

  /** Whether values may be encrypted: each is then stored for its own key, also where two keys have the same. */
  get encodes(): boolean {
    return this.#sealing.encodes
  }

  /**
   * The JSON text that a value is stored as; `undefined` for a value that has none (`undefined`, a function, a symbol).
   *
   * @throws TypeError where the value cannot be stored, or would change and must not.
   */
  toJson(value: unknown, { what, giver, place }: Given): string | undefined {
    const json = this.unsealed(value, { what, giver })
    return json === undefined ? undefined : this.#sealing.seal(json, place)
  }

  /** The same before the codec. */
  unsealed(value: unknown, { what, giver }: Omit<Given, 'place'>): string | undefined {
    return this.#json(value, what, giver)
  }

  /** The JSON text of a value that is only shown: nobody is told what JSON changes of it. None where it has no text. */
  shownJson(value: unknown): string | undefined {
    try {
      const json = toJson(value, 'The value')
      if (!this.#serializer || typeof value === 'string') return json
      const isOther = lossOf(value, 'its own JSON') || this.#looksSerialized(value)
      return (isOther && this.#serialized(value, 'The value')) || json
    } catch {
      return this.#serialized(value, 'The value')
    }
  }

  /** JSON text that is to be stored as it is, but for the codec. */
  sealed(json: string, place: ValuePlace): string {
    return this.#sealing.seal(json, place)
  }

  /**
   * The JSON text of a stored value, without what the codec made of it.
   *
   * @throws ValueUnreadableError where it cannot be read here.
   */
  opened(json: string, place: ValuePlace): string {
    return this.#sealing.opened(json, place)
  }

  /** The JSON text of a stored value for people: one that cannot be read says that it is encrypted. */
  shown(json: string, place: ValuePlace): string {
    try {
      return this.#sealing.opened(json, place)
    } catch {
      return HIDDEN
    }
  }

  /** The same for a whole context. */
  shownContext(json: string, runId: string): string {
    if (!mayHaveEnvelope(json)) return json
    const keys = [...childrenOf(json)].map(({ key, from, to }) => [key, json.slice(from, to)] as const)
    return jsonObject(keys.map(([key, text]) => [key, this.shown(text, placeOf(runId, key))]))
  }

  /**
   * A value that was stored, as it was.
   *
   * @param from Which other key the engine may have moved it from.
   * @throws ValueUnreadableError where it cannot be read here.
   */
  ofStored(stored: unknown, place: ValuePlace, from?: Origin): unknown {
    return this.#deserialized(this.#sealing.open(stored, place, from))
  }

  /** The same for whoever looks from outside: without a codec, what is encrypted is as the record has it. */
  seen(stored: unknown, place: ValuePlace): unknown {
    return !this.encodes && isEncrypted(stored) ? stored : this.ofStored(stored, place)
  }

  /** The values of a run's context that was stored. Without a codec they cannot be read where they are encrypted. */
  ofContext(stored: Record<string, unknown>, runId: string): Record<string, unknown> {
    return this.#each(stored, (value, key) => this.ofStored(value, placeOf(runId, key)))
  }

  /** The same as {@link seen}. */
  seenContext(stored: Record<string, unknown>, placeOfKey: (key: string) => ValuePlace): Record<string, unknown> {
    return this.#each(stored, (value, key) => this.seen(value, placeOfKey(key)))
  }

  /** A context as the final result of a run stores it: each value by itself. */
  ofStorable(context: Record<string, unknown>, runId: string): Record<string, unknown> {
    if (!this.#serializer && !this.encodes && !Object.values(context).some(hasEnvelope)) return context
    const giver = `the final result of run '${runId}'`
    const stored = Object.entries(context).map(([key, value]) => {
      const what = `The context key '${key}' of ${giver}`
      const json = this.toJson(value, { what, giver, place: placeOf(runId, key) })
      return [key, json === undefined ? undefined : fromJson(json)]
    })
    return Object.fromEntries(stored) as Record<string, unknown>
  }

  /** A whole context as the runtime's serializer writes it. */
  serialized(context: Record<string, unknown>): string {
    return this.#serializer ? this.#serializer.serialize(context) : JSON.stringify(context)
  }

  #each(stored: Record<string, unknown>, read: (value: unknown, key: string) => unknown): Record<string, unknown> {
    if (!this.#serializer && !this.encodes && !Object.values(stored).some(hasEnvelope)) return stored
    return Object.fromEntries(Object.entries(stored).map(([key, value]) => [key, read(value, key)]))
  }

  /** The JSON text of a value, before the codec. */
  #json(value: unknown, what: string, giver: string): string | undefined {
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

  #deserialized(stored: unknown): unknown {
    const serializer = this.#serializer
    if (!serializer || !this.#looksSerialized(stored)) return stored
    return serializer.deserialize(stored[SERIALIZED]).value
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
