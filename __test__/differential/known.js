// The differences between core in memory and a distributed run that are known. Each has a sentence, a test whether a
// case shows it (then it is not compared), and the shortest case that does.

const isLoop = (node) => node.uses === 'loop-controller'
const isAny = (node) => node.config?.joinStrategy === 'any'
const into = (blueprint, id) => blueprint.edges.filter((edge) => edge.target === id)
const outOf = (blueprint, id) => blueprint.edges.filter((edge) => edge.source === id)
const nodeOf = (blueprint, id) => blueprint.nodes.find((node) => node.id === id)

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

/** Whether a node may end without any of its edges taken, and have a target no condition guards. */
function mayTakeNone(blueprint, node) {
  const inherited = blueprint.nodes.filter(({ config }) => config?.fallback === node.id)
  const edges = [node, ...inherited].flatMap(({ id }) => outOf(blueprint, id))
  const open = outOf(blueprint, node.id).some(
    ({ target }) => !into(blueprint, target).some(({ condition }) => condition),
  )
  if (!open) return false
  const actions = isLoop(node) ? ['continue', 'break'] : [node.params?.action].flat()
  return actions.some((action) => {
    const sure = edges.filter((edge) => !edge.condition && (!edge.action || edge.action === action))
    return sure.length === 0
  })
}

export const KNOWN = [
  {
    name: 'not-taken',
    sentence: 'An edge whose action was not returned is not taken; in memory the target of a lone such edge runs.',
    applies: ({ blueprint }) => blueprint.nodes.some((node) => mayTakeNone(blueprint, node)),
    example: {
      nodes: [work('a', { action: 'other' }), work('b')],
      edges: [{ source: 'a', target: 'b', action: 'go' }],
    },
    differs: /executed: .* b 1 times in memory, then 0/,
  },
  {
    name: 'any-join-once',
    sentence:
      'An `any` join runs once, by its first arrival; in memory once for every arrival, the last one’s output staying.',
    applies: ({ blueprint }, { arrivals }) =>
      blueprint.nodes.some((node) => {
        if (!isAny(node)) return false
        const behind = reachable(blueprint, node.id)
        const sources = new Set((arrivals[node.id] ?? []).filter((source) => !behind.has(source)))
        if (sources.size < 2) return false
        const repeats = (id) => isLoop(nodeOf(blueprint, id)) || nodeOf(blueprint, id).params?.count
        const fed = !node.inputs || into(blueprint, node.id).some(({ transform }) => transform)
        return fed || behind.has(node.id) || node.params?.count || [...behind].some(repeats)
      }),
    example: {
      nodes: [work('a'), work('b'), work('c', { base: 30 }), { ...work('j'), config: { joinStrategy: 'any' } }],
      edges: [edge('a', 'j'), edge('b', 'c'), edge('c', 'j')],
    },
    differs: /executed: .* j 2 times in memory, then 1/,
  },
  {
    name: 'primary-and-fallback',
    sentence:
      'A node behind both a primary and its fallback runs whichever of them ran; in memory not if the primary does.',
    applies: ({ blueprint }) =>
      blueprint.nodes.some(({ id, config }) => {
        const behind = outOf(blueprint, id).map(({ target }) => target)
        return config?.fallback && outOf(blueprint, config.fallback).some(({ target }) => behind.includes(target))
      }),
    example: {
      nodes: [{ ...work('p'), config: { fallback: 'f' } }, work('f'), work('x')],
      edges: [edge('p', 'x'), edge('f', 'x')],
    },
    differs: /executed: .* x 0 times in memory, then 1/,
  },
  {
    name: 'any-join-behind-fallback',
    sentence: 'An `any` join, or a loop, behind a node whose fallback took over runs; in memory it does not.',
    applies: ({ blueprint }, { executed }) =>
      blueprint.nodes.some(({ id, config }) => {
        const ran = config?.fallback && executed[`${blueprint.id} ${config.fallback}`]
        return ran && outOf(blueprint, id).some(({ target }) => isAny(nodeOf(blueprint, target)))
      }),
    example: {
      nodes: [
        { ...work('p', { fails: true }), config: { fallback: 'f' } },
        work('f'),
        { ...work('j'), config: { joinStrategy: 'any' } },
      ],
      edges: [edge('p', 'j')],
    },
    differs: /executed: .* j 0 times in memory, then 1/,
  },
]

function work(id, params = {}) {
  return { id, uses: 'work', params: { base: 1, ...params } }
}

function edge(source, target, more = {}) {
  return { source, target, ...more }
}

/** The names of the known differences a case shows. */
export const knownIn = (one, memory) => KNOWN.filter(({ applies }) => applies(one, memory)).map(({ name }) => name)
