/** What is known of a run, as an application sees it. */
import { keepText, maySayMore } from '../bridge/exact.js'
import { fromJson } from '../bridge/json.js'
import { childOf, childrenOf } from '../bridge/json-slices.js'
import { isChildDetails } from '../execution/child-runs.js'

/** The status of a run. Programs of your own may have written other words. */
export type RunStatus = 'running' | 'awaiting' | 'completed' | 'failed' | 'cancelled' | (string & {})

/**
 * What is known of a run. Its times are by PostgreSQL's clock, and are those that the record says: of a run that workers of version
 * 2.0.0 began or went on with, some or all are absent.
 *
 * @example
 * ```ts
 * const { createdAt, endedAt, nodes } = await client.run(runId).describe()
 * if (createdAt && endedAt) console.log(`took ${endedAt.getTime() - createdAt.getTime()} ms`)
 * for (const { nodeId, startedAt, endedAt, worker } of nodes) console.log(nodeId, startedAt, endedAt, worker)
 * ```
 */
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
  /** The node that started it as a child run and waits for its end; absent where it is none. */
  parent?: { runId: string; nodeId: string }
  /** When it ended; absent while it goes on. */
  endedAt?: Date
  /** When it fails if it is not over by then (`timeoutMs` of its start); absent where it has all the time, or is over. */
  deadline?: Date
  /** How many of its nodes are executed at a time (`concurrency` of its start); absent for any number. */
  concurrency?: number
  /** Since when it is paused, and why; absent where it is not. */
  paused?: { since: Date; reason?: string }
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
  waitsFor?: { event?: string; childRunId?: string; details?: unknown }
  /** Why it failed. */
  error?: string
  /** It failed, and its fallback took its place. */
  replaced?: true
  /**
   * How far it is, where it is `due` and has said so to `job.heartbeat` in this execution. Only `describe()` knows it, with the
   * workers' coordination store, and of the first 500 nodes that are due.
   */
  progress?: NodeProgress
  /** Which limit it waits for, where it is `due` and its turn has not come: as far as `progress` is known. */
  waitsForLimit?: LimitWait
  /** When it became due, in this execution. */
  reachedAt?: Date
  /** When a worker began to execute it; known once that has answered. Of a node that retries, the attempt that was the last. */
  startedAt?: Date
  /** Since when it is `awaiting`; also after that. Of a node that runs a subflow, when the subflow began. */
  awaitingSince?: Date
  /** When it was resumed. Of a node that runs a subflow, when the subflow ended. */
  resumedAt?: Date
  /** When it was done, or failed. */
  endedAt?: Date
  /** The worker that executed it, by the `id` that `client.workers()` has for it. */
  worker?: string
  /** The last attempt at it that failed, and that another attempt, or its fallback, followed. */
  lastError?: FailedAttempt
  /** Every attempt at it that failed, the oldest first; of more than ten the first and the last nine. */
  failedAttempts?: FailedAttempt[]
}

/** How far a node is that is executed, or was until its last attempt failed. */
export interface NodeProgress {
  /** What it said. `[encrypted]` where this client's codec cannot read it. */
  value: unknown
  /** When it said so, by the clock of its worker. */
  at: Date
  /** Which attempt said so, from 1. */
  attempt: number
  /** On which worker, by the `id` that `client.workers()` has for it. */
  worker: string
}

/** A wait in the line of a limit. Moments are by the clock of a worker. */
export interface LimitWait {
  /** The name of the limit; absent where it is the `concurrency` of the run itself. */
  limit?: string
  /** The key under which the node counts, such as `tenant:42`; absent where the limit is. */
  key?: string
  /** What it waits for: a free place, its turn in the rate, or the end of a pause that a node of the key asked for. */
  why: 'concurrency' | 'rate' | 'paused'
  /** Since when it stands in the line. */
  since: Date
  /** When it asks again. */
  until: Date
}

