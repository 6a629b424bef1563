// Keeps what JSON has no form for: the dates and maps of a conversation. A package like superjson does the same for more types.
const TYPES = {
  Date: [(value) => value instanceof Date, (date) => date.toISOString(), (text) => new Date(text)],
  Map: [(value) => value instanceof Map, (map) => [...map], (pairs) => new Map(pairs)],
}

function packed(value) {
  for (const [type, [is, parts]] of Object.entries(TYPES))
    if (is(value)) return { $type: type, of: packed(parts(value)) }
  if (Array.isArray(value)) return value.map(packed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, packed(part)]))
}

function unpacked(value) {
  if (Array.isArray(value)) return value.map(unpacked)
  if (typeof value !== 'object' || value === null) return value
  if (Object.hasOwn(TYPES, value.$type ?? '')) return TYPES[value.$type][2](unpacked(value.of))
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpacked(part)]))
}

export const serializer = {
  serialize: (data) => JSON.stringify(packed(data)),
  deserialize: (text) => unpacked(JSON.parse(text)),
}
