/** What the doctor says of one thing. */

/** `ok`: as it should be. `note`: it works, and could be better. `fault`: it does not work, or will not for long. */
export type Level = 'ok' | 'note' | 'fault'

export interface Finding {
  /** What was looked at, the same in every version: `postgres.login`. */
  check: string
  level: Level
  /** What was found: one sentence. */
  found: string
  /** What to do, the first thing first: sentences, commands and SQL statements. */
  todo: string[]
}

export const ok = (check: string, found: string): Finding => ({ check, level: 'ok', found, todo: [] })
export const note = (check: string, found: string, ...todo: string[]): Finding => ({
  check,
  level: 'note',
  found,
  todo,
})
export const fault = (check: string, found: string, ...todo: string[]): Finding => ({
  check,
  level: 'fault',
  found,
  todo,
})
