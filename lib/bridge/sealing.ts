/**
 * The last step of a value on its way to the record, and the first on its way back: what the user's codec makes of its JSON
 * stands in an envelope, an object of one key. A value of the user's own that looks like one is put into another envelope, so
 * that nothing is taken for what it is not, with a codec or without.
 *
 *     {"_flowcraft.encrypted": "<text>"}                          a value that stays where it is
 *     {"_flowcraft.encrypted": {"as": "<key>", "text": "<text>"}}  one that the engine may move: the key that it was made for
 *     {"_flowcraft.plain": <value>}                               a value of the user's that looks like an envelope
 */
import { mistake, ValueUnreadableError } from '../errors.js'
import { isObject } from '../is-object.js'
import { MissingKeyError, type ValueCodec, type ValuePlace } from '../options/codec.js'
import { toJson } from './json.js'
import { moves, placeOf, placeOfSchedule, scheduleOf } from './places.js'

const ENCRYPTED = '_flowcraft.encrypted'
const PLAIN = '_flowcraft.plain'
/** How the text of what may be an envelope begins, as this or PostgreSQL writes it. */
const ENVELOPE = /^\{"_flowcraft\.(?:encrypted|plain)"/
/** A text that JSON has as it is, as that of most codecs: a long one is not looked at character by character. */
const SIMPLE = /^[A-Za-z0-9+/=._:-]*$/
/** The key of an envelope of a schedule's value. */
const OF_SCHEDULE = 'schedule'

/** What stands in an envelope. */
type Encrypted = string | { readonly as: string; readonly text: string }

/** Which key a value that was moved may have been made for. */
export type Origin = (as: string) => boolean

export class Sealing {
  readonly #codec: ValueCodec | undefined

  constructor(codec: ValueCodec | undefined) {
    this.#codec = codec
  }

  /** Whether values may be encrypted: two places never share a text then. */
  get encodes(): boolean {
    return this.#codec !== undefined
  }

  /** The JSON of a value as it is stored. `null` says nothing, and the engine has to see it: it stays as it is. */
  seal(json: string, place: ValuePlace): string {
    const text = json === 'null' ? undefined : this.#encoded(json, place)
    if (text === undefined) return ENVELOPE.test(json) ? `{"${PLAIN}":${json}}` : json
    const quoted = SIMPLE.test(text) ? `"${text}"` : (toJson(text, nameOf(place)) ?? '""')
    if (!moves(place)) return `{"${ENCRYPTED}":${quoted}}`
    const as = place.scheduleId === undefined ? place.key : OF_SCHEDULE
    return `{"${ENCRYPTED}":{"as":${JSON.stringify(as)},"text":${quoted}}}`
  }

  /**
   * A stored value, without its envelope.
   *
   * @param from Which other key it may have been made for; none where it stays where it is.
   * @throws ValueUnreadableError where it cannot be read here.
   */
  open(stored: unknown, place: ValuePlace, from?: Origin): unknown {
    const inside = insideOf(stored)
    if (inside === undefined) return stored
    if ('plain' in inside) return inside.plain
    return parsed(this.#decoded(inside.encrypted, place, from), place)
  }

  /** The JSON of a stored value, given as JSON, without its envelope. Numbers stay the text they are. */
  opened(json: string, place: ValuePlace): string {
    const inside = ENVELOPE.test(json) ? insideOf(JSON.parse(json)) : undefined
    if (inside === undefined) return json
    if ('plain' in inside) return JSON.stringify(inside.plain)
    const text = this.#decoded(inside.encrypted, place)
    parsed(text, place)
    return text
  }

  #encoded(json: string, place: ValuePlace): string | undefined {
    if (!this.#codec) return undefined
    let text: unknown
    try {
      text = this.#codec.encode(json, place)
    } catch (cause) {
      throw Object.assign(mistake('VALUE_NOT_STORABLE', `${nameOf(place)} cannot be encoded by the codec`), { cause })
    }
    if (text === undefined || typeof text === 'string') return text
    const what = 'the codec answers with a text, at once, or with undefined'
    throw mistake('VALUE_NOT_STORABLE', `${nameOf(place)} cannot be encoded: ${what}`)
  }

  #decoded(encrypted: Encrypted, place: ValuePlace, from?: Origin): string {
    if (!this.#codec) throw unreadable('VALUE_KEY_MISSING', place, 'is encrypted, and there is no codec here')
    const [text, made] = typeof encrypted === 'string' ? [encrypted, place] : madeFor(encrypted, place, from)
    try {
      const json: unknown = this.#codec.decode(text, made)
      if (typeof json === 'string') return json
    } catch (cause) {
      // Of another copy of this package, too.
      if (cause instanceof MissingKeyError || (cause as Error | undefined)?.name === 'MissingKeyError') {
        const which = String((cause as { keyId?: unknown }).keyId)
        throw unreadable('VALUE_KEY_MISSING', place, `is encrypted, and there is no key '${which}' here`, cause)
      }
      throw unreadable('VALUE_UNREADABLE', place, CHANGED, cause)
    }
    throw unreadable('VALUE_UNREADABLE', place, 'cannot be read: the codec decodes to a text, at once')
  }
}

const CHANGED = 'is encrypted and cannot be read: it was changed, or moved there from another key or run'

/** Whether there may be an envelope somewhere in JSON text. */
export function mayHaveEnvelope(json: string): boolean {
  return json.includes(`"${ENCRYPTED}"`) || json.includes(`"${PLAIN}"`)
}

/** Whether a stored value is encrypted. */
export function isEncrypted(stored: unknown): boolean {
  const inside = insideOf(stored)
  return inside !== undefined && 'encrypted' in inside
}

/** Whether a stored value has an envelope. */
export function hasEnvelope(stored: unknown): boolean {
  return insideOf(stored) !== undefined
}

/** What is in an envelope; undefined where there is none. */
function insideOf(stored: unknown): { encrypted: Encrypted } | { plain: unknown } | undefined {
  if (!isObject(stored)) return undefined
  const encrypted = stored[ENCRYPTED]
  const isOne = Object.keys(stored).length === 1
  if (isOne && Object.hasOwn(stored, PLAIN)) return { plain: stored[PLAIN] }
  return isOne && isText(encrypted) ? { encrypted } : undefined
}

function isText(inside: unknown): inside is Encrypted {
  if (typeof inside === 'string') return true
  return isObject(inside) && typeof inside.as === 'string' && typeof inside.text === 'string'
}

/** The place that a value which the engine may move was made for. */
function madeFor({ as, text }: { as: string; text: string }, place: ValuePlace, from?: Origin): [string, ValuePlace] {
  const { runId, key } = place
  if (runId === undefined) return [text, place]
  const schedule = as === OF_SCHEDULE ? scheduleOf(runId) : undefined
  if (schedule !== undefined) return [text, placeOfSchedule(schedule, key)]
  if (as === key || from?.(as)) return [text, placeOf(runId, as)]
  throw unreadable('VALUE_UNREADABLE', place, CHANGED)
}

/** The value of decoded JSON. What is wrong with it is not said in the words of a parser, which quote it. */
function parsed(json: string, place: ValuePlace): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw unreadable('VALUE_UNREADABLE', place, 'cannot be read: the codec decodes to what is not JSON')
  }
}

function unreadable(
  code: 'VALUE_KEY_MISSING' | 'VALUE_UNREADABLE',
  place: ValuePlace,
  why: string,
  cause?: unknown,
): ValueUnreadableError {
  const { runId, key } = place
  // Whoever has the key reads it, with nothing changed.
  const retryable = code === 'VALUE_KEY_MISSING'
  return new ValueUnreadableError(`${nameOf(place)} ${why}`, { code, retryable, runId, key, cause })
}

function nameOf({ runId, scheduleId, key }: ValuePlace): string {
  const whose = scheduleId === undefined ? `run '${runId}'` : `the schedule '${scheduleId}'`
  return `The context key '${key}' of ${whose}`
}
