/** Durations as people write them. */
import { mistake } from '../errors.js'

/** Milliseconds, or a text such as `3 days`, `90 s` or `1 hour 30 minutes`. */
export type Duration = number | string

const SECOND = 1_000
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: SECOND,
  sec: SECOND,
  second: SECOND,
  m: 60 * SECOND,
  min: 60 * SECOND,
  minute: 60 * SECOND,
  h: 3_600 * SECOND,
  hour: 3_600 * SECOND,
  d: 86_400 * SECOND,
  day: 86_400 * SECOND,
  w: 604_800 * SECOND,
  week: 604_800 * SECOND,
}
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/y

/**
 * A duration in milliseconds.
 *
 * @throws TypeError when it is none.
 */
export function milliseconds(duration: Duration): number {
  const total = typeof duration === 'number' ? duration : sumOf(duration)
  if (Number.isFinite(total) && total >= 0) return total
  throw mistake(
    'INVALID_ARGUMENT',
    "A duration is a number of milliseconds, or a text such as '3 days' or '1 h 30 min'",
  )
}

/** The sum of a text's parts; NaN where one of them is no duration. */
function sumOf(duration: unknown): number {
  const text = typeof duration === 'string' ? duration.trim().toLowerCase() : ''
  let total = text === '' ? Number.NaN : 0
  for (let at = 0; at < text.length; at = afterBlanks(text, PART.lastIndex)) {
    PART.lastIndex = at
    const [, count, unit = ''] = PART.exec(text) ?? []
    if (count === undefined) return Number.NaN
    total += Number(count) * (UNITS[unit] ?? UNITS[unit.replace(/s$/, '')] ?? Number.NaN)
  }
  return total
}

/** Where the next part begins: blanks, a comma or an `and` may stand between two of them. */
function afterBlanks(text: string, from: number): number {
  return from + (/^(?:\s*,)?(?:\s*and\b)?\s*/.exec(text.slice(from))?.[0].length ?? 0)
}
