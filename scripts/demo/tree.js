// One run drawn as a tree. A node hangs below the last node that every way to it goes through: branches that
// run in parallel are siblings, and so is the join that follows them.

import { dim, green, red } from './terminal.js'

/**
 * @typedef {{ worker: string, startedAt: number, ms: number, failed: boolean, note: string }} DoneNode
 *
 * @param {import('flowcraft').WorkflowBlueprint} blueprint
 * @param {Map<string, DoneNode>} done the nodes that were run
 * @returns {string[]} lines
 */
export function drawTree(blueprint, done) {
  const rows = layOut(blueprint)
  const begin = Math.min(...[...done.values()].map(({ startedAt }) => startedAt))
  const width = Math.max(...rows.map(({ branch, id }) => branch.length + 2 + id.length))
  return [
    dim(`${''.padEnd(width)}${'start'.padStart(10)}${'took'.padStart(10)}  worker`),
    ...rows.map(({ branch, id, joins }) => {
      const node = done.get(id)
      const label = `${dim(branch)}${mark(node)} ${id.padEnd(width - branch.length - 2)}`
      if (!node) return `${label}${dim('not taken'.padStart(20))}`
      const start = `+${node.startedAt - begin} ms`.padStart(10)
      const before = joins?.filter((each) => done.has(each)).join(', ')
      const notes = [node.note, before ? `after ${before}` : ''].filter(Boolean).join('; ')
      return `${label}${start}${`${node.ms} ms`.padStart(10)}  ${node.worker}${notes && dim(`  ${notes}`)}`
    }),
  ]
}

function mark(node) {
  if (!node) return dim('–')
  return node.failed ? red('✖') : green('✔')
}

/** The nodes in drawing order, each with the lines to its left, and with its predecessors if it joins them. */
function layOut({ nodes, edges }) {
  const predecessors = new Map(
    nodes.map(({ id }) => [id, edges.filter(({ target }) => target === id).map(({ source }) => source)]),
  )
  const order = topological(predecessors)
  const parents = parentsOf(order, predecessors)
  const rows = []
  const visit = (id, branch, below) => {
    const before = predecessors.get(id)
    rows.push({ id, branch, joins: before.length > 1 ? before : undefined })
    const children = order.filter((other) => parents.get(other) === id)
    for (const child of children) {
      const last = child === children.at(-1)
      visit(child, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`)
    }
  }
  for (const id of order) if (parents.get(id) === undefined) visit(id, '', '')
  return rows
}

/** Every node after its predecessors; the workflow has no loops. */
function topological(predecessors) {
  const order = new Set()
  const visit = (id) => {
    for (const before of predecessors.get(id)) if (!order.has(before)) visit(before)
    order.add(id)
  }
  for (const id of predecessors.keys()) visit(id)
  return [...order]
}

/** For each node, the nearest of those that every way to it goes through (its immediate dominator). */
function parentsOf(order, predecessors) {
  const passed = new Map()
  const parents = new Map()
  for (const id of order) {
    const ways = predecessors.get(id).map((before) => passed.get(before))
    const common = ways.length > 0 ? ways.reduce((all, way) => all.filter((each) => way.includes(each))) : []
    parents.set(id, common.at(-1))
    passed.set(id, [...common, id])
  }
  return parents
}
