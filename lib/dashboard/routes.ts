/** Every call that the page makes: its name, what it needs, and what answers it. */
import { approvals } from './approvals.js'
import type { Board } from './board.js'
import { comparable, compareContexts, compareRuns } from './compare.js'
import { copyContext, viewContext } from './context.js'
import { deadLetters, discard, replay } from './dead.js'
import { fleet, health } from './fleet.js'
import { historyOfNode } from './history.js'
import type { Input } from './input.js'
import type { DashboardRole } from './options.js'
import { describeRun, graphOf, originOf } from './run.js'
import { act, RUN_ACTIONS, type RunAction, rerun } from './run-actions.js'
import { actOnRuns, countRuns, listRuns, previewAction } from './runs.js'
import { listSchedules, pauseSchedule, resumeSchedule, triggerSchedule } from './schedules.js'
import { throughput } from './throughput.js'

export interface Route {
  /** A `POST` changes something: it is refused where nothing may be changed, and recorded. */
  readonly method: 'GET' | 'POST'
  readonly role: DashboardRole
  readonly answer: (board: Board, input: Input) => Promise<object>
}

const read = (answer: Route['answer']): Route => ({ method: 'GET', role: 'look', answer })
const change = (role: DashboardRole, answer: Route['answer']): Route => ({ method: 'POST', role, answer })

const onRun = (action: RunAction): Route =>
  change(RUN_ACTIONS[action].role, async (board, input) => {
    const done = await act(board.client.run(input.required('id')), action, input)
    board.shared.forget()
    return done
  })

const bulk = (action: RunAction): Route =>
  change(RUN_ACTIONS[action].role, (board, input) => actOnRuns(board, input.with({ action })))

export const ROUTES: Readonly<Record<string, Route>> = {
  health: read(health),
  fleet: read(fleet),
  limits: read(({ client, shared }) => shared.get('limits', 3_000, async () => ({ limits: await client.limits() }))),
  runs: read(listRuns),
  'runs/counts': read(countRuns),
  'runs/throughput': read(throughput),
  'runs/preview': read(previewAction),
  'runs/compare': read(compareRuns),
  'runs/compare-contexts': read(compareContexts),
  'runs/cancel': bulk('cancel'),
  'runs/pause': bulk('pause'),
  'runs/unpause': bulk('unpause'),
  'runs/retry': bulk('retry'),
  'runs/resume': bulk('resume'),
  'runs/send-event': bulk('send-event'),
  'runs/delete': bulk('delete'),
  run: read(describeRun),
  'run/graph': read(graphOf),
  'run/origin': read(originOf),
  'run/comparable': read(comparable),
  'run/history': read(historyOfNode),
  'run/context': read(viewContext),
  'run/copy': read(copyContext),
  'run/cancel': onRun('cancel'),
  'run/pause': onRun('pause'),
  'run/unpause': onRun('unpause'),
  'run/retry': onRun('retry'),
  'run/delete': onRun('delete'),
  'run/resume': onRun('resume'),
  'run/send-event': onRun('send-event'),
  'run/rerun': change('operate', async (board, input) => {
    const started = await rerun(board.client.run(input.required('id')), input)
    board.shared.forget()
    return started
  }),
  approvals: read(approvals),
  schedules: read(listSchedules),
  'schedules/pause': change('operate', pauseSchedule),
  'schedules/resume': change('operate', resumeSchedule),
  'schedules/trigger': change('operate', triggerSchedule),
  dead: read(deadLetters),
  'dead/replay': change('operate', replay),
  'dead/discard': change('administer', discard),
}
