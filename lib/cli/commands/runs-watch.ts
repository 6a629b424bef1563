/** `runs watch`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunDescription, withoutHeartbeat } from '../../client/description.js'
import type { Flows } from '../../client/flows.js'
import { oneLine } from '../../log.js'
import type { Call, Run } from '../command.js'
import { clock, lengthOf } from '../durations.js'
import { CliError, EXIT } from '../exit.js'
import { loadFlows } from '../modules.js'
import { shownJson } from '../output.js'
import { linesOfRun } from '../run-view.js'
import { Servers } from '../servers.js'
import { formatOf, styleOf } from '../shown.js'

const EVERY = 1_000
const SHORTEST = 100
const ENDED = ['completed', 'failed', 'cancelled']

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io, signal } = call
    const [runId = ''] = parsed.args
    const flows = await loadFlows(servers.settings.blueprints)
    const handle = servers.client().run(runId)
    const interval = Math.max(SHORTEST, parsed.duration('interval') ?? EVERY)
    const timeout = parsed.duration('timeout')
    const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY)
    const view = viewOf(call, flows)
    for (;;) {
      const seen = await handle.describe()
      const isOver = ENDED.includes(seen.status)
      await view(seen, isOver)
      if (isOver) return seen.status === 'completed' ? EXIT.done : EXIT.notSo
      if (performance.now() >= deadline) {
        const message = `The run is ${seen.status} after ${lengthOf(timeout ?? 0)}; it goes on`
        throw new CliError(message, EXIT.timedOut)
      }
      await sleep(Math.min(interval, Math.max(0, deadline - performance.now())), undefined, { signal })
      io.endProgress()
    }
  })

type View = (run: RunDescription, isOver: boolean) => Promise<void>

function viewOf(call: Call, flows: Flows): View {
  const { io, parsed } = call
  const format = formatOf(parsed)
  if (format === 'json') return async (run, isOver) => (isOver ? io.write(`${shownJson(run, 2)}\n`) : undefined)
  if (format === 'jsonl') return onChange((run) => io.write(`${shownJson(run)}\n`))
  return io.canRedraw ? redrawn(call, flows) : changes(call)
}

function onChange(show: (run: RunDescription) => Promise<void>): View {
  let last = ''
  return async (run) => {
    const now = withoutHeartbeat(run)
    if (now !== last) await show(run)
    last = now
  }
}

/** The whole run, over what was drawn before. What does not fit on the screen is left out until the end. */
function redrawn({ io }: Call, flows: Flows): View {
  let drawn = 0
  return async (run, isOver) => {
    const all = linesOfRun(io, run, flows)
    const room = io.rows - 2
    const shown =
      isOver || all.length <= room
        ? all
        : [...all.slice(0, room - 1), io.paint('dim', `… ${all.length - room + 1} more lines`)]
    const back = drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''
    // A line that wraps would be drawn over by half: the terminal is told not to wrap.
    await io.write(`${back}\x1b[?7l${shown.map((line) => `${line}\n`).join('')}\x1b[?7h`)
    drawn = shown.length
  }
}

/** A line for each change. */
function changes({ io }: Call): View {
  const states = new Map<string, string>()
  let status = ''
  return async (run) => {
    const at = clock(new Date())
    for (const { nodeId, state, execution, attempt, error } of run.nodes) {
      const now = `${state} ${execution} ${attempt}`
      if (states.get(nodeId) === now) continue
      states.set(nodeId, now)
      const more = [
        ...(execution > 1 ? [`execution ${execution}`] : []),
        ...(attempt > 1 ? [`attempt ${attempt}`] : []),
        ...(error ? [error] : []),
      ]
      await io.write(`${at}  ${oneLine([nodeId, state, ...more].join('  '))}\n`)
    }
    if (run.status === status) return
    status = run.status
    const reason = run.reason === undefined ? '' : `: ${oneLine(run.reason)}`
    await io.write(`${at}  ${io.paint(styleOf(status), `the run is ${oneLine(status)}${reason}`)}\n`)
  }
}
