/** `limits`: how many executions go on at a time under one key, and how many start within a time. */
import { isObject } from '../is-object.js'
import { invalidOption } from './invalid.js'
import { milliseconds, object, wholeNumber } from './kinds.js'
import { type Checked, check, type Kind, type Schema, unknownOptions } from './schema.js'

/** A name can stand in a key before a colon. */
const NAME = /^[\w.\-/]{1,100}$/

const MOST = 100_000

/** How many executions start within a time. */
export interface LimitRate {
  /**
   * How many start at most within `perMs`, whenever that begins.
   *
   * @example
   * ```ts
   * count: 60
   * ```
   */
  count: number
  /**
   * The time.
   *
   * @example
   * ```ts
   * perMs: 60_000
   * ```
   */
  perMs: number
}

/** What holds for each key of one name. At least one of the two is given. */
export interface LimitOptions {
  /**
   * How many executions go on at a time, on all workers together.
   *
   * @defaultValue any number
   *
   * @example
   * ```ts
   * concurrency: 4
   * ```
   */
  concurrency?: number
  /**
   * How many executions start within a time, on all workers together.
   *
   * @defaultValue any number
   *
   * @example
   * ```ts
   * rate: { count: 60, perMs: 60_000 }
   * ```
   */
  rate?: LimitRate
}

export const LIMIT_RATE_SCHEMA = {
  count: {
    takes: wholeNumber({ from: 1, to: MOST }),
    words: 'How many start at most within `perMs`, whenever that begins.',
    required: true,
    example: 'count: 60',
  },
  perMs: {
    takes: milliseconds({ from: 1 }),
    words: 'The time.',
    required: true,
    example: 'perMs: 60_000',
  },
} as const satisfies Schema<LimitRate>

export const LIMIT_SCHEMA = {
  concurrency: {
    takes: wholeNumber({ from: 1, to: MOST }),
    words: 'How many executions go on at a time, on all workers together.',
    otherwise: 'any number',
    example: 'concurrency: 4',
  },
  rate: {
    takes: object<LimitRate, typeof LIMIT_RATE_SCHEMA>(LIMIT_RATE_SCHEMA),
    words: 'How many executions start within a time, on all workers together.',
    otherwise: 'any number',
    example: 'rate: { count: 60, perMs: 60_000 }',
  },
} as const satisfies Schema<LimitOptions>

type CheckedLimits = Record<string, Checked<typeof LIMIT_SCHEMA>>

/** Rules by name. A name nobody knows inside them is refused: a limit that is misspelt would not be kept. */
export function limitsByName(): Kind<Record<string, LimitOptions>, CheckedLimits> {
  const accepts = 'an object of names (letters, digits, _ . - /), each with { concurrency, rate } or one of the two'
  const read = (value: unknown, name: string): CheckedLimits => {
    if (!isObject(value) || Array.isArray(value)) throw invalidOption(name, accepts)
    const entries = Object.entries(value).map(([key, rules]) => {
      if (!NAME.test(key)) throw invalidOption(name, accepts)
      const path = `${name}.${key}`
      const checked = check(LIMIT_SCHEMA, rules, path)
      const isEmpty = checked.concurrency === undefined && checked.rate === undefined
      if (isEmpty || unknownOptions(LIMIT_SCHEMA, rules as Record<string, unknown>, path).length > 0) {
        throw invalidOption(path, '{ concurrency, rate } or one of the two, and nothing else')
      }
      return [key, checked] as const
    })
    return Object.fromEntries(entries)
  }
  return { accepts, read }
}
