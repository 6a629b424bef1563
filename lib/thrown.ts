/** What a thrown value says, in a sentence for a run's reason. */
import { isObject } from './is-object.js'

/** How many causes deep a message goes. */
const DEPTH = 8
/** A reason is kept with the run and read by people: longer ones end here. */
const LONGEST = 10_000
/** A line of a stack that says where. */
const FRAME = /^ {4}(at .*)/
/** A frame of this package, of core, or of Node.js: it says nothing of the user's code. */
const OURS =
  /[\\/]node_modules[\\/](?:flowcraft|@flowcraft[\\/]rabbitmq-adapter)[\\/]|[\\/]dist[\\/]execution[\\/](?:attempts|counted|job)\.js|node:internal/
/** As much of a stack is of use to a reader. */
const LONGEST_STACK = 1_000

/** The message of whatever a node threw, with its causes and the node's name. Never throws, whatever it is given. */
export function describeError(thrown: unknown, nodeId: string): string {
  const messages: string[] = []
  for (const error of causesOf(thrown)) {
    const message = isCopy(error) ? '' : textOf(error)
    if (message && !messages.some((earlier) => earlier.includes(message))) messages.push(message)
  }
  const text = messages.join(': ') || textOf(thrown)
  const named = text.includes(`'${nodeId}'`) ? text : `Node '${nodeId}' failed: ${text}`
  const short = named.length > LONGEST ? `${named.slice(0, LONGEST)} …` : named
  // PostgreSQL has no place for U+0000.
  return short.replaceAll('\0', '\uFFFD')
}

/** What was thrown, and what caused it, as far as a message goes. */
export function causesOf(thrown: unknown): unknown[] {
  const causes: unknown[] = []
  let error: unknown = thrown
  for (let depth = 0; depth < DEPTH && error !== undefined && error !== null; depth++) {
    causes.push(error)
    error = causeOf(error)
  }
  return causes
}

/** Where the innermost cause was thrown: the lines of its stack, without its message. Never throws. */
export function stackOf(thrown: unknown): string | undefined {
  const stacks = causesOf(thrown).map(framesOf)
  return stacks.findLast((stack) => stack !== undefined)
}

function framesOf(error: unknown): string | undefined {
  try {
    const stack = error instanceof Error ? error.stack : undefined
    if (typeof stack !== 'string') return undefined
    const frames = stack.split('\n').flatMap((line) => FRAME.exec(line)?.[1] ?? [])
    const own = frames.filter((frame) => !OURS.test(frame))
    const shown = (own.length > 0 ? own : frames).join('\n').slice(0, LONGEST_STACK)
    return shown === '' ? undefined : shown.replaceAll('\0', '\uFFFD')
  } catch {
    return undefined
  }
}

/** What a thrown value says. Anything can be thrown: what has no text, or getters that throw, too. */
export function textOf(thrown: unknown): string {
  try {
    return String(hasMessage(thrown) ? thrown.message : thrown)
  } catch {
    return 'something was thrown that cannot be shown as text'
  }
}

/** Core lists a run's errors as plain objects with the fields of an error. */
function hasMessage(error: unknown): error is { message: unknown } {
  return error instanceof Error || (isObject(error) && typeof error.message === 'string')
}

/** Core's list of errors has copies that say nothing themselves: what went wrong is in the error that each was made of. */
function isCopy(error: unknown): boolean {
  try {
    return !hasMessage(error) && isObject(error) && error.originalError !== undefined
  } catch {
    return false
  }
}

function causeOf(error: unknown): unknown {
  try {
    if (error instanceof Error) return error.cause
    return isObject(error) ? (error.cause ?? error.originalError) : undefined
  } catch {
    return undefined
  }
}
