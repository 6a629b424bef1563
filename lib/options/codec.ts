/** What encrypts stored values: the option `codec` of an adapter, a client and a `PostgresContext`. */
import { objectWith } from './kinds.js'
import type { Kind } from './schema.js'

/**
 * Encodes values before they are stored, and decodes them when they are read: encryption, with keys that only your processes
 * have. {@link createAesCodec} makes one. All workers and clients of the same tables need one that reads what the others write.
 *
 * Both methods are called while a node runs and answer at once: a key that has to be fetched is fetched before the codec is made.
 *
 * @example
 * ```ts
 * const codec: ValueCodec = {
 *   encode: (json, place) => vault.encrypt(json, { authenticated: place.text }),
 *   decode: (text, place) => vault.decrypt(text, { authenticated: place.text }),
 * }
 * ```
 */
export interface ValueCodec {
  /**
   * The text that is stored in place of a value.
   *
   * @param json The value, as JSON.
   * @returns `undefined` for a value that is stored as it is, and can be read and queried by everybody.
   */
  encode(json: string, place: ValuePlace): string | undefined
  /**
   * The JSON that a text was made of.
   *
   * @throws Whatever it likes where the text was changed, or stood at another place; a {@link MissingKeyError} where this process
   * lacks the key, and another one may have it.
   */
  decode(text: string, place: ValuePlace): string
}

/** Where a value belongs: a text that was made for one place is refused at any other. */
export interface ValuePlace {
  /** The run; absent where the value belongs to a schedule, which gives it to each of its runs. */
  readonly runId?: string
  /** The schedule. */
  readonly scheduleId?: string
  /** The key of the context: `amount`, `_outputs.charge`; inside a subflow it begins with the path of that. */
  readonly key: string
  /** The run, or the schedule, as one text: the same for all ways to write the id of a run. */
  readonly owner: string
  /** All of it as one text, the same for all ways to write the id of a run: what a codec authenticates. */
  readonly text: string
}

/**
 * Thrown by a codec whose process lacks a key. A node that needs the value runs again later, on a worker that has the key.
 *
 * @example
 * ```ts
 * if (!keys.has(id)) throw new MissingKeyError(id)
 * ```
 */
export class MissingKeyError extends Error {
  override readonly name = 'MissingKeyError'
  /** The name of the key. */
  readonly keyId: string

  constructor(keyId: string) {
    super(`there is no key '${keyId}' here`)
    this.keyId = keyId
  }
}

/** A codec, as an option takes it. */
function valueCodec(): Kind<ValueCodec> {
  return objectWith<ValueCodec>(['encode', 'decode'], 'an object with the methods encode and decode')
}

/** The option. */
export const CODEC_OPTION = {
  takes: valueCodec(),
  words:
    'Encrypts what is stored of values: contexts, inputs, outputs, results, events. `createAesCodec` makes one. ' +
    'docs/encryption.md says what stays readable.',
  otherwise: 'none: values are stored as they are',
  example: "codec: createAesCodec({ keys: { k1: process.env.PAYMENTS_KEY }, current: 'k1' })",
} as const
