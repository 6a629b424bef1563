/** `runs throughput`. */
import type { EndedRuns } from '../../client/listing.js'
import type { Run } from '../command.js'
import { clock } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const HOUR = 3_600_000
/** So many steps are shown where their length is not said. */
const STEPS = 60

/** What ended within a step of time, of every blueprint. */
interface Step {
  from: Date
  completed: number
  failed: number
  cancelled: number
}

const number = (end: EndedRuns['status']): Column<Step> => ({
  title: end.toUpperCase(),
  text: (step) => step[end].toLocaleString('en'),
  style: (step) => (end === 'failed' && step.failed > 0 ? 'red' : undefined),
  isNumber: true,
})
const COLUMNS: readonly Column<Step>[] = [
  { title: 'FROM', text: ({ from }) => clock(from) },
  number('completed'),
  number('failed'),
  number('cancelled'),
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const withinMs = parsed.duration('within') ?? HOUR
    const stepMs = parsed.duration('step') ?? Math.max(1, Math.ceil(withinMs / STEPS))
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(stepsOf(await servers.client().throughput({ withinMs, stepMs })))
    await rows.end()
    if (rows.count === 0) io.note('No run ended in that time.')
    return undefined
  })

/** One row a step, the oldest first. */
function stepsOf(ended: readonly EndedRuns[]): Step[] {
  const steps = new Map<number, Step>()
  for (const { from, status, count } of ended) {
    const step = steps.get(from.getTime()) ?? { from, completed: 0, failed: 0, cancelled: 0 }
    step[status] += count
    steps.set(from.getTime(), step)
  }
  return [...steps.values()]
}
