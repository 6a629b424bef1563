// What one asks of a blueprint's graph.

export const isLoop = (node) => node.uses === 'loop-controller'
export const isAny = (node) => node.config?.joinStrategy === 'any'
export const into = (blueprint, id) => blueprint.edges.filter((edge) => edge.target === id)
export const outOf = (blueprint, id) => blueprint.edges.filter((edge) => edge.source === id)
export const nodeOf = (blueprint, id) => blueprint.nodes.find((node) => node.id === id)

/** Everything edges lead to from here; a fallback also has the edges of its primary. */
export function reachable(blueprint, from) {
  const reached = new Set()
  const ahead = [from]
  while (ahead.length > 0) {
    const id = ahead.pop()
    const next = outOf(blueprint, id).map(({ target }) => target)
    const fallback = nodeOf(blueprint, id)?.config?.fallback
    for (const target of fallback ? [...next, fallback] : next) {
      if (!reached.has(target)) ahead.push(target)
      reached.add(target)
    }
  }
  return reached
}

/** The nodes of a loop: what its `continue` edge leads to, short of itself. */
export function bodyOf(blueprint, { id }) {
  const first = outOf(blueprint, id).find(({ action }) => action === 'continue')?.target
  if (first === undefined) return new Set()
  const graph = { ...blueprint, edges: blueprint.edges.filter(({ source }) => source !== id) }
  return reachable(graph, first).add(first)
}
