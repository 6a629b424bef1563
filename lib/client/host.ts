/** What a client stands on: an engine of its own, or that of an adapter. */
import type { Engine } from '../bridge/native.js'
import type { Values } from '../bridge/values.js'

export interface ClientHost {
  readonly engine: Engine
  readonly values: Values
  /** Waits for the engine's answer, and keeps what the engine may call meanwhile. */
  answer<T>(promise: Promise<T>): Promise<T>
}
