// Every execution of every node, as the nodes themselves tell it: one line appended to a file. A file is the one record
// that none of the servers' faults and no killed process takes away.
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** What a node's result leaves in its run's context: one such key for each execution that counted. */
const COUNTED = 'counted '

export class Executions {
  constructor(file) {
    this.file = file
  }

  /** For a flow's registry: a function that notes each execution, and leaves a trace of each result that counts. */
  recorded(node, work, worker = 'test') {
    return async (call) => {
      const run = await call.context.get('run')
      const nonce = randomUUID()
      appendFileSync(this.file, `${JSON.stringify({ run, node, nonce, worker, at: Date.now() })}\n`)
      const result = await work(call, { run, nonce, worker })
      await call.context.set(`${COUNTED}${node} ${nonce}`, worker)
      return result ?? {}
    }
  }

  /** All of them, or those of some runs. */
  all(runs) {
    if (!existsSync(this.file)) return []
    const wanted = runs && new Set(runs)
    const lines = readFileSync(this.file, 'utf8').split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line)).filter(({ run }) => !wanted || wanted.has(run))
  }

  /** How often each node of a run was executed. */
  perNode(run) {
    return tally(this.all([run]).map(({ node }) => node))
  }
}

/** How often a result of each node was counted, by the traces in a run's context. */
export function counted(context) {
  const traces = Object.keys(context).filter((key) => key.startsWith(COUNTED))
  return tally(traces.map((key) => key.slice(COUNTED.length, key.lastIndexOf(' '))))
}

function tally(names) {
  const counts = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
