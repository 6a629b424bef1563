/** The values that a command was called with, read as what they are. */
import { millisecondsOf, momentOf } from './durations.js'
import { usage } from './exit.js'

/** The flags and arguments of a call. Whatever cannot be read ends the command as misused. */
export class Parsed {
  readonly args: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(args: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.args = args
    this.#values = values
  }

  /** Whether the flag was given. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The value that was given last. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1)
  }

  /** Every value that was given, also several in one, separated by commas. */
  list(name: string): string[] {
    const given = this.#values.get(name) ?? []
    return given.flatMap((value) => value.split(',')).filter((value) => value !== '')
  }

  /** Every value that was given, as it is. */
  texts(name: string): string[] {
    return [...(this.#values.get(name) ?? [])]
  }

  /** A whole number. */
  number(name: string, { from, to = Number.MAX_SAFE_INTEGER }: { from: number; to?: number }): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= from && number <= to) return number
    const upTo = to === Number.MAX_SAFE_INTEGER ? 'on' : `to ${to}`
    throw usage(`--${name} takes a whole number from ${from} ${upTo}, not '${text}'`)
  }

  /** A length of time, in milliseconds. */
  duration(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const milliseconds = millisecondsOf(text)
    if (milliseconds !== undefined) return milliseconds
    throw usage(`--${name} takes a length of time such as 500ms, 30s, 5m, 2h or 7d, not '${text}'`)
  }

  /** A moment: a date, or how long ago it was. */
  moment(name: string): Date | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const moment = momentOf(text, Date.now())
    if (moment) return moment
    throw usage(`--${name} takes a date such as 2026-11-27 or 2026-11-27T03:00:00Z, or how long ago: 30s, 5m, 2h, 7d`)
  }
}
