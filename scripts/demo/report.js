// What is said at the end: what became of the orders, who did the work, and one run as a tree.

import { FROM_MS, TO_MS } from '../../examples/order-fulfilment/services.js'
import { PREFIX } from '../../examples/order-fulfilment/timing.js'
import { blueprint } from '../../examples/order-fulfilment/workflow.js'
import { bold, red } from './terminal.js'
import { drawTree } from './tree.js'

const REASONS_SHOWN = 5

/**
 * @typedef {{ id: string, status: string, reason: string | null, context: Record<string, any> }} Run
 *
 * @param {{ runs: Run[], seconds: number, log: (line: string) => void }} options
 * @returns {number} the exit code: 0 if every order was completed
 */
export function report({ runs, seconds, log }) {
  const completed = runs.filter(({ status }) => status === 'completed')
  const failed = runs.filter(({ status }) => status !== 'completed')

  log('')
  log(bold(`${runs.length} orders in ${seconds.toFixed(1)} s: ${outcomes(completed, failed)}`))
  log(work(runs, seconds))
  for (const { id, reason } of failed.slice(0, REASONS_SHOWN)) log(red(`${id} failed: ${reason}`))

  const shown = failed[0] ?? mostInteresting(completed)
  log('')
  log(bold(title(shown)))
  for (const line of drawTree(blueprint, nodesOf(shown))) log(line)
  log('')
  log('To read next: README.md, and the workflow, its worker and its client in examples/order-fulfilment/.')
  return failed.length === 0 ? 0 : 1
}

function outcomes(completed, failed) {
  const count = (outcome) => completed.filter((run) => outcomeOf(run) === outcome).length
  const counts = [`${count('shipped')} shipped`, `${count('refunded')} refunded`]
  if (failed.length > 0) counts.push(`${failed.length} failed`)
  return counts.join(', ')
}

function work(runs, seconds) {
  const jobs = runs.flatMap((run) => [...nodesOf(run).values()])
  const byWorker = new Map()
  for (const { worker } of jobs) byWorker.set(worker, (byWorker.get(worker) ?? 0) + 1)
  const shares = [...byWorker].sort().map(([worker, count]) => `${worker} did ${count}`)
  return (
    `${jobs.length} jobs, ${(jobs.length / seconds).toFixed(1)} a second: ${shares.join(', ')}.\n` +
    `The made-up services take ${FROM_MS / 1000} to ${TO_MS / 1000} s each, so this is no measure of speed.`
  )
}

/** One that shows a retry, or else a refund. */
function mostInteresting(runs) {
  const retried = runs.filter(({ context }) => context['_outputs.payment'].attempts > 1)
  const refunded = (run) => outcomeOf(run) === 'refunded'
  return retried.find(refunded) ?? retried[0] ?? runs.find(refunded) ?? runs[0]
}

function title(run) {
  const name = `Order ${run.context.order.number}`
  if (run.status !== 'completed') return `${name}, ${run.status}`
  const { outcome, detail } = run.context['_outputs.notify']
  return `${name}, ${outcome} (${detail})`
}

function outcomeOf({ context }) {
  return context['_outputs.notify'].outcome
}

/** What the timing middleware noted of each node that was run. */
function nodesOf({ context }) {
  const nodes = new Map()
  for (const { id } of blueprint.nodes) {
    const noted = context[PREFIX + id]
    if (!noted) continue
    const { attempts } = context[`_outputs.${id}`] ?? {}
    nodes.set(id, { ...noted, note: attempts > 1 ? `at attempt ${attempts}` : '' })
  }
  return nodes
}
