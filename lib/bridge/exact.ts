/**
 * Numbers that no double holds. A value is what `JSON.parse` makes of its text, as an application has it; whoever shows the value to
 * people finds its text here, if that says more.
 */
import { childrenOf, kindOf } from './json-slices.js'

/** By what holds the value. */
const TEXTS = new WeakMap<object, string>()

/** Digits enough for it: nearly every text is done here. */
const MAY_SAY_MORE = /[\d.]{16}|\d[eE][+-]?\d/

/** Keeps the text of a value, where that says more than the value. */
export function keepText(holder: object, json: string): void {
  if (saysMore(json)) TEXTS.set(holder, json)
}

/** The text of the value that this holds; undefined where the value says all of it. */
export function exactText(holder: object): string | undefined {
  return TEXTS.get(holder)
}

/** Whether that is worth a closer look. */
export function maySayMore(json: string): boolean {
  return MAY_SAY_MORE.test(json)
}

/** Whether JSON text has a number that is another one as a double. */
export function saysMore(json: string): boolean {
  if (!maySayMore(json)) return false
  const kind = kindOf(json)
  if (kind === 'number') return isRounded(json.trim())
  if (kind !== 'object' && kind !== 'array') return false
  for (const { from, to } of childrenOf(json)) if (saysMore(json.slice(from, to))) return true
  return false
}

function isRounded(written: string): boolean {
  const [as, is] = [decimalOf(written), decimalOf(String(Number(written)))]
  return as.digits !== is.digits || as.exponent !== is.exponent
}

/** A number as its digits, without zeros around them, and the power of ten that they stand for. */
function decimalOf(written: string): { digits: string; exponent: number } {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(written) ?? []
  const all = `${whole}${fraction}`.replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  if (digits === '') return { digits: '0', exponent: 0 }
  return { digits: sign + digits, exponent: Number(power) - fraction.length + all.length - digits.length }
}
