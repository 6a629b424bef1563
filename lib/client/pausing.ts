/** Queues and blueprints that a person has paused for all workers. */
import { fromJson } from '../bridge/json.js'
import { mistake } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { ClientHost } from './host.js'

/** What is to go on: a queue, by its name, or a blueprint, by its id. */
export type Pausable = { queue: string; blueprintId?: never } | { blueprintId: string; queue?: never }

/** What is to be paused: a queue, or a blueprint. */
export type PauseOptions = Pausable & {
  /** Why: workers log it, and `client.paused()` has it. Default: none. */
  reason?: string
}

/** A queue or a blueprint that is paused. */
export interface Paused {
  /** The queue; absent where it is a blueprint. */
  queue?: string
  /** The blueprint; absent where it is a queue. */
  blueprintId?: string
  /** Since when, by PostgreSQL's clock. */
  since: Date
  /** Why, if that was said. */
  reason?: string
}

const OF_PAUSE: Names<PauseOptions> = { queue: true, blueprintId: true, reason: true }
const OF_UNPAUSE: Names<Pausable> = { queue: true, blueprintId: true }

/** Pauses a queue or a blueprint; whether that changed something. */
export async function pause({ engine, answer }: ClientHost, options: PauseOptions): Promise<boolean> {
  const { reason, ...what } = callOptions('client.pause', OF_PAUSE, options)
  return answer(engine.pause(JSON.stringify({ ...checked(what), reason: checkedReason(reason) })))
}

/** Lets a queue or a blueprint go on; whether it was paused. */
export async function unpause({ engine, answer }: ClientHost, options: Pausable): Promise<boolean> {
  return answer(engine.unpause(JSON.stringify(checked(callOptions('client.unpause', OF_UNPAUSE, options)))))
}

/** What is paused. */
export async function pausedOf({ engine, answer }: ClientHost): Promise<Paused[]> {
  const told = fromJson(await answer(engine.paused())) as (Omit<Paused, 'since'> & { since: number })[]
  return told.map(({ since, ...paused }) => ({ ...paused, since: new Date(since) }))
}

/** Why something is paused, if that is said. */
export function checkedReason(reason: unknown): string | undefined {
  if (reason === undefined || typeof reason === 'string') return reason
  throw mistake('INVALID_ARGUMENT', 'The reason of a pause is a text')
}

function checked({ queue, blueprintId }: Pausable): Pausable {
  const isName = (name: unknown): name is string => typeof name === 'string' && name !== ''
  if (blueprintId === undefined && isName(queue)) return { queue }
  if (queue === undefined && isName(blueprintId)) return { blueprintId }
  throw mistake('INVALID_ARGUMENT', 'What is paused is either a queue or a blueprint: { queue } or { blueprintId }')
}
