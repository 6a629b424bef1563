/** A codec that is ready to use: AES-256-GCM of `node:crypto`, with keys that can be replaced by new ones. */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { isObject } from '../is-object.js'
import { MissingKeyError, type ValueCodec, type ValuePlace } from '../options/codec.js'
import { invalidOption } from '../options/invalid.js'

/** Options of {@link createAesCodec}. */
export interface AesCodecOptions {
  /**
   * The keys by their ids: 32 bytes each, or the same as base64 text. An id stands beside what its key encrypted, and never
   * gets another key: 1 to 64 letters, digits, `-` and `_`.
   */
  keys: Readonly<Record<string, Uint8Array | string | undefined>>
  /** The id of the key that encrypts; the others only decrypt. Default: none, and new values are stored as they are. */
  current?: string
  /**
   * The keys of the context that are stored as they are, also inside subflows: what SQL of yours asks for, and what a node's
   * `config.limit` names. Default: none.
   */
  readable?: readonly string[]
}

const ALGORITHM = 'aes-256-gcm'
const [KEY_BYTES, IV_BYTES, TAG_BYTES] = [32, 12, 16]
/** The form of the text: its name, the id of the key, and the random part, the value and its tag in one. */
const FORM = 'A1'
const ID = /^[A-Za-z0-9_-]{1,64}$/
const BASE64 = /^[A-Za-z0-9+/]{43}=?$|^[A-Za-z0-9_-]{43}=?$/
/** For so many runs and keys the keys made for them are kept. */
const MOST = 1_000

/**
 * Makes a codec that encrypts values with AES-256-GCM. A value is bound to its run and its key of the context: it cannot be read
 * at any other. Each run has a key of its own, made of yours, so that there is no number of values after which a key is worn.
 *
 * @throws TypeError where a key is none, without showing it.
 *
 * @example
 * ```ts
 * const codec = createAesCodec({
 *   keys: { '2026-11': process.env.PAYMENTS_KEY, '2025-10': process.env.OLD_PAYMENTS_KEY },
 *   current: '2026-11',
 * })
 * ```
 */
export function createAesCodec(options: AesCodecOptions): ValueCodec {
  return new AesCodec(options)
}

class AesCodec implements ValueCodec {
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #current: string | undefined
  readonly #readable: ReadonlySet<string>
  /** The keys of runs, by the id of the user's key and the run. */
  readonly #derived = new Map<string, KeyObject>()

  constructor(options: AesCodecOptions) {
    if (!isObject(options)) throw invalidOption('options', 'an object')
    const { keys, current, readable = [] } = options
    if (!isObject(keys) || Object.keys(keys).length === 0) throw invalidOption('keys', 'an object of keys by their ids')
    this.#keys = new Map(Object.entries(keys).map(([id, key]) => [checkedId(id), keyOf(id, key)]))
    if (current !== undefined && !this.#keys.has(current)) throw invalidOption('current', 'the id of one of the keys')
    if (!Array.isArray(readable) || readable.some((key) => typeof key !== 'string')) {
      throw invalidOption('readable', 'an array of keys of the context')
    }
    this.#current = current
    this.#readable = new Set(readable)
  }

  encode(json: string, place: ValuePlace): string | undefined {
    const id = this.#current
    if (id === undefined || this.#isReadable(place)) return undefined
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#keyFor(id, place), iv, { authTagLength: TAG_BYTES })
    cipher.setAAD(Buffer.from(place.text))
    const value = Buffer.concat([iv, cipher.update(Buffer.from(json)), cipher.final(), cipher.getAuthTag()])
    return `${FORM}.${id}.${value.toString('base64')}`
  }

  decode(text: string, place: ValuePlace): string {
    const [form, id, base64, ...more] = text.split('.')
    if (form !== FORM || id === undefined || base64 === undefined || more.length > 0) throw new Error('of another form')
    const key = this.#keyFor(id, place)
    const value = Buffer.from(base64, 'base64')
    const end = value.length - TAG_BYTES
    if (end < IV_BYTES) throw new Error('too short')
    const iv = value.subarray(0, IV_BYTES)
    const cipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
    cipher.setAAD(Buffer.from(place.text))
    cipher.setAuthTag(value.subarray(end))
    return cipher.update(value.subarray(IV_BYTES, end), undefined, 'utf8') + cipher.final('utf8')
  }

  #isReadable({ key }: ValuePlace): boolean {
    // Inside a subflow a key stands behind the path of that, and two strokes.
    const name = key.startsWith('_flowcraft/') ? key.slice(key.indexOf('//') + 2) : key
    return this.#readable.has(name)
  }

  /** The key of a run, or of a schedule. */
  #keyFor(id: string, { owner }: ValuePlace): KeyObject {
    const whose = `${id}.${owner}`
    const known = this.#derived.get(whose)
    if (known) return known
    const key = this.#keys.get(id)
    if (!key) throw new MissingKeyError(id)
    const made = createSecretKey(createHmac('sha256', key).update(`${FORM}.${owner}`).digest())
    this.#derived.set(whose, made)
    const [oldest] = this.#derived.keys()
    if (this.#derived.size > MOST && oldest !== undefined) this.#derived.delete(oldest)
    return made
  }
}

function checkedId(id: string): string {
  if (ID.test(id)) return id
  throw invalidOption('keys', "ids of 1 to 64 letters, digits, '-' and '_'")
}

/** A key that is checked. What is wrong is said without it. */
function keyOf(id: string, given: unknown): KeyObject {
  const accepts = `${KEY_BYTES} bytes, or ${KEY_BYTES} bytes as base64 text`
  const refused = (what: string) => invalidOption(`keys['${id}']`, `${accepts}; it is ${what}`)
  if (typeof given === 'string') {
    const text = given.trim()
    if (!BASE64.test(text)) throw refused(`a text of ${text.length} characters that is no such base64`)
    return keyOf(id, Buffer.from(text, 'base64'))
  }
  if (!(given instanceof Uint8Array)) throw refused(given === undefined ? 'not set' : 'of another type')
  if (given.length !== KEY_BYTES) throw refused(`${given.length} bytes long`)
  if (given.every((byte) => byte === given[0])) throw refused('one byte again and again')
  return createSecretKey(given)
}
