/** Events that runs are told of from outside. */
import { createHash } from 'node:crypto'
import { mistake } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'

/** The longest key, in characters. */
const LONGEST_KEY = 255

/** The options of `sendEvent`. */
export interface SendEventOptions {
  /**
   * Names this event to the run: 1 to 255 characters, such as the id that a payment provider gives its notice. The run ignores
   * another event of the same key, also where the first answer was lost. It knows its last 1,000 keys. Default: none.
   */
  idempotencyKey?: string
}

const NAMES: Names<SendEventOptions> = { idempotencyKey: true }

/** An event as it crosses. */
interface EventToSend {
  readonly name: string
  readonly payload?: string
  readonly key?: string
}

/** A key as the run keeps it: short, however long it is. 132 bits tell keys apart. */
const digestOf = (key: string) => createHash('sha256').update(key).digest('base64url').slice(0, 22)

/** @throws TypeError where an option is unknown, or the key is none. */
export function eventToSend(name: string, payload: string | undefined, options: SendEventOptions): EventToSend {
  const { idempotencyKey: key } = callOptions('sendEvent', NAMES, options)
  if (key !== undefined && (typeof key !== 'string' || key === '' || key.length > LONGEST_KEY)) {
    throw mistake('INVALID_ARGUMENT', `idempotencyKey is a text of 1 to ${LONGEST_KEY} characters`)
  }
  return { name, ...(payload !== undefined && { payload }), ...(key !== undefined && { key: digestOf(key) }) }
}
