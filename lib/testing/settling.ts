/** When everything that can be done now is done. */
import { AssertionError } from 'node:assert'
import type { Job } from '../bridge/channel.js'
import type { Memory, MemoryLoad } from '../bridge/native.js'
import type { MemoryAlarms } from '../execution/alarms.js'
import { now, turn } from './real-time.js'
import type { Workers } from './workers.js'

/** What of an environment in memory is looked at. */
export interface Looked {
  readonly memory: Memory
  readonly alarms: MemoryAlarms
  readonly workers: Workers
  /** The queues of jobs. */
  readonly queues: readonly string[]
  /** How many jobs a worker executes at a time. */
  readonly concurrency: number
  /** How long code of the user's is waited for, in milliseconds. */
  readonly patience: number
  /** Whether a server is out of reach, or this one. */
  isOut(server?: 'postgres'): boolean
}

/** How long the engine is given, while a server is out of reach, to notice; in milliseconds. */
const QUIET = 50

/** How long code of nodes that all have a time limit is waited for: the clock will end them. In milliseconds. */
const SLOW = 100

/**
 * Waits until nothing is left that can be done at this moment of the clock. While a server is out of reach, until the
 * engine only waits for it. Nodes with a `config.timeout` or `config.heartbeatMs` that do not end are left to the clock.
 *
 * @param runId Only nodes of this run are waited for. Default: those of all.
 * @throws AssertionError when code of a node without one does not end.
 */
export async function settle(looked: Looked, runId?: string): Promise<void> {
  const { memory, alarms, workers, patience } = looked
  const ages = new Ages()
  let [seen, since] = ['', now()]
  for (let count = 0; ; count += 1) {
    const jobs = workers.executing
    ages.look(jobs)
    const waitedFor = jobs.filter((job) => runId === undefined || job.runId === runId)
    const load = memory.load([...looked.queues])
    const isIdle = !isBusy(looked, jobs.length, load)
    if (isIdle && waitedFor.length === 0) break
    const sight = `${load.held} ${jobs.length} ${workers.begun} ${memory.nextDue()}`
    if (sight !== seen) [seen, since] = [sight, now()]
    if (looked.isOut() && now() - since > QUIET) break
    if (isIdle && alarms.owners >= jobs.length && jobs.every((job) => ages.of(job) > SLOW)) break
    if (now() - since > patience || waitedFor.some((job) => ages.of(job) > patience)) throw unsettled(looked)
    await turn(count)
  }
  // What the engine has to say comes with one of the next turns.
  await turn(0)
}

/** For how long jobs were seen being executed, in milliseconds. */
class Ages {
  #since = new Map<Job, number>()

  look(jobs: readonly Job[]): void {
    this.#since = new Map(jobs.map((job) => [job, this.#since.get(job) ?? now()]))
  }

  of(job: Job): number {
    return now() - (this.#since.get(job) ?? now())
  }
}

/** Whether the engine has something to do by itself, beside what user code executes. */
function isBusy({ workers, concurrency }: Looked, executing: number, { held, ready }: MemoryLoad): boolean {
  if (held > executing) return true
  const room = workers.adapters.length * concurrency
  return executing < room && ready > 0
}

function unsettled({ workers, patience }: Looked): AssertionError {
  const open = workers.executing.map(({ runId, nodeId }) => `node '${nodeId}' of run '${runId}'`)
  const what =
    open.length === 0
      ? 'The engine is still busy'
      : `Still being executed: ${open.join(', ')}. End it, kill its worker, give it a config.timeout, or set the option patience`
  return new AssertionError({ message: `${what} (after ${patience} ms of real time)`, operator: 'settle' })
}
