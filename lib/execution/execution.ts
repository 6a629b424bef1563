/** One execution of a node, as every step of it needs it. */
import type { FlowRuntime, IEventBus, ILogger, NodeDefinition } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import type { Values } from '../bridge/values.js'
import type { Spans } from '../operating/spans.js'
import type { Alarms } from './alarms.js'
import type { Attempts, TakeOver } from './attempts.js'
import type { ChildAsked, NodePlace, StartedChild } from './child-runs.js'
import type { Attempt } from './counted.js'
import type { FailedTries } from './failed-tries.js'
import type { JobContext, Stored } from './job-context.js'
import type { HistoryKeeper, JobHistory } from './job-history.js'
import type { TellingJob } from './node-job.js'
import type { NodeView } from './node-view.js'
import type { Keys } from './progress-store.js'
import { attemptsOf, type QueueRetryOptions } from './retries.js'
import type { KeyWaits } from './unreadable.js'

/** What a job needs of its adapter. */
export interface JobHost {
  readonly runtime: FlowRuntime<Record<string, unknown>, Record<string, unknown>>
  readonly logger: ILogger
  readonly eventBus: IEventBus | undefined
  /** The longest wait between two attempts through the queue, in milliseconds. */
  readonly retryMaxDelay: number
  readonly stored: Stored
  readonly attempts: Attempts
  readonly values: Values
  readonly keyWaits: KeyWaits
  /** Where nodes record their progress. */
  readonly keys: Keys
  readonly alarms: Alarms
  /** This worker's name. */
  readonly worker: string
  onJobStart(runId: string, blueprintId: string, nodeId: string): Promise<void>
  shouldRetryInProcess(node: NodeDefinition): boolean
  getQueueRetryOptions(node: NodeDefinition): QueueRetryOptions | undefined
  /** Whether the nodes of a subflow that begins now are to be jobs. */
  opensSubflows(): Promise<boolean>
  /** Starts a run that one of its nodes waits for, unless it is there. */
  startChild(child: ChildAsked, place: NodePlace): Promise<StartedChild>
  /** Whoever collects traces. */
  readonly spans: Spans | undefined
  /** Where attempts are told of, if there is a history. */
  readonly history: HistoryKeeper | undefined
}

/** A node, the run it sees, and what is known of this attempt. */
export interface Execution extends NodeView {
  host: JobHost
  job: Job
  context: JobContext
  signal: AbortSignal
  /** The attempts that fail within the job. */
  tries: FailedTries
  /** What the node's code sees of the job, once that has begun. */
  telling?: TellingJob
  /** What the history is told of the job, if there is one. */
  history?: JobHistory | undefined
  /** Where the node's retries go through the queue. */
  attempt?: Attempt
  /** Where a fallback takes over if it fails. */
  takeOver?: TakeOver
}

/**
 * Whether the node is not tried again if this attempt fails: only then may core let the fallback take over. A subflow that failed
 * is tried again by another job in any case, as often as core tries it again within one.
 */
export function isLastAttempt({ host, job, node }: Execution): boolean {
  if (node && job.failed && host.shouldRetryInProcess(node)) {
    return job.failed.late || job.attempt >= attemptsOf(node, undefined)
  }
  if (!node || host.shouldRetryInProcess(node)) return job.isLastAttempt !== false
  return job.attempt >= attemptsOf(node, host.getQueueRetryOptions(node))
}

/** The user's bus of nodes; none where core put one that hears nothing. */
export function busOf({ runtime }: JobHost): IEventBus | undefined {
  return runtime.options.eventBus && runtime.eventBus
}
