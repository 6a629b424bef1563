// The differences between core in memory and a distributed run that are known. Each has a sentence, a test whether a
// case shows it (then it is not compared), and the shortest case that does.
import { bodyOf, into, isAny, isLoop, nodeOf, outOf, reachable } from './graph.js'

/** Whether a node leaves something else in the context when it runs once more. */
const counts = ({ params = {} }) => params.count || params.touches?.length > 0

/** Whether an edge may not be taken although its source has run: by its own words, or since that chose another one's action. */
function mayBeLeft(blueprint, { source, action, condition }) {
  return Boolean(action || condition) || outOf(blueprint, source).some((each) => each.action)
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
    applies: ({ blueprint }, { arrivals, executed }) =>
      blueprint.nodes.some((node) => {
        if (!isAny(node)) return false
        const behind = reachable(blueprint, node.id)
        const sources = new Set((arrivals[node.id] ?? []).filter((source) => !behind.has(source)))
        const repeated = !behind.has(node.id) && executed[`${blueprint.id} ${node.id}`] > 1
        if (sources.size < 2 && !repeated) return false
        // A later run of it may pass an edge at a join that another one's edge, not taken, had closed.
        const mayPass = (id) => {
          const edges = into(blueprint, id)
          return !isAny(nodeOf(blueprint, id)) && edges.length > 1 && edges.some((each) => mayBeLeft(blueprint, each))
        }
        const repeats = (id) => isLoop(nodeOf(blueprint, id)) || counts(nodeOf(blueprint, id))
        const fed = !node.inputs || into(blueprint, node.id).some(({ transform }) => transform)
        return fed || behind.has(node.id) || counts(node) || [...behind].some(repeats) || [...behind].some(mayPass)
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
  {
    name: 'returns-nothing',
    sentence:
      'A node that returns nothing takes its edges as any other; in memory none is evaluated, and none brings an input.',
    applies: ({ blueprint }) =>
      blueprint.nodes.some((node) => {
        if (node.params?.shape !== 'nothing') return false
        const inherits = blueprint.nodes.some(
          ({ id, config }) => config?.fallback === node.id && outOf(blueprint, id).length > 0,
        )
        const plain = ({ action, condition, transform }) => !action && !condition && !transform
        const swept = ({ target }) => {
          const edges = into(blueprint, target)
          const to = nodeOf(blueprint, target)
          // An `any` join behind a cycle runs at every arrival, and in memory such a node does not arrive.
          const isOne = edges.length === 1 || (to.inputs && !isAny(to))
          return edges.every(({ condition }) => !condition) && isOne
        }
        return inherits || !outOf(blueprint, node.id).every((each) => plain(each) && swept(each))
      }),
    example: {
      nodes: [work('a', { shape: 'nothing' }), work('b')],
      edges: [edge('a', 'b', { condition: '!result.output' })],
    },
    differs: /executed: .* b 0 times in memory, then 1/,
  },
  {
    name: 'second-transform',
    sentence:
      'A transform is given the output of its edge’s source; in memory, at a node that has an input already, that input.',
    applies: ({ blueprint }, { arrivals }) =>
      blueprint.nodes.some(({ id }) => {
        const transformed = into(blueprint, id).some(({ transform }) => /\binput\b/.test(transform ?? ''))
        return transformed && (arrivals[id] ?? []).length > 1
      }),
    example: {
      nodes: [work('a'), work('b', { base: 30 }), work('c', { base: 60 }), work('j')],
      edges: [edge('a', 'j', { transform: '[input]' }), edge('b', 'c'), edge('c', 'j', { transform: '[input]' })],
    },
    differs: /context: _outputs.j is 54 in memory, then 143/,
  },
  {
    name: 'mapped-to-nothing',
    sentence:
      'A transform is given the output of its edge’s source; in memory, where `inputs` names a node without output, nothing.',
    applies: ({ blueprint }, { executed, gave }) =>
      blueprint.nodes.some(({ id, inputs }) => {
        const source = `${blueprint.id} ${inputs}`
        const isNothing = executed[source] > 0 && !gave.has(source)
        return isNothing && into(blueprint, id).some(({ source, transform }) => transform && source !== inputs)
      }),
    example: {
      nodes: [work('a', { shape: 'none' }), work('b', { base: 30 }), { ...work('j'), inputs: 'a' }],
      edges: [edge('a', 'b'), edge('b', 'j', { transform: 'input ?? "nothing"' })],
    },
    differs: /context: _outputs.j is 21 in memory, then 57/,
  },
  {
    name: 'failed-fallback-at-join',
    sentence:
      'An `all` join waits for the fallback of its predecessor, and does not run if that fails; in memory it runs.',
    applies: ({ blueprint }, { executed, failed }) =>
      blueprint.nodes.some(({ id, config }) => {
        const other = nodeOf(blueprint, config?.fallback)
        if (!other || !executed[`${blueprint.id} ${other.id}`]) return false
        return (
          failed.has(`${blueprint.id} ${other.id}`) &&
          outOf(blueprint, id).some(({ target }) => into(blueprint, target).length > 1)
        )
      }),
    example: {
      nodes: [
        { ...work('p', { fails: true }), config: { fallback: 'f' } },
        work('f', { fails: true }),
        work('q'),
        work('r'),
        work('j'),
      ],
      edges: [edge('p', 'j'), edge('q', 'r'), edge('r', 'j')],
    },
    differs: /executed: .* j 1 times in memory, then 0/,
  },
  {
    name: 'fallback-in-loop',
    sentence:
      'A fallback takes over in every round of a loop; in memory in one round, and the loop then stops without an error.',
    applies: ({ blueprint }, { executed }) =>
      blueprint.nodes.some(({ id, config }) => {
        return config?.fallback && executed[`${blueprint.id} ${config.fallback}`] && reachable(blueprint, id).has(id)
      }),
    context: { rounds: 0 },
    example: {
      nodes: [
        work('a'),
        loop('L', 'context.rounds < 2'),
        { ...work('p', { count: 'rounds', fails: true }), config: { fallback: 'f' } },
        work('f'),
        work('n'),
        work('z'),
      ],
      edges: [edge('a', 'L'), edge('p', 'n'), ...around('L', 'p', 'n'), edge('L', 'z', { action: 'break' })],
    },
    differs: /executed: .* f 1 times in memory, then 2/,
  },
  {
    name: 'node-after-inner-loop',
    sentence:
      'What follows an inner loop runs in every round of the outer one; in memory in the first, and the outer loop then stops.',
    applies: ({ blueprint }) => {
      const loops = blueprint.nodes.filter(isLoop)
      return loops.some((outer) =>
        loops.some((inner) => {
          const nested = inner !== outer && bodyOf(blueprint, outer).has(inner.id)
          const exits = outOf(blueprint, inner.id).filter(({ action }) => action !== 'continue')
          return nested && exits.every(({ target }) => target !== outer.id)
        }),
      )
    },
    context: { outer: 0, inner: 0 },
    example: {
      nodes: [
        work('a'),
        loop('L', 'context.outer < 2'),
        work('n', { count: 'outer' }),
        loop('M', 'context.inner % 2 != 0'),
        work('m', { count: 'inner' }),
        work('o'),
        work('z'),
      ],
      edges: [
        edge('a', 'L'),
        edge('n', 'M'),
        ...around('M', 'm', 'm'),
        edge('M', 'o', { action: 'break' }),
        ...around('L', 'n', 'o'),
        edge('L', 'z', { action: 'break' }),
      ],
    },
    differs: /executed: .* z 0 times in memory, then 1/,
  },
  {
    name: 'chunked-batch',
    sentence: 'A batch with a chunk size goes through all of its items; in memory it fails after the first chunk.',
    applies: ({ blueprint, subs }) =>
      [blueprint, ...subs].some(({ nodes }) => nodes.some(({ params }) => params?.chunkSize)),
    context: { items: [{ v: 1 }, { v: 2 }, { v: 3 }] },
    example: {
      nodes: [
        {
          id: 'b_scatter',
          uses: 'batch-scatter',
          inputs: 'items',
          params: { workerUsesKey: 'item', outputKey: 'all', gatherNodeId: 'b_gather', chunkSize: 2 },
        },
        { id: 'b_gather', uses: 'batch-gather', params: { outputKey: 'all', gatherNodeId: 'b_gather' } },
      ],
      edges: [edge('b_scatter', 'b_gather')],
    },
    differs: /status: failed in memory, then completed/,
  },
]

function work(id, params = {}) {
  return { id, uses: 'work', params: { base: 1, ...params } }
}

function edge(source, target, more = {}) {
  return { source, target, ...more }
}

function loop(id, condition) {
  return { id, uses: 'loop-controller', params: { condition }, config: { joinStrategy: 'any' } }
}

function around(id, start, end) {
  return [edge(end, id), edge(id, start, { action: 'continue', transform: `context["${end}"]` })]
}

/**
 * An `all` join of a loop and of something else waits for the loop's end; in memory it runs as soon as the other is
 * done. Apart from the rest, since its test is not that it differs but that every run has the same outcome.
 */
export const JOIN_BEHIND_LOOP = {
  name: 'join-behind-loop',
  applies: ({ blueprint }) =>
    blueprint.nodes.some((node) => {
      const sources = [...new Set(into(blueprint, node.id).map(({ source }) => source))]
      if (isAny(node) || sources.length < 2) return false
      const behind = reachable(blueprint, node.id)
      return sources.some((source) => reachable(blueprint, source).has(source) && !behind.has(source))
    }),
  context: { rounds: 0 },
  example: {
    nodes: [
      work('a'),
      loop('L', 'context.rounds < 6'),
      work('n', { count: 'rounds' }),
      work('x'),
      work('y'),
      { ...work('j'), inputs: 'rounds' },
    ],
    edges: [
      edge('a', 'L'),
      ...around('L', 'n', 'n'),
      edge('a', 'x'),
      edge('x', 'y'),
      edge('y', 'j'),
      edge('L', 'j', { action: 'break' }),
    ],
  },
}

/** The names of the known differences a case shows, in its blueprint or in one that it runs as a subflow. */
export function knownIn(one, memory) {
  const cases = [one.blueprint, ...one.subs].map((blueprint) => ({ ...one, blueprint }))
  const shows = ({ applies }) => cases.some((each) => applies(each, memory))
  return [...KNOWN, JOIN_BEHIND_LOOP].filter(shows).map(({ name }) => name)
}
