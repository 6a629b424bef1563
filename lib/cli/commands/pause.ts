/** `pause` and `unpause`: a queue, or a blueprint, for all workers. */
import type { Pausable } from '../../client/pausing.js'
import { type RegisteredWorker, workersOf } from '../../client/workers.js'
import type { Call, Run } from '../command.js'
import { usage } from '../exit.js'
import type { Parsed } from '../parsed.js'
import { Servers } from '../servers.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const [what, reason] = [pausable(call.parsed), call.parsed.text('reason')]
    const changed = await servers.client().pause({ ...what, ...(reason !== undefined && { reason }) })
    note(call, what, changed ? 'is paused: workers heed it within about two seconds' : 'was paused already')
    const workers = await workersOf(servers.host().engine).catch(() => [])
    if (workers.length > 0 && !workers.some((worker) => works(worker, what))) {
      call.io.note('No registered worker works it: is the name right? See flowcraft-rabbitmq workers.', 'yellow')
    }
    return undefined
  })

function works({ queues, blueprints }: RegisteredWorker, { queue, blueprintId = '' }: Pausable): boolean {
  return queue === undefined ? Object.hasOwn(blueprints, blueprintId) : queues.includes(queue)
}

export const unpause: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const what = pausable(call.parsed)
    const was = await servers.client().unpause(what)
    note(call, what, was ? 'goes on' : 'was not paused')
    return undefined
  })

function note({ io }: Call, { queue, blueprintId }: Pausable, words: string): void {
  io.note(queue === undefined ? `Blueprint ${blueprintId} ${words}.` : `Queue ${queue} ${words}.`)
}

function pausable(parsed: Parsed): Pausable {
  const [queue, blueprintId] = [parsed.text('of-queue'), parsed.text('blueprint')]
  if (queue !== undefined && blueprintId === undefined) return { queue }
  if (blueprintId !== undefined && queue === undefined) return { blueprintId }
  throw usage('What? Name either a queue or a blueprint', '--of-queue flowcraft-jobs, or --blueprint order')
}
