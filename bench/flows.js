// The flows that are measured, as every contestant runs them. Their nodes do nothing but return a value, and the last
// output tells whether every node before it ran: a contestant that is fast and wrong does not count.

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} Flow
 * @property {'chain' | 'fan'} kind
 * @property {number} size the nodes of the chain, the width of the fan
 * @property {number} [waitMs] how long each node waits before it returns, in milliseconds
 * @property {boolean} [marks] whether the worker notes the moment each node is called
 */

/** @param {Flow} flow */
export function flowId({ kind, size, waitMs }) {
  return waitMs === undefined ? `${kind}-${size}` : `${kind}-${size}-${waitMs}`
}

/** @param {Flow} flow */
export function jobsOf({ kind, size }) {
  return kind === 'chain' ? size : size + 2
}

/** What a run of it must end with. */
export function expected(flow) {
  const { kind, size } = flow
  // Core gives a join the output of one of those it waited for; that all of them ran is seen by their number.
  const [node, output] = kind === 'chain' ? [`n${size - 1}`, size] : ['join', 3]
  return { node, output, outputs: jobsOf(flow) }
}

/** @param {Flow} flow */
export function startNode({ kind }) {
  return kind === 'chain' ? 'n0' : 'start'
}

/** @param {Flow} flow */
export function blueprintOf(flow) {
  const { kind, size, waitMs } = flow
  const params = waitMs === undefined ? {} : { params: { waitMs } }
  const ids = Array.from({ length: size }, (_, i) => `n${i}`)
  if (kind === 'chain') {
    return {
      id: flowId(flow),
      nodes: ids.map((id, i) => ({ id, uses: i === 0 ? 'first' : 'next', ...params })),
      edges: ids.slice(1).map((id, i) => ({ source: ids[i], target: id })),
    }
  }
  return {
    id: flowId(flow),
    nodes: [
      { id: 'start', uses: 'first', ...params },
      ...ids.map((id) => ({ id, uses: 'next', ...params })),
      { id: 'join', uses: 'next', ...params, config: { joinStrategy: 'all' } },
    ],
    edges: ids.flatMap((id) => [
      { source: 'start', target: id },
      { source: id, target: 'join' },
    ]),
  }
}

/** The code of the nodes; with `marks`, the moments of their calls are put there. */
export function registryOf(marks) {
  const nodes = {
    first: async ({ params }) => {
      if (params?.waitMs) await sleep(params.waitMs)
      return { output: 1 }
    },
    next: async ({ input, params }) => {
      if (params?.waitMs) await sleep(params.waitMs)
      return { output: input + 1 }
    },
  }
  if (!marks) return nodes
  const marking = (node) => async (given) => {
    marks.push(performance.now())
    return node(given)
  }
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, marking(node)]))
}
