// One number for any value: what a node was given shows in what it returns.

/** What a subflow gives may have in it what core keeps there: run ids, and inputs, of which the last to arrive stays. */
export const isCores = (key) => key === '_executionId' || key.startsWith('_inputs.')

/** `dependencies.plain` makes JSON of what the run's serializer holds. */
export function totalBy({ plain }) {
  return (value) => (value === undefined ? 0 : totalOf(plain(value)))
}

export function isLong(value, { plain }) {
  const withoutCores = (key, each) => (isCores(key) ? undefined : each)
  return JSON.stringify(plain(value), withoutCores)?.length > 300
}

function totalOf(json) {
  if (typeof json === 'number') return json
  if (typeof json === 'string') return json.length
  if (typeof json === 'boolean') return json ? 3 : 5
  if (json === null) return 11
  if (json.$type) return textual(JSON.stringify(json))
  // Not by the order of the keys: PostgreSQL's JSONB has its own.
  const keys = Object.keys(json).filter((key) => !isCores(key))
  return keys.sort().reduce((sum, key, index) => sum + (index + 1) * totalOf(json[key]), 13)
}

/** Of a value that JSON does not hold, every letter counts. */
const textual = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 997, 17)
