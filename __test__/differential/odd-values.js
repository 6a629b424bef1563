// Values that JSON does not hold. A runtime's serializer keeps them, in memory and distributed: one fleet has one, and its cases
// have such values in outputs, in context keys, in what a run starts and is resumed with.
//
// A case is plain JSON all the same: there, such a value is `{ $odd: <its kind>, v: <a number> }`.
import { taggedSerializer } from '../fixtures/serializers.js'

const TAGGED = taggedSerializer()

/** The kinds, each made of a number. */
const ODD = {
  map: (v) =>
    new Map([
      [v, 'a'],
      ['b', { v }],
    ]),
  set: (v) => new Set([v, `s${v}`]),
  date: (v) => new Date(v * 86_400_000),
  big: (v) => 2n ** 64n + BigInt(v),
  expression: (v) => new RegExp(`a{${v}}`, v % 2 ? 'g' : 'gi'),
  none: (v) => (v % 2 ? Number.NaN : Number.NEGATIVE_INFINITY),
  numbers: (v) => [Number.NaN, Number.POSITIVE_INFINITY, v],
  gaps: (v) => [v, undefined, { v: [undefined] }],
  zero: (v) => new Map([[v, -0]]),
  deep: (v) => ({ list: [{ when: new Date(v), ids: new Set([BigInt(v)]) }], text: `v${v}` }),
  /** It looks as what the adapter stores in place of an odd value. */
  stored: (v) => ({ '_flowcraft.serialized': JSON.stringify({ value: v }) }),
}
export const KINDS = Object.keys(ODD)

/** Where the adapter keeps the text of such a value, as docs/contexts.md has it. */
const SERIALIZED = '_flowcraft.serialized'

export const odd = (kind, v) => ODD[kind ?? 'map'](v)

/** What sets the fleet apart whose runs have such values. */
export const serializerOf = ({ fleet }) => (fleet === 'serializer' ? TAGGED : undefined)

/** A part of a case, with such values in place of what stands for them. */
export function revived(json) {
  if (Array.isArray(json)) return json.map(revived)
  if (json === null || typeof json !== 'object') return json
  if (json.$odd) return odd(json.$odd, json.v)
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, revived(value)]))
}

/** A context as a client writes it into a run's row. */
export function rowOf(context, serializer) {
  if (!serializer) return context
  const isOdd = (value) => isSerialized(value) || serializer.serialize({ value }).includes('"$type"')
  const stored = (value) => (isOdd(value) ? { [SERIALIZED]: serializer.serialize({ value }) } : value)
  return Object.fromEntries(Object.entries(context).map(([key, value]) => [key, stored(value)]))
}

/** What a run's row has of its context, as JSON that tells such values apart. */
export function plainRow(stored, serializer) {
  if (!serializer) return stored
  const opened = (value) => (isSerialized(value) ? withoutAbsent(JSON.parse(value[SERIALIZED]).value) : value)
  return Object.fromEntries(Object.entries(stored).map(([key, value]) => [key, opened(value)]))
}

const isSerialized = (value) => typeof value?.[SERIALIZED] === 'string' && Object.keys(value).length === 1

/** Any value as JSON: by a serializer, as JSON that tells such values apart. */
export function plain(value, serializer) {
  if (value === undefined) return undefined
  return serializer ? withoutAbsent(JSON.parse(serializer.serialize(value))) : JSON.parse(JSON.stringify(value))
}

/** An absent key and one that is undefined are read alike: only JSON tells which of them it was. */
function withoutAbsent(json) {
  if (Array.isArray(json)) return json.map(withoutAbsent)
  if (json === null || typeof json !== 'object') return json
  const there = Object.entries(json).filter(([, value]) => value?.$type !== 'undefined')
  return Object.fromEntries(there.map(([key, value]) => [key, withoutAbsent(value)]))
}
