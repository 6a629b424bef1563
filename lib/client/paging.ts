/** What pages have in common: cursors, limits, and moments. */
import { mistake } from '../errors.js'

/** A moment as callers give it: a `Date`, or milliseconds since 1970. */
export type Moment = Date | number

const MOST = 1_000

/** @throws TypeError where it is none. */
export function checkedLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return
  throw mistake('INVALID_ARGUMENT', `limit is a whole number from 1 to ${MOST}`)
}

/** Where a page begins; undefined for the first one. */
export function pageCursor(cursor: string | undefined, limit: number, order: string): string | undefined {
  checkedLimit(limit)
  return cursor === undefined ? undefined : lastOf(cursor, order)
}

/** Says the order too: what comes after it is another in the other order. */
export function cursorOf(order: string, id: string): string {
  return Buffer.from(JSON.stringify([order, id])).toString('base64url')
}

/** What a cursor stands for. */
export function lastOf(cursor: string, order: string): string {
  let read: unknown
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    // As any other text.
  }
  if (Array.isArray(read) && read[0] === order && typeof read[1] === 'string') return read[1]
  throw mistake('INVALID_ARGUMENT', `cursor is that of a page in the order '${order}'`)
}

/** A moment in milliseconds since 1970. */
export function momentOf(name: string, given: Moment | undefined): number | undefined {
  if (given === undefined) return undefined
  const milliseconds = Math.ceil(Number(given))
  if (Number.isSafeInteger(milliseconds)) return Math.max(0, milliseconds)
  throw mistake('INVALID_ARGUMENT', `${name} is a Date, or a number of milliseconds since 1970`)
}
