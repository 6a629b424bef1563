/** What a client stands on: an engine of its own, or that of an adapter. */
import type { ILogger, WorkflowBlueprint } from 'flowcraft'
import type { Broker, Database, Engine, Store } from '../bridge/native.js'
import type { Values } from '../bridge/values.js'
import type { Spans } from '../operating/spans.js'

export interface ClientHost {
  readonly engine: Engine
  readonly values: Values
  /** Whoever collects traces. */
  readonly spans: Spans | undefined
  /** Waits for the engine's answer, and keeps what the engine may call meanwhile. */
  answer<T>(promise: Promise<T>): Promise<T>
  readonly beside: Beside
}

/** What stands beside the engine: for whatever shows a fleet to people, and for what the engine has no word for. */
export interface Beside {
  readonly broker: Broker
  readonly database: Database
  /** The coordination store, where there is one. */
  readonly store?: Store | undefined
  /** The table of contexts, and that of statuses. */
  readonly contexts: string
  readonly statuses: string
  /** Every queue of jobs, the usual one first. */
  readonly queues: readonly string[]
  readonly logger: ILogger
  /** The ids of the blueprints that are known here. */
  blueprintIds(): string[]
  /** @throws TypeError where it is malformed. */
  blueprint(id: string): WorkflowBlueprint | undefined
}

/** Every queue of jobs: the usual one first. */
export function everyQueueOf(usual: string, byBlueprint: Readonly<Record<string, string>>): string[] {
  return [...new Set([usual, ...Object.values(byBlueprint).sort()])]
}
