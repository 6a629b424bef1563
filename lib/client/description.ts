/** What is known of a run, as an application sees it. */
import { fromJson } from '../bridge/json.js'

/** The status of a run. Programs of your own may have written other words. */
export type RunStatus = 'running' | 'awaiting' | 'completed' | 'failed' | 'cancelled' | (string & {})

/** What is known of a run. */
export interface RunDescription {
  runId: string
  status: RunStatus
  /** Why it failed, or was cancelled. */
  reason?: string
  /** The blueprint it follows; absent where no message has named one yet. */
  blueprintId?: string
  /** The version that the blueprint had when the run began; `null` for none. */
  version?: string | null
  /** When a client started it; absent for runs that were started otherwise. */
  createdAt?: Date
  /** When it last changed; absent where the status table has no `updated_at`. */
  updatedAt?: Date
  /** What it is found by, in the order of its start; absent where it has no tags. */
  tags?: string[]
  /** Every node that was ever reached. */
  nodes: NodeDescription[]
}

/** What is known of a node of a run. */
export interface NodeDescription {
  nodeId: string
  /** `idle`: not reached in this lap of its loop, or waiting for predecessors; `due`: in the queue or being executed. */
  state: 'idle' | 'due' | 'done' | 'failed' | 'awaiting'
  /** Which execution of it this is, from 1; 0 where it was never due. */
  execution: number
  /** Which attempt of it is due, from 1, where its retries go through the queue. */
  attempt: number
  /** When its next attempt is due, or its sleep ends. */
  dueAt?: Date
  /** The action that it decided. */
  action?: string
  /** What it waits for, while it is `awaiting`. */
  waitsFor?: { event?: string; details?: unknown }
  /** Why it failed. */
  error?: string
  /** It failed, and its fallback took its place. */
  replaced?: true
}

type Moments<T, K extends keyof T> = Omit<T, K> & { [P in K]?: number }

type Told = Moments<Omit<RunDescription, 'nodes'>, 'createdAt' | 'updatedAt'> & {
  nodes: Moments<NodeDescription, 'dueAt'>[]
}

/** A description as the engine says it. */
export function readDescription(json: string): RunDescription {
  const { nodes, createdAt, updatedAt, ...told } = fromJson(json) as Told
  return {
    ...told,
    ...dates({ createdAt, updatedAt }),
    nodes: nodes.map(({ dueAt, ...node }) => ({ ...node, ...dates({ dueAt }) })),
  }
}

/** Whether a run of this status is not over. */
export function goesOn(status: RunStatus): boolean {
  return status === 'running' || status === 'awaiting'
}

/** What tells two states of a run apart. A worker renews `updatedAt` while a node takes long. */
export function withoutHeartbeat({ updatedAt: _, ...state }: RunDescription): string {
  return JSON.stringify(state)
}

/** Milliseconds since 1970 as dates; what is absent stays absent. */
export function dates<K extends string>(moments: Record<K, number | undefined>): Partial<Record<K, Date>> {
  const known = Object.entries(moments).filter(([, moment]) => moment !== undefined)
  return Object.fromEntries(known.map(([name, moment]) => [name, new Date(moment as number)])) as Partial<
    Record<K, Date>
  >
}
