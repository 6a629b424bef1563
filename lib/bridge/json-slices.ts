/**
 * JSON text, looked at piece by piece. A context may have a hundred megabytes and numbers that no double holds: only what is
 * shown is read, and numbers stay the text they are.
 */

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

const QUOTE = 34
const BACKSLASH = 92
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125]

const KINDS: Record<string, JsonKind> = {
  '{': 'object',
  '[': 'array',
  '"': 'string',
  t: 'boolean',
  f: 'boolean',
  n: 'null',
}

/** What a value is, by its text. */
export function kindOf(json: string): JsonKind {
  return KINDS[json[0] ?? 'n'] ?? 'number'
}

/** A child of an object or an array: its key or index, and where its text is. */
export interface Slice {
  readonly key: string
  readonly from: number
  readonly to: number
}

/** The children of an object or an array, in their order. */
export function* childrenOf(json: string): Generator<Slice> {
  const isObject = json.charCodeAt(0) === OPEN
  if (!isObject && json.charCodeAt(0) !== OPEN_LIST) return
  let at = afterBlank(json, 1)
  for (let index = 0; at < json.length; index += 1) {
    const sign = json.charCodeAt(at)
    if (sign === CLOSE || sign === CLOSE_LIST) return
    let key = String(index)
    if (isObject) {
      const end = endOfString(json, at)
      key = JSON.parse(json.slice(at, end)) as string
      // The colon.
      at = afterBlank(json, afterBlank(json, end) + 1)
    }
    const to = endOf(json, at)
    yield { key, from: at, to }
    at = afterBlank(json, to)
    if (json[at] === ',') at = afterBlank(json, at + 1)
  }
}

/** The text of the value at a path; undefined where there is none. */
export function valueAt(json: string, path: readonly string[]): string | undefined {
  let value: string | undefined = json
  for (const part of path) {
    if (value === undefined) return undefined
    value = childOf(value, part)
  }
  return value
}

/** The text of a child; undefined where there is none. */
export function childOf(json: string, wanted: string): string | undefined {
  for (const { key, from, to } of childrenOf(json)) if (key === wanted) return json.slice(from, to)
  return undefined
}

function endOf(json: string, start: number): number {
  const first = json.charCodeAt(start)
  if (first === QUOTE) return endOfString(json, start)
  if (first !== OPEN && first !== OPEN_LIST) return endOfScalar(json, start)
  let depth = 0
  for (let at = start; at < json.length; ) {
    const sign = json.charCodeAt(at)
    if (sign === QUOTE) {
      at = endOfString(json, at)
      continue
    }
    at += 1
    if (sign === OPEN || sign === OPEN_LIST) depth += 1
    else if (sign === CLOSE || sign === CLOSE_LIST) {
      depth -= 1
      if (depth === 0) return at
    }
  }
  return json.length
}

function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let escapes = 0
    while (json.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1
    if (escapes % 2 === 0) return at + 1
  }
  return json.length
}

function endOfScalar(json: string, start: number): number {
  let at = start
  while (at < json.length && !/[\s,\]}]/.test(json[at] ?? '')) at += 1
  return at
}

function afterBlank(json: string, start: number): number {
  let at = start
  while (/\s/.test(json[at] ?? '')) at += 1
  return at
}
