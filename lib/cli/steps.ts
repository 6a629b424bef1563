/** Long work that is done in steps: how far it is on a terminal, and an end between two of them at Ctrl-C. */
import type { Call } from './command.js'
import { counted } from './shown.js'

/** Up to so many steps: each asks the servers anew. */
const STEPS = 20
/** Fewer than these are done at once. */
const AT_ONCE = 50

export interface Steps<T> {
  readonly all: readonly T[]
  /** What they are, in the singular: `dead letter`. */
  readonly what: string
  /** What they are afterwards: `put back`. */
  readonly done: string
  /** Does a step; answers with how many that were. */
  readonly act: (some: readonly T[], isLast: boolean) => Promise<number>
}

/** Does all of it, or as much as there was time for. */
export async function inSteps<T>(
  { io, signal }: Call,
  { all, what, done, act }: Steps<T>,
): Promise<{ count: number; isInterrupted: boolean }> {
  const size = Math.max(AT_ONCE, Math.ceil(all.length / STEPS))
  let count = 0
  for (let from = 0; from < all.length; from += size) {
    if (signal.aborted) {
      io.note(
        `Interrupted after ${count} of ${all.length}; the same command goes on with those that are left.`,
        'yellow',
      )
      return { count, isInterrupted: true }
    }
    io.progress(`${count} of ${counted(all.length, what)} ${done}`, from / all.length)
    count += await act(all.slice(from, from + size), from + size >= all.length)
  }
  io.endProgress()
  return { count, isInterrupted: false }
}
