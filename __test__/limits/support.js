// Nodes that say when they begin and end, and what is read from that.
import { createFlow } from 'flowcraft'

/** One node, `work`, with a limit. */
export function limited(id, limit, work, config = {}) {
  return createFlow(id).node('work', work, { config: { limit, ...config } })
}

/** How many of these spans were going on at a time at most, each `{ from, to }`. */
export function mostAtATime(spans) {
  const moments = spans.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ])
  let [now, most] = [0, 0]
  // Whoever ends at the moment at which another begins was before it.
  for (const { by } of moments.sort((one, other) => one.at - other.at || one.by - other.by)) {
    now += by
    most = Math.max(most, now)
  }
  return most
}

/** The most moments in any window of this length. */
export function mostWithin(moments, length) {
  const sorted = [...moments].sort((one, other) => one - other)
  let [most, first] = [0, 0]
  for (const [index, moment] of sorted.entries()) {
    while (sorted[first] <= moment - length) first += 1
    most = Math.max(most, index - first + 1)
  }
  return most
}
