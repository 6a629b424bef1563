/** The fleet: what waits, who works, and what nobody works. */

import type { Paused } from '../../client/pausing.js'
import type { Waiting } from '../../client/queue-facts.js'
import type { RegisteredWorker } from '../../client/workers.js'
import { lengthOf } from '../durations.js'
import { counted } from '../shown.js'
import { type Finding, fault, note, ok } from './finding.js'
import type { ExaminedQueue } from './rabbitmq.js'

/** A run that has not changed for longer is said, in milliseconds, where nobody gave a bound. */
const LONG = 10 * 60_000

export interface Fleet {
  /** The queues of jobs that are meant. */
  names: readonly string[]
  /** Queues of jobs, as RabbitMQ has them; undefined where it was not reached. */
  queues: readonly ExaminedQueue[] | undefined
  /** Those who are registered, of any fleet that shares the Redis; undefined where that could not be asked. */
  workers: readonly RegisteredWorker[] | undefined
  /** Running runs; undefined where that could not be asked. */
  waiting: readonly Waiting[] | undefined
  /** Queues and blueprints that are paused. */
  paused: readonly Paused[]
  maxBacklog: number | undefined
  maxAge: number | undefined
}

export function judgeFleet(fleet: Fleet): Finding[] {
  return [
    ...fleet.paused.map(judgePaused),
    ...judgeBacklog(fleet),
    ...judgeDead(fleet),
    ...judgeWorkers(fleet),
    ...judgeBlueprints(fleet),
    ...judgeAges(fleet),
  ]
}

/** It was wished, and may have been forgotten. */
function judgePaused({ queue, blueprintId, since, reason }: Paused): Finding {
  const [what, flag] =
    queue === undefined ? [`blueprint '${blueprintId}'`, 'blueprint'] : [`queue '${queue}'`, 'of-queue']
  const why = reason === undefined ? '' : ` (${reason})`
  const age = lengthOf(Math.max(0, Date.now() - since.getTime()))
  return note(
    'paused',
    `the ${what} has been paused for ${age}${why}`,
    `let it go on when it may: flowcraft-rabbitmq unpause --${flag} ${queue ?? blueprintId}`,
  )
}

function judgeBacklog({ queues = [], workers = [], maxBacklog, paused }: Fleet): Finding[] {
  const jobs = queues.filter(({ name, messages }) => messages !== null && !name.endsWith('.dead'))
  return jobs.map(({ name, messages, consumers }) => {
    const waiting = messages ?? 0
    const jobs = counted(waiting, 'job')
    if (consumers === 0 && !paused.some(({ queue }) => queue === name)) {
      const elsewhere = [...new Set(workers.flatMap((worker) => worker.queues))].filter((queue) => queue !== name)
      const hint =
        elsewhere.length > 0 ? [`the registered workers take jobs from ${elsewhere.join(', ')}: is --queue right?`] : []
      return fault(
        'queue.consumers',
        `nobody consumes the queue '${name}'; ${jobs} ${waiting === 1 ? 'waits' : 'wait'}`,
        `start a worker with queueName: '${name}', or see why it does not run`,
        ...hint,
      )
    }
    if (maxBacklog !== undefined && waiting > maxBacklog) {
      return fault(
        'queue.backlog',
        `${jobs} wait in the queue '${name}', more than ${maxBacklog}`,
        'start more workers, or raise their concurrency; docs/scaling.md says what is full',
      )
    }
    return ok(
      'queue.backlog',
      `${jobs} ${waiting === 1 ? 'waits' : 'wait'} in the queue '${name}', which ${counted(consumers ?? 0, 'consumer')} ${consumers === 1 ? 'works' : 'work'}`,
    )
  })
}

function judgeDead({ queues = [] }: Fleet): Finding[] {
  const dead = queues.filter(({ name, messages }) => name.endsWith('.dead') && (messages ?? 0) > 0)
  if (dead.length === 0) return queues.length === 0 ? [] : [ok('queue.dead', 'there are no dead letters')]
  return dead.map(({ name, messages }) =>
    fault(
      'queue.dead',
      `there ${messages === 1 ? 'is' : 'are'} ${counted(messages ?? 0, 'dead letter')} in '${name}'`,
      'flowcraft-rabbitmq dead list says why each could not be processed',
      'mend that; then flowcraft-rabbitmq dead replay --all lets their runs go on, or dead purge --all removes them',
    ),
  )
}

