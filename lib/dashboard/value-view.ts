/** A value as a tree of what is to be seen of it: small values whole, large ones by kind and size, to be asked for. */
import { childrenOf, type JsonKind, kindOf } from '../bridge/json-slices.js'
import type { Redaction } from './redaction.js'

/** How much of a text is shown at once, in characters. */
export const LONGEST_TEXT = 2_000
/** How many children are shown at once. */
export const MOST_CHILDREN = 100
/** Up to this size, in characters of JSON, what is inside is shown with it. */
export const SMALL = 4_000

export interface ValueView {
  kind: JsonKind
  /** The size of its JSON, in characters. */
  size: number
  /** Of a text what it says, of a number or the like its JSON. */
  text?: string
  /** The text is longer. */
  isCut?: true
  /** Of an object or an array. */
  children?: ChildView[]
  /** There are children after those: the place of the next. */
  next?: number
}

/** A child, by its key or its place. */
export interface ChildView {
  key: string
  value: ValueView
}

export interface ViewRequest {
  /** Absent where nothing is hidden. */
  readonly redaction?: Redaction
  readonly path: readonly string[]
  /** The place of the first child. */
  readonly from?: number
}

/** A value, which was redacted on the outside already. */
export function viewOf(json: string, request: ViewRequest): ValueView {
  const kind = kindOf(json)
  const view: ValueView = { kind, size: json.length }
  if (kind === 'object' || kind === 'array') return { ...view, ...childViews(json, request) }
  if (kind !== 'string') return { ...view, text: json }
  const isCut = json.length > LONGEST_TEXT * 6
  const text = isCut ? beginningOf(json, LONGEST_TEXT * 6) : (JSON.parse(json) as string)
  if (!isCut && text.length <= LONGEST_TEXT) return { ...view, text }
  return { ...view, text: text.slice(0, LONGEST_TEXT), isCut: true }
}

/** The same of a value among others: of a large object or array only kind and size. */
export function shallowView(json: string, request: ViewRequest): ValueView {
  const isOpen = json.length <= SMALL || !/^[[{]/.test(json)
  return isOpen ? viewOf(json, request) : { kind: kindOf(json), size: json.length }
}

/** All of a value. */
export function wholeView(json: string): ValueView {
  const kind = kindOf(json)
  const view: ValueView = { kind, size: json.length }
  if (kind === 'string') return { ...view, text: JSON.parse(json) as string }
  if (kind !== 'object' && kind !== 'array') return { ...view, text: json.trim() }
  const children = [...childrenOf(json)].map(({ key, from, to }) => ({ key, value: wholeView(json.slice(from, to)) }))
  return { ...view, children }
}

function childViews(json: string, { redaction, path, from = 0 }: ViewRequest): Pick<ValueView, 'children' | 'next'> {
  const children: ValueView['children'] = []
  let at = 0
  for (const { key, from: start, to } of childrenOf(json)) {
    at += 1
    if (at <= from) continue
    if (children.length === MOST_CHILDREN) return { children, next: at - 1 }
    const inner = [...path, key]
    const slice = json.slice(start, to)
    const value = redaction ? redaction.outside(slice, inner, 'context') : slice
    children.push({ key, value: shallowView(value, { ...(redaction && { redaction }), path: inner }) })
  }
  return { children }
}

/** The text that the first characters of a JSON string say. An escape may have been cut. */
function beginningOf(json: string, length: number): string {
  for (let end = length; end > length - 12; end -= 1) {
    try {
      return JSON.parse(`${json.slice(0, end)}"`) as string
    } catch {
      // One sign less.
    }
  }
  return ''
}
