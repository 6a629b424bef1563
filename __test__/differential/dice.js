// Random numbers from seeds.

/** A small seeded generator (mulberry32) with what one asks of dice. */
export function dice(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const upTo = (count) => Math.floor(next() * count)
  return {
    upTo,
    between: (low, high) => low + upTo(high - low + 1),
    chance: (probability) => next() < probability,
    pick: (list) => list[upTo(list.length)],
    some: (list, count) => {
      const rest = [...list]
      return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(upTo(rest.length), 1)[0])
    },
    weighed: (weights) => {
      const names = Object.keys(weights)
      let left = next() * names.reduce((sum, name) => sum + weights[name], 0)
      for (const name of names) {
        left -= weights[name]
        if (left < 0) return name
      }
      return names[0]
    },
  }
}

/** A number for a text, to make seeds of. */
export function seedOf(...parts) {
  let hash = 2166136261
  for (const char of parts.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619)
  return hash >>> 0
}