function judgeWorkers(fleet: Fleet): Finding[] {
  const [workers, consumers] = [ownWorkers(fleet), consumersOf(fleet)]
  if (!workers) return []
  const check = 'workers.registered'
  if (workers.length === 0) {
    const found = `no worker is registered for ${fleet.names.map((name) => `'${name}'`).join(', ')}`
    if (consumers === 0) {
      return [note(check, found, 'start one; flowcraft-rabbitmq worker ./worker.js starts what a module exports')]
    }
    const who = `${counted(consumers, 'consumer')} ${consumers === 1 ? 'works' : 'work'} there`
    const why = 'of version 1 or 2.0.0, or with another Redis than this one'
    return [note(check, `${found}, but ${who}: ${why}`, 'compare REDIS_URL with that of the workers')]
  }
  const versions = [...new Set(workers.map(({ version }) => version))].sort()
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0)
  const found = `${counted(workers.length, 'worker')} with ${counted(slots, 'slot')}, version ${versions.join(' and ')}`
  if (versions.length === 1) return [ok(check, found)]
  return [note(check, found, 'nothing while a new version is rolled out; else bring all to the same')]
}

/** The registered workers that take jobs from the queues that are meant. */
function ownWorkers({ workers, names }: Fleet): RegisteredWorker[] | undefined {
  return workers?.filter(({ queues }) => queues.some((queue) => names.includes(queue)))
}

/** Who consumes those queues, registered or not. */
function consumersOf({ queues = [], names }: Fleet): number {
  const own = queues.filter(({ name }) => names.includes(name))
  return own.reduce((sum, { consumers }) => sum + (consumers ?? 0), 0)
}

/** Blueprints of running runs that no worker has. Who is not registered may have any. */
function judgeBlueprints(fleet: Fleet): Finding[] {
  const [workers, { waiting }] = [ownWorkers(fleet) ?? [], fleet]
  if (workers.length === 0 || !waiting) return []
  const has = new Set(workers.flatMap(({ blueprints }) => Object.keys(blueprints)))
  const lacking = new Map<string, number>()
  for (const { blueprint, runs } of waiting) {
    if (blueprint !== null && !has.has(blueprint)) lacking.set(blueprint, (lacking.get(blueprint) ?? 0) + runs)
  }
  if (lacking.size === 0) return [ok('workers.blueprints', 'every running run has a worker that knows its blueprint')]
  const judge = consumersOf(fleet) <= workers.length ? fault : note
  return [...lacking].map(([blueprint, runs]) =>
    judge(
      'workers.blueprints',
      `no registered worker has the blueprint '${blueprint}', which ${counted(runs, 'running run')} ${runs === 1 ? 'follows' : 'follow'}`,
      `start a worker that has '${blueprint}' in its runtimeOptions.blueprints; what became a dead letter meanwhile goes on with flowcraft-rabbitmq dead replay`,
      `or cancel them: flowcraft-rabbitmq runs cancel --blueprint '${blueprint}' --status running`,
    ),
  )
}

/** How long running runs have not changed. */
function judgeAges({ waiting, maxAge }: Fleet): Finding[] {
  if (!waiting) return []
  const oldest = waiting.reduce<Waiting | undefined>(
    (old, each) => (!old || each.age > old.age ? each : old),
    undefined,
  )
  const runs = waiting.reduce((sum, each) => sum + each.runs, 0)
  if (!oldest) return [ok('runs.age', 'no run is running')]
  const found = `${counted(runs, 'run')} ${runs === 1 ? 'is' : 'are'} running; the oldest last changed ${lengthOf(oldest.age)} ago`
  if (oldest.age <= (maxAge ?? LONG)) return [ok('runs.age', found)]
  const judge = maxAge === undefined ? note : fault
  return [
    judge(
      'runs.age',
      `${found}${oldest.blueprint === null ? '' : ` (blueprint '${oldest.blueprint}')`}`,
      `flowcraft-rabbitmq runs list --status running --updated-before ${Math.floor((maxAge ?? LONG) / 1_000)}s lists them; runs show <run-id> says where each stands`,
      'if nobody works their queue: start workers; recovery publishes again what is lost within seconds',
    ),
  ]
}
