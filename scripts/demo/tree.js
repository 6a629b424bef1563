// One run drawn as a tree, as `flowcraft-rabbitmq runs show` draws it.

import { layOut } from '../../dist/cli/tree.js'
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