/** An attempt at a node that failed. */
export interface FailedAttempt {
  /** Why it failed: at most the first 500 characters. */
  message: string
  /**
   * Where in your code: the stack of the innermost cause, without its message, at most the first 1,000 characters. A run of more than
   * 1,000 nodes keeps none.
   */
  stack?: string
  /** Of which execution of its node it was, from 1. */
  execution: number
  /** Which attempt of that execution it was, from 1. */
  attempt: number
  /** It only asked to run again later (`RetryAfter`), and counts as no attempt. Of several in a row the last one is known. */
  postponed?: true
  /** When it ended. */
  endedAt?: Date
  /** The worker that made it. */
  worker?: string
}

type Moments<T, K extends keyof T> = Omit<T, K> & { [P in K]?: number }

type NodeMoment = 'dueAt' | 'reachedAt' | 'startedAt' | 'awaitingSince' | 'resumedAt' | 'endedAt'

type ToldNode = Moments<
  Omit<NodeDescription, 'lastError' | 'failedAttempts' | 'progress' | 'waitsForLimit'>,
  NodeMoment
> & {
  failedAttempts?: Moments<FailedAttempt, 'endedAt'>[]
}

type Told = Moments<Omit<RunDescription, 'nodes' | 'paused'>, 'createdAt' | 'updatedAt' | 'endedAt' | 'deadline'> & {
  paused?: { since: number; reason?: string }
  nodes: ToldNode[]
}

/** A description as the engine says it. */
export function readDescription(json: string): RunDescription {
  const { nodes, createdAt, updatedAt, endedAt, deadline, paused, ...told } = fromJson(json) as Told
  if (maySayMore(json)) keepDetails(json, nodes)
  return {
    ...told,
    ...dates({ createdAt, updatedAt, endedAt, deadline }),
    ...(paused && { paused: { ...paused, since: new Date(paused.since) } }),
    nodes: nodes.map(readNode),
  }
}

/** The texts of the details of waits stay known: they may have numbers that no double holds. */
function keepDetails(json: string, nodes: readonly ToldNode[]): void {
  const texts = childOf(json, 'nodes') ?? '[]'
  for (const { key, from, to } of childrenOf(texts)) {
    const { waitsFor } = nodes[Number(key)] ?? {}
    const details = waitsFor && childOf(childOf(texts.slice(from, to), 'waitsFor') ?? '{}', 'details')
    if (details !== undefined) keepText(waitsFor as object, details)
  }
}

function readNode(told: ToldNode): NodeDescription {
  const { dueAt, reachedAt, startedAt, awaitingSince, resumedAt, endedAt, failedAttempts, ...node } = told
  const { waitsFor } = node
  const failed = failedAttempts?.map(readAttempt) ?? []
  const lastError = failed.findLast((attempt, at) => at < failed.length - 1 || !isItsEnd(attempt, told))
  return {
    ...node,
    ...dates({ dueAt, reachedAt, startedAt, awaitingSince, resumedAt, endedAt }),
    ...(isChildDetails(waitsFor?.details) && {
      waitsFor: { ...waitsFor, childRunId: waitsFor.details.childRunId },
    }),
    ...(lastError && { lastError }),
    ...(failed.length > 0 && { failedAttempts: failed }),
  }
}

/** Whether nothing followed the last attempt that failed. */
function isItsEnd({ execution }: FailedAttempt, node: ToldNode): boolean {
  return node.state === 'failed' && execution === node.execution
}

function readAttempt({ endedAt, ...attempt }: Moments<FailedAttempt, 'endedAt'>): FailedAttempt {
  return { ...attempt, ...dates({ endedAt }) }
}

/** Whether a run of this status is not over. */
export function goesOn(status: RunStatus): boolean {
  return status === 'running' || status === 'awaiting'
}

/** What tells two states of a run apart. A worker renews `updatedAt` while a node takes long, and the node says how far it is. */
export function withoutHeartbeat({ updatedAt: _, nodes, ...state }: RunDescription): string {
  return JSON.stringify({ ...state, nodes: nodes.map(({ progress: _, ...node }) => node) })
}

/** Milliseconds since 1970 as dates; what is absent stays absent. */
export function dates<K extends string>(moments: Record<K, number | undefined>): Partial<Record<K, Date>> {
  const known = Object.entries(moments).filter(([, moment]) => moment !== undefined)
  return Object.fromEntries(known.map(([name, moment]) => [name, new Date(moment as number)])) as Partial<
    Record<K, Date>
  >
}
