/** The registered workers, as the engine says them. */
import { fromJson } from '../bridge/json.js'
import type { Engine } from '../bridge/native.js'

/** A worker that is alive. Those of other versions may say less. */
export interface RegisteredWorker {
  /** Its name: host, process and a random part, as it stands in leases and beside what it executed. */
  id: string
  host: string
  /** Its process. */
  pid: number
  /** The version of this package that it runs. */
  version: string
  /** The queues that it consumes. */
  queues: string[]
  /** The blueprints it has, each with its revision. */
  blueprints: Record<string, string>
  /** How many nodes it executes at a time. */
  slots: number
  /** What it can do that not every version can. */
  capabilities: string[]
  /** When it was started, by its clock: milliseconds since 1970. */
  since: number
  /** How long ago its last heartbeat was, in milliseconds. */
  age: number
}

export async function workersOf(engine: Engine): Promise<RegisteredWorker[]> {
  return fromJson(await engine.workers()) as RegisteredWorker[]
}
