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

/** A logger whose every message is one line. */
export function linesOf(logger: ILogger): ILogger {
  return {
    debug: (message, meta) => logger.debug(oneLine(message), meta),
    info: (message, meta) => logger.info(oneLine(message), meta),
    warn: (message, meta) => logger.warn(oneLine(message), meta),
    error: (message, meta) => logger.error(oneLine(message), meta),
  }
}
