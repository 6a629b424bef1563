/**
 * What nodes record of their progress, in the coordination store. A store cannot replace a value, so an execution has two keys, and
 * writes the older one again: a reader finds the newer one there, also where a worker dies between removing and writing. Nor can a
 * store compare before it deletes: the next execution of a node has two keys of its own, so that no late removal takes its values.
 */
import { fromJson } from '../bridge/json.js'
import { childOf } from '../bridge/json-slices.js'
import { placeOf } from '../bridge/places.js'
import { isObject } from '../is-object.js'
import type { ValuePlace } from '../options/codec.js'

/** How long progress is kept after it was written last, in seconds. */
export const KEPT = 3_600

/** Which of an execution's two keys. */
type Slot = 1 | 2
const SLOTS = [1, 2] as const

/** Of a coordination store, as much as is needed. */
export interface Keys {
  get(key: string): Promise<string | null>
  setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean>
  delete(key: string): Promise<void>
}

/** One execution of a node of a run. */
export interface ExecutionPlace {
  readonly runId: string
  /** The node, by its place in the run. */
  readonly path: string
  /** From 1. */
  readonly execution: number
}

/** What one write says. */
export interface Recorded {
  readonly attempt: number
  /** When the node recorded it, in milliseconds since 1970, by its worker's clock. */
  readonly at: number
  readonly worker: string
  /** The value, as it is stored. */
  readonly stored: unknown
  /** The text of that, of what was read. */
  readonly text?: string | undefined
}

/** A write that is there, and where. */
interface Found extends Recorded {
  readonly slot: Slot
  /** How many writes of its execution there were, this one included. */
  readonly count: number
}

/** Where the next write goes. */
export interface Next {
  readonly slot: Slot
  readonly count: number
}

/** Where the value of a node's progress belongs, as a codec sees it. */
export function placeOfProgress({ runId, path }: { runId: string; path: string }): ValuePlace {
  return placeOf(runId, `_progress.${path}`)
}

/** What was recorded of an execution last, and where it goes on; what is of another execution is as nothing. */
export async function readProgress(
  keys: Keys,
  place: ExecutionPlace,
): Promise<{ latest: Recorded | undefined; next: Next }> {
  const found = (await Promise.all(SLOTS.map((slot) => foundIn(keys, place, slot)))).filter(
    (each) => each !== undefined,
  )
  const latest = found.sort((one, other) => other.count - one.count)[0]
  return { latest, next: latest ? after(latest) : { slot: 1, count: 1 } }
}

/** The write after another one. */
export function after({ slot, count }: Next): Next {
  return { slot: slot === 1 ? 2 : 1, count: count + 1 }
}

/** Writes what is recorded. `json`: its value, as it is to be stored. */
export async function writeProgress(
  keys: Keys,
  place: ExecutionPlace,
  { slot, count }: Next,
  { json, ...about }: Omit<Recorded, 'stored' | 'text'> & { json: string },
): Promise<void> {
  const key = keyOf(slot, place)
  const { path, execution } = place
  const { attempt, at, worker } = about
  const text = `${JSON.stringify({ node: path, execution, attempt, count, at, worker }).slice(0, -1)},"value":${json}}`
  await keys.delete(key)
  await keys.setIfNotExist(key, text, KEPT)
}

/** Removes what was recorded of an execution. */
export async function removeProgress(keys: Keys, place: ExecutionPlace): Promise<void> {
  for (const slot of SLOTS) {
    if (await foundIn(keys, place, slot)) await keys.delete(keyOf(slot, place))
  }
}

/** Executions use the first two keys and the last two in turns. */
function keyOf(slot: Slot, { runId, path, execution }: ExecutionPlace): string {
  const number = execution % 2 === 1 ? slot : slot + SLOTS.length
  return `flowcraft:progress:${number}:${runId}:${path}`
}

async function foundIn(keys: Keys, place: ExecutionPlace, slot: Slot): Promise<Found | undefined> {
  const { path, execution } = place
  const all = await keys.get(keyOf(slot, place))
  const written = parsed(all)
  // Ids may have colons: the key of a run's node may be that of another one's.
  if (!isObject(written) || written.node !== path || written.execution !== execution) return undefined
  const { attempt, count, at, worker, value } = written
  return {
    slot,
    attempt: Number(attempt),
    count: Number(count),
    at: Number(at),
    worker: String(worker),
    stored: value,
    text: childOf(all ?? '', 'value'),
  }
}

/** What a key holds. What another program wrote there counts as nothing. */
function parsed(text: string | null): unknown {
  try {
    return typeof text === 'string' ? fromJson(text) : undefined
  } catch {
    return undefined
  }
}
