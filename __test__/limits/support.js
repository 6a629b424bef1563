// Nodes that say when they begin and end, and what is read from that.
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'

/** Workers on a fresh queue, stopped with the test. */
export async function workersFor(t, servers, flows, options = {}, count = 3) {
  await servers.freshQueue()
  const adapters = Array.from({ length: count }, () => servers.adapter(flows, options))
  t.after(() => Promise.all(adapters.map((adapter) => adapter.stop())))
  return adapters
}

/** Makes names of their own under a prefix, which is known when the first is asked for: the keys are those of one Redis. */
export function namesUnder(prefix) {
  let names = 0
  return () => {
    names += 1
    return `${prefix()}-${names}`
  }
}

/** A node's function that takes its time, and from when to when it was executed: each with what `about` says of the node. */
export function timing(ms, about) {
  const spans = []
  const work = async (node) => {
    const span = { ...(await about(node)), from: performance.now(), to: Number.POSITIVE_INFINITY }
    spans.push(span)
    await sleep(ms)
    span.to = performance.now()
    return {}
  }
  return { work, spans }
}

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
