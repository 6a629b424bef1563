/** The kinds of values options take. */
import { isObject } from '../is-object.js'
import { invalidOption } from './invalid.js'
import { type AnySchema, type Bounds, type Checked, check, type Kind, type Unit } from './schema.js'

/** The largest number a timer of Node.js takes, and the engine for a time: 24 days in milliseconds. */
const LARGEST = 2 ** 31 - 1

/** RabbitMQ takes line breaks out of a queue's name when it is declared: messages to the name as it was get lost. */
const LINE_BREAK = /[\r\n]/
/** RabbitMQ's 255 bytes, less what the names of the delay queues add. */
const LONGEST_QUEUE = 255 - '.delay.1677721600'.length
const A_QUEUE = `the name of a queue, of at most ${LONGEST_QUEUE} bytes and without line breaks`

/** A kind whose values need no conversion. */
export function kind<T>(accepts: string, is: (value: unknown) => boolean, bounds: Bounds = {}): Kind<T> {
  const read = (value: unknown, name: string) => {
    if (!is(value)) throw invalidOption(name, accepts)
    return value as T
  }
  return { accepts, ...bounds, read }
}

interface Range {
  from: number
  to?: number
  unit?: Unit
}

export function wholeNumber({ from, to = LARGEST, unit }: Range): Kind<number> {
  const what = unit === undefined ? 'a whole number' : `a whole number of ${unit}`
  const is = (value: unknown) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to
  return kind(`${what} from ${from} to ${to}`, is, { from, to, ...(unit && { unit }) })
}

export const milliseconds = ({ from }: { from: number }) => wholeNumber({ from, unit: 'milliseconds' })

/** Seconds, whole or not. */
export function duration(): Kind<number> {
  return kind('a number of seconds, 0 or more', (value) => Number.isFinite(value) && (value as number) >= 0, {
    from: 0,
    unit: 'seconds',
  })
}

export function oneOf<const C extends readonly string[]>(choices: C): Kind<C[number]> {
  const accepts = choices.map((choice) => `'${choice}'`).join(' or ')
  return kind(accepts, (value) => choices.includes(value as string), { choices })
}

export const flag = () => kind<boolean>('true or false', (value) => typeof value === 'boolean')

export function text({ atLeast = 0 }: { atLeast?: number } = {}): Kind<string> {
  const accepts = atLeast === 0 ? 'a text' : `a text of at least ${atLeast} characters`
  return kind(accepts, (value) => typeof value === 'string' && value.length >= atLeast)
}

/** One text or several, each as long as a secret has to be. */
export function secrets({ atLeast }: { atLeast: number }): Kind<string | readonly string[]> {
  const accepts = `a text of at least ${atLeast} characters, or an array of such texts`
  const is = (value: unknown) => {
    const all = [value].flat()
    return all.length > 0 && all.every((each) => typeof each === 'string' && each.length >= atLeast)
  }
  return kind(accepts, is)
}

/** A non-empty array of some of these. */
export function someOf<const C extends readonly string[]>(choices: C): Kind<readonly C[number][]> {
  const accepts = `an array of ${choices.map((choice) => `'${choice}'`).join(', ')}, or some of them`
  const is = (value: unknown) =>
    Array.isArray(value) && value.length > 0 && value.every((each) => choices.includes(each as string))
  return kind(accepts, is)
}

export function url(): Kind<string> {
  return kind('a URL', (value) => typeof value === 'string' && URL.canParse(value))
}

export function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

export function httpUrl(): Kind<string> {
  return kind('a URL that begins with http:// or https://', isHttpUrl)
}

export function tableName(): Kind<string> {
  return kind('the name of a table', (value) => isWellFormed(value) && value !== '')
}

export function queueName(): Kind<string> {
  return kind(A_QUEUE, isQueueName)
}

export function queuesByBlueprint(): Kind<Record<string, string>> {
  const is = (value: unknown) =>
    isObject(value) && Object.keys(value).every(isWellFormed) && Object.values(value).every(isQueueName)
  return kind(`an object of blueprints' ids, each with ${A_QUEUE}`, is)
}

/** A port; as text too, as it comes out of an environment variable. */
export function port(): Kind<number> {
  return kind('a port number', isPort, { from: 0, to: 65_535 })
}

/** One for each host, or one for all: an array, or separated by commas. */
export function ports(): Kind<number | number[]> {
  const is = (value: unknown) => {
    const all = typeof value === 'string' ? value.split(',') : [value].flat()
    return all.length > 0 && all.every(isPort)
  }
  return kind('a port number, or one for each host', is)
}

export function texts(): Kind<string | string[]> {
  return kind('a text, or an array of texts', (value) => [value].flat().every((one) => typeof one === 'string'))
}

/** A non-empty array. */
export function list<T>(accepts: string, is: (value: unknown) => boolean): Kind<T[]> {
  return kind(accepts, (value) => Array.isArray(value) && value.length > 0 && value.every(is))
}

// biome-ignore lint/suspicious/noExplicitAny: any function, whatever it is called with
export function callback<F extends (...args: any[]) => unknown>(): Kind<F> {
  return kind('a function', (value) => typeof value === 'function')
}

/** An object with methods of its own or of its class. */
export function objectWith<T>(methods: readonly string[], accepts: string): Kind<T> {
  return kind(accepts, (value) => isObject(value) && methods.every((method) => typeof value[method] === 'function'))
}

/** An object of options, each checked. */
export function object<O, const S extends AnySchema>(schema: S): Kind<O, Checked<S>> {
  const names = Object.entries(schema).filter(([, option]) => option.required)
  const accepts = names.length > 0 ? `{ ${names.map(([name]) => name).join(', ')} }` : 'an object'
  const of = (value: unknown) => (isObject(value) ? value : undefined)
  const read = (value: unknown, name: string) => {
    if (!isObject(value)) throw invalidOption(name, accepts)
    return check(schema, value, name)
  }
  return { accepts, fields: { schema, of }, read }
}

/**
 * A server: described by a text or by an object of options, or as a live client. Here the object's options are checked
 * one by one; whoever opens the connection refuses what describes no server as a whole.
 */
export function server<O>(accepts: string, schema: AnySchema, isLive: (value: Record<string, unknown>) => boolean) {
  const of = (value: unknown) => (isObject(value) && !isLive(value) ? value : undefined)
  const read = (value: unknown, name: string) => {
    if (value === undefined || value === null) throw invalidOption(name, accepts)
    const plain = of(value)
    if (plain) check(schema, plain, name)
    return value as O
  }
  return { accepts, fields: { schema, of }, read } satisfies Kind<O>
}

/** Either a kind of object, or values that need no further look. */
export function either<T>(accepts: string, is: (value: unknown) => boolean, schema: AnySchema): Kind<T> {
  const of = (value: unknown) => (isObject(value) ? value : undefined)
  const read = (value: unknown, name: string) => {
    if (isObject(value)) check(schema, value, name)
    else if (!is(value)) throw invalidOption(name, accepts)
    return value as T
  }
  return { accepts, fields: { schema, of }, read }
}

function isQueueName(name: unknown): boolean {
  return isWellFormed(name) && name !== '' && !LINE_BREAK.test(name) && Buffer.byteLength(name) <= LONGEST_QUEUE
}

/** Half a surrogate pair cannot be a part of any server's names. */
function isWellFormed(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function isPort(value: unknown): boolean {
  const number = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value
  return Number.isInteger(number) && (number as number) >= 0 && (number as number) <= 65_535
}
