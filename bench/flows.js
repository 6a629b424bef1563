// The flows that are measured, as every contestant runs them. Their nodes do nothing but return a value, and the last
// output tells whether every node before it ran: a contestant that is fast and wrong does not count.

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} Flow
 * @property {'chain' | 'fan'} kind
 * @property {number} size the nodes of the chain, the width of the fan
 * @property {number} [waitMs] how long each node waits before it returns, in milliseconds
 * @property {number} [bytes] the size of each output, which is a number without it
 * @property {boolean} [marks] whether the worker notes the moment each node is called
 */

/** @param {Flow} flow */
export function flowId({ kind, size, waitMs, bytes }) {
  return [kind, size, waitMs, bytes && `${bytes}b`].filter((part) => part !== undefined).join('-')
}

/** @param {Flow} flow */
export function jobsOf({ kind, size }) {
  return kind === 'chain' ? size : size + 2
}

/** What a run of it must end with. */
export function expected(flow) {
  const { kind, size, bytes } = flow
  // Core gives a join the output of one of those it waited for; that all of them ran is seen by their number.
  const [node, count] = kind === 'chain' ? [`n${size - 1}`, size] : ['join', 3]
  return { node, output: outputOf(count, bytes), outputs: jobsOf(flow) }
}

/** What the node says that so many came before, in so many bytes of JSON. */
function outputOf(count, bytes) {
  if (bytes === undefined) return count
  const output = { count, filled: '' }
  return { count, filled: 'x'.repeat(bytes - JSON.stringify(output).length) }
}

/** @param {Flow} flow */
export function startNode({ kind }) {
  return kind === 'chain' ? 'n0' : 'start'
}

/** @param {Flow} flow */
export function blueprintOf(flow) {
  const { kind, size, waitMs, bytes } = flow
  const params = waitMs === undefined && bytes === undefined ? {} : { params: { waitMs, bytes } }
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
      return { output: outputOf(1, params?.bytes) }
    },
    next: async ({ input, params }) => {
      if (params?.waitMs) await sleep(params.waitMs)
      return { output: params?.bytes ? outputOf(input.count + 1, params.bytes) : input + 1 }
    },
  }
  if (!marks) return nodes
  const marking = (node) => async (given) => {
    marks.push(performance.now())
    return node(given)
  }
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, marking(node)]))
}
