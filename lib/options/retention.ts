/** `retention`: how long runs are kept that are over. */
import { wholeNumber } from './kinds.js'
import type { Schema } from './schema.js'

/** A hundred years, in milliseconds. */
const LONGEST = 36_500 * 86_400_000

const age = () => wholeNumber({ from: 0, to: LONGEST, unit: 'milliseconds' })

/** How long runs are kept after their end, by how they ended. */
export interface RetentionOptions {
  /**
   * How long completed runs are kept.
   *
   * @defaultValue for ever
   *
   * @example
   * ```ts
   * completed: 7 * 24 * 3_600_000
   * ```
   */
  completed?: number
  /**
   * How long failed runs are kept: they can be retried meanwhile.
   *
   * @defaultValue for ever
   *
   * @example
   * ```ts
   * failed: 90 * 24 * 3_600_000
   * ```
   */
  failed?: number
  /**
   * How long cancelled runs are kept.
   *
   * @defaultValue for ever
   *
   * @example
   * ```ts
   * cancelled: 30 * 24 * 3_600_000
   * ```
   */
  cancelled?: number
}

export const RETENTION_SCHEMA = {
  completed: {
    takes: age(),
    words: 'How long completed runs are kept.',
    otherwise: 'for ever',
    example: 'completed: 7 * 24 * 3_600_000',
  },
  failed: {
    takes: age(),
    words: 'How long failed runs are kept: they can be retried meanwhile.',
    otherwise: 'for ever',
    example: 'failed: 90 * 24 * 3_600_000',
  },
  cancelled: {
    takes: age(),
    words: 'How long cancelled runs are kept.',
    otherwise: 'for ever',
    example: 'cancelled: 30 * 24 * 3_600_000',
  },
} as const satisfies Schema<RetentionOptions>
