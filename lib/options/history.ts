/** `history`: what is kept of executions for people to look at. */
import { isObject } from '../is-object.js'
import { invalidOption } from './invalid.js'
import { wholeNumber } from './kinds.js'
import { type Checked, check, type Kind, type Schema } from './schema.js'

/** A hundred years, in milliseconds. */
const LONGEST = 36_500 * 86_400_000

/** What is kept of each attempt at a node, and for how long. */
export interface HistoryOptions {
  /**
   * The largest input, and the largest output, that is kept, in bytes of JSON. Of a larger one its size alone is
   * kept.
   *
   * @defaultValue `4096`
   *
   * @example
   * ```ts
   * maxValueBytes: 65_536
   * ```
   */
  maxValueBytes?: number
  /**
   * How many lines are kept that an attempt logs through `dependencies.job.logger`: the last ones.
   *
   * @defaultValue `100`
   *
   * @example
   * ```ts
   * logLines: 0
   * ```
   */
  logLines?: number
  /**
   * How long they are kept. They go with their run, if that is removed before.
   *
   * @defaultValue `2592000000`
   *
   * @example
   * ```ts
   * keepMs: 7 * 24 * 3_600_000
   * ```
   */
  keepMs?: number
}

export const HISTORY_SCHEMA = {
  maxValueBytes: {
    takes: wholeNumber({ from: 0, to: 1_048_576, unit: 'bytes' }),
    words:
      'The largest input, and the largest output, that is kept, in bytes of JSON. Of a larger one its size alone is kept.',
    default: 4_096,
    example: 'maxValueBytes: 65_536',
  },
  logLines: {
    takes: wholeNumber({ from: 0, to: 1_000 }),
    words: 'How many lines are kept that an attempt logs through `dependencies.job.logger`: the last ones.',
    default: 100,
    example: 'logLines: 0',
  },
  keepMs: {
    takes: wholeNumber({ from: 0, to: LONGEST, unit: 'milliseconds' }),
    words: 'How long they are kept. They go with their run, if that is removed before.',
    default: 30 * 86_400_000,
    example: 'keepMs: 7 * 24 * 3_600_000',
  },
} as const satisfies Schema<HistoryOptions>

export type CheckedHistory = Checked<typeof HISTORY_SCHEMA>

/** Whether there is a history, or what is kept in it. */
export function historyOption(): Kind<boolean | HistoryOptions, false | CheckedHistory> {
  const accepts = 'true, false, or an object'
  const of = (value: unknown) => (isObject(value) ? value : undefined)
  const read = (value: unknown, name: string) => {
    if (value === false) return false
    if (value !== true && !isObject(value)) throw invalidOption(name, accepts)
    return check(HISTORY_SCHEMA, value === true ? {} : value, name)
  }
  return { accepts, fields: { schema: HISTORY_SCHEMA, of }, read }
}
