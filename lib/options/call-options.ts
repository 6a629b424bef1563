/**
 * Options of calls. An unknown one is refused: a misspelt `tags` of `purge` would otherwise remove the runs of everybody. Options of
 * constructors are another matter (`options/schema`): a replacement of the original package warns there, and goes on.
 */
import { mistake } from '../errors.js'
import { isObject } from '../is-object.js'
import { nearest } from './nearest.js'

/** Every option of a call. The type has the compiler say where one is missing. */
export type Names<T> = { readonly [K in keyof T]-?: true }

/**
 * The options of a call, as they were given.
 *
 * @param call As the caller wrote it: `client.purge`.
 * @throws TypeError where one is unknown, with the name that may be meant.
 */
export function callOptions<T extends object>(call: string, names: Names<T>, given: T): T {
  if (!isObject(given)) throw mistake('INVALID_ARGUMENT', `${call}: the options are an object`)
  const known = Object.keys(names)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return given
  const meant = nearest(unknown, known)
  const advice = meant === undefined ? `the options are '${known.join("', '")}'` : `did you mean '${meant}'?`
  throw mistake('INVALID_ARGUMENT', `${call}: unknown option '${unknown}': ${advice}`)
}
