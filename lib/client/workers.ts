/** The registered workers, as the engine says them. */
import { fromJson } from '../bridge/json.js'
import type { Engine } from '../bridge/native.js'

/** A worker that is alive. Those of other versions may say less. */
export interface RegisteredWorker {
  id: string
  host: string
  pid: number
  version: string
  queues: string[]
  /** The blueprints it has, each with its revision. */
  blueprints: Record<string, string>
  /** How many nodes it executes at a time. */
  slots: number
  capabilities: string[]
  /** When it was started, by its clock: milliseconds since 1970. */
  since: number
  /** How long ago its last heartbeat was, in milliseconds. */
  age: number
}

export async function workersOf(engine: Engine): Promise<RegisteredWorker[]> {
  return fromJson(await engine.workers()) as RegisteredWorker[]
}
