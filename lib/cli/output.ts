/** Data as a table, as JSON, or as a line of JSON a row. */
import { randomUUID } from 'node:crypto'
import { exactText } from '../bridge/exact.js'
import { oneLine } from '../log.js'
import type { Io, Style } from './io.js'

export const FORMATS = ['table', 'json', 'jsonl'] as const
export type Format = (typeof FORMATS)[number]

export interface Column<T> {
  readonly title: string
  readonly text: (row: T) => string
  readonly isNumber?: boolean
  readonly style?: (row: T) => Style | undefined
}

/** What JSON leaves as it is and a terminal acts upon: controls above ASCII, separators, marks of direction. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** JSON text that is safe to show on a terminal, and means the same. Numbers that no double holds are in it as they are stored. */
export function shownJson(value: unknown, indent?: number): string {
  const [mark, exact]: [string, string[]] = [randomUUID(), []]
  function told(this: object, key: string, each: unknown): unknown {
    const text = key === 'details' || key === 'value' ? exactText(this) : undefined
    return text === undefined ? each : mark + (exact.push(text) - 1)
  }
  const json = JSON.stringify(value, told, indent) ?? 'null'
  if (exact.length === 0) return printable(json)
  return printable(json.replace(new RegExp(`"${mark}(\\d+)"`, 'g'), (_, at) => exact[at] ?? 'null'))
}

/** The same of a value that `holder` holds. */
export function shownExactly(holder: object, value: unknown): string {
  const text = exactText(holder)
  return text === undefined ? shownJson(value) : printable(text)
}

function printable(json: string): string {
  return json.replace(UNPRINTABLE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Rows, written as they come. */
export class Rows<T extends object> {
  readonly #io: Io
  readonly #format: Format
  readonly #columns: readonly Column<T>[]
  #widths: number[] | undefined
  #count = 0

  constructor(io: Io, format: Format, columns: readonly Column<T>[]) {
    this.#io = io
    this.#format = format
    this.#columns = columns
  }

  get count(): number {
    return this.#count
  }

  async add(rows: readonly T[]): Promise<void> {
    if (rows.length === 0) return
    const before = this.#count
    // Counted before it is written: others may write meanwhile.
    this.#count += rows.length
    if (this.#format === 'table') await this.#io.write(this.#table(rows))
    else if (this.#format === 'jsonl') await this.#io.write(rows.map((row) => `${shownJson(row)}\n`).join(''))
    else await this.#io.write(rows.map((row, at) => `${before + at === 0 ? '[\n' : ',\n'}${shownJson(row)}`).join(''))
  }

  async end(): Promise<void> {
    if (this.#format === 'json') await this.#io.write(this.#count === 0 ? '[]\n' : '\n]\n')
  }

  #table(rows: readonly T[]): string {
    const texts = rows.map((row) => this.#columns.map(({ text }) => oneLine(text(row))))
    const titles = this.#columns.map(({ title }) => title)
    const isFirst = this.#widths === undefined
    const before = this.#widths ?? titles.map(width)
    this.#widths = before.map((least, at) => Math.max(least, ...texts.map((row) => width(row[at] ?? ''))))
    const lines = texts.map((row, at) => this.#line(row, rows[at]))
    return `${(isFirst ? [this.#line(titles), ...lines] : lines).join('\n')}\n`
  }

  /** A row, or the titles where there is none. */
  #line(texts: readonly string[], row?: T): string {
    const cells = texts.map((text, at) => {
      const column = this.#columns[at]
      const blank = ' '.repeat(Math.max(0, (this.#widths?.[at] ?? 0) - width(text)))
      const painted = this.#io.paint(row ? column?.style?.(row) : 'dim', text)
      if (column?.isNumber) return blank + painted
      return at === texts.length - 1 ? painted : painted + blank
    })
    return cells.join('  ').trimEnd()
  }
}

function width(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** One thing: lines for people, or JSON. */
export async function showOne(io: Io, format: Format, value: unknown, lines: () => readonly string[]): Promise<void> {
  if (format === 'table')
    await io.write(
      lines()
        .map((line) => `${line}\n`)
        .join(''),
    )
  else await io.write(`${shownJson(value, format === 'json' ? 2 : undefined)}\n`)
}

/** Names and values below each other; those without a value are left out. */
export function facts(
  io: Io,
  pairs: readonly (readonly [string, string | undefined, (Style | undefined)?])[],
): string[] {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '')
  const longest = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(
    ([name, value = '', style]) => `${io.paint('dim', name.padEnd(longest))}  ${io.paint(style, oneLine(value))}`,
  )
}
