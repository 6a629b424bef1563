/** Lines of the user's log. Ids and messages come from outside: none may look like a line of its own, or like another text. */
import type { ILogger } from 'flowcraft'

/**
 * What would end a line, move the cursor, or turn the order of the letters around: control characters, separators of lines
 * and paragraphs, and marks of direction.
 */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text as one line that shows what is in it. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, (sign) => NAMED[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * What a line is about, as its `meta`: whoever collects logs finds it by these. `worker` is the worker that says it, `code` that
 * of an error.
 */
export interface LineFields {
  run?: string
  node?: string
  queue?: string
  worker?: string
  code?: string
}

/** The fields that are known, each on one line. */
export function fieldsOf(fields: { readonly [K in keyof LineFields]: string | null }): LineFields {
  const known = Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(known.map(([name, value]) => [name, oneLine(value)]))
}

/** A logger whose every message is one line, and has these fields. */
export function linesOf(logger: ILogger, fields?: LineFields): ILogger {
  const own = fields && fieldsOf(fields)
  const line =
    (level: keyof ILogger): ILogger[keyof ILogger] =>
    (message, meta) =>
      logger[level](oneLine(message), own ? { ...own, ...meta } : meta)
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}
