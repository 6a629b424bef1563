/** The fleet: workers, queues, what nobody works, and which server does not answer. */

import type { Paused } from '../client/pausing.js'
import { type Depth, depthOf, type Waiting, waitingRuns } from '../client/queue-facts.js'
import { type RegisteredWorker, workersOf } from '../client/workers.js'
import type { Board } from './board.js'
import { toldOf } from './refusal.js'

/** A run that has not changed for longer is said, in milliseconds. */
const LONG = 10 * 60_000

export interface QueueFacts {
  queue: string
  exists: boolean
  waiting: number
  consumers: number
  deadLetters: number
  running?: number
  /** How long the one that has not changed for longest has not, in milliseconds. */
  oldest?: number
}

/** The running runs of a blueprint. */
export interface BlueprintFacts {
  blueprint: string
  running: number
  /** How long the one that has not changed for longest has not, in milliseconds. */
  oldest: number
}

/** Something that somebody should look at. */
export interface Warning {
  code: 'PAUSED' | 'NO_CONSUMER' | 'NO_WORKER' | 'DEAD_LETTERS' | 'STALE' | 'NO_QUEUE' | 'UNKNOWN'
  message: string
}

export interface Fleet {
  workers: RegisteredWorker[]
  queues: QueueFacts[]
  /** Those that have running runs. */
  blueprints: BlueprintFacts[]
  warnings: Warning[]
}

export function fleet(board: Board): Promise<Fleet> {
  return board.shared.get('fleet', 3_000, async () => {
    const { engine, beside, answer } = board.host
    const { broker, database, queues: names, contexts, statuses } = beside
    const unknown: Warning[] = []
    // What one server does not say keeps nobody from the rest.
    const orNone = <T>(what: string, asked: Promise<T[]>): Promise<T[]> =>
      asked.catch((error) => {
        unknown.push({ code: 'UNKNOWN', message: `${what} are not known. ${toldOf(error).message}` })
        return []
      })
    const depths = names.map(async (queue) => {
      return [queue, await depthOf(broker, queue), await depthOf(broker, `${queue}.dead`)] as const
    })
    const [workers, waiting, found, paused] = await Promise.all([
      orNone('Workers', answer(workersOf(engine))),
      orNone('Running runs', answer(waitingRuns(database, { contexts, statuses }))),
      orNone('Queues', Promise.all(depths)),
      orNone('Paused queues', board.client.paused()),
    ])
    const queues = found.map((depth) => queueFacts(depth, waiting))
    const blueprints = blueprintFacts(waiting)
    return { workers, queues, blueprints, warnings: [...unknown, ...warningsOf({ workers, queues, waiting, paused })] }
  })
}

function queueFacts(
  [queue, own, dead]: readonly [string, Depth | undefined, Depth | undefined],
  waiting: readonly Waiting[],
): QueueFacts {
  const runs = waiting.filter((each) => each.queue === queue)
  return {
    queue,
    exists: own !== undefined,
    waiting: own?.messages ?? 0,
    consumers: own?.consumers ?? 0,
    deadLetters: dead?.messages ?? 0,
    ...(runs.length > 0 && {
      running: runs.reduce((sum, each) => sum + each.runs, 0),
      oldest: Math.round(Math.max(...runs.map(({ age }) => age))),
    }),
  }
}

/** What runs by blueprint, whatever its queues. Pure. */
export function blueprintFacts(waiting: readonly Waiting[]): BlueprintFacts[] {
  const facts = new Map<string, BlueprintFacts>()
  for (const { blueprint, runs, age } of waiting) {
    if (blueprint === null) continue
    const { running, oldest } = facts.get(blueprint) ?? { running: 0, oldest: 0 }
    facts.set(blueprint, { blueprint, running: running + runs, oldest: Math.round(Math.max(oldest, age)) })
  }
  return [...facts.values()]
}

/** What somebody should look at. Pure. */
export function warningsOf({
  workers,
  queues,
  waiting,
  paused = [],
}: {
  workers: readonly RegisteredWorker[]
  queues: readonly QueueFacts[]
  waiting: readonly Waiting[]
  paused?: readonly Paused[]
}): Warning[] {
  const warnings: Warning[] = paused.map((each) => ({ code: 'PAUSED', message: pausedWords(each) }))
  const isPaused = (name: string) => paused.some(({ queue }) => queue === name)
  for (const { queue, exists, waiting: messages, consumers, deadLetters, running = 0, oldest = 0 } of queues) {
    const warn = (code: Warning['code'], message: string) => warnings.push({ code, message })
    if (!exists) warn('NO_QUEUE', `There is no queue ${queue}. The first worker that starts declares it.`)
    else if (consumers === 0 && !isPaused(queue)) {
      const what = messages > 0 || running > 0 ? `: ${said(messages, 'message')} and ${said(running, 'run')} wait` : ''
      warn('NO_CONSUMER', `Nobody works the queue ${queue}${what}. Start a worker on it.`)
    }
    if (deadLetters > 0) {
      warn('DEAD_LETTERS', `${said(deadLetters, 'message')} of ${queue} could not be processed.`)
    }
    if (oldest > LONG) {
      const minutes = Math.floor(oldest / 60_000)
      warn('STALE', `A running run of ${queue} has not changed for ${said(minutes, 'minute')}.`)
    }
  }
  // Workers of version 1 and 2.0.0 are consumers that do not register: what they have is not known.
  const isKnown =
    workers.length > 0 && queues.length > 0 && queues.every(({ consumers }) => consumers <= workers.length)
  const had = new Set(workers.flatMap(({ blueprints }) => Object.keys(blueprints)))
  for (const { blueprint, runs } of isKnown ? waiting : []) {
    if (blueprint === null || had.has(blueprint)) continue
    warnings.push({
      code: 'NO_WORKER',
      message: `No worker has the blueprint ${blueprint}: ${said(runs, 'running run')} wait for one.`,
    })
  }
  return warnings
}

function pausedWords({ queue, blueprintId, since, reason }: Paused): string {
  const [what, flag] = queue === undefined ? [`blueprint ${blueprintId}`, 'blueprint'] : [`queue ${queue}`, 'of-queue']
  const why = reason === undefined ? '' : `: ${reason}`
  const todo = `flowcraft-rabbitmq unpause --${flag} ${queue ?? blueprintId} lets it go on.`
  return `The ${what} is paused since ${since.toISOString()}${why}. ${todo}`
}

function said(count: number, one: string): string {
  return `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`
}

export interface ServerHealth {
  server: 'PostgreSQL' | 'RabbitMQ' | 'worker registry'
  isUp: boolean
  /** How long it took to answer, in milliseconds. */
  took: number
  code?: string
  message?: string
}

/** How each server answers. */
export function health(board: Board): Promise<{ servers: ServerHealth[] }> {
  return board.shared.get('health', 2_000, async () => {
    const { client, host } = board
    const { beside, engine } = host
    const [queue = ''] = beside.queues
    const servers = await Promise.all([
      probe('PostgreSQL', () => client.list({ limit: 1 })),
      probe('RabbitMQ', () => depthOf(beside.broker, queue)),
      probe('worker registry', () => host.answer(engine.workers())),
    ])
    return { servers }
  })
}

async function probe(server: ServerHealth['server'], ask: () => Promise<unknown>): Promise<ServerHealth> {
  const begun = performance.now()
  const took = () => Math.round(performance.now() - begun)
  try {
    await ask()
    return { server, isUp: true, took: took() }
  } catch (error) {
    const { code, message } = toldOf(error)
    return { server, isUp: false, took: took(), code, message }
  }
}
