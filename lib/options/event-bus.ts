/** What an event bus is given: core's events, and some of our own. */
import type { FlowcraftEvent } from 'flowcraft'
import type { ErrorCode, FlowcraftAdapterError } from '../errors.js'

/**
 * A worker receives no jobs from a queue and cannot mend it: whoever started it has to act. Where its tables cannot be worked
 * with, it takes jobs once they are mended.
 */
export interface WorkerFailedEvent {
  type: 'worker:failed'
  payload: { queueName: string; error: FlowcraftAdapterError }
}

/** Which worker it is. */
export interface WorkerPayload {
  /** The option `queueName`. */
  queueName: string
  /** The worker's name, unique in the fleet. */
  worker: string
}

/**
 * Why a worker does not take jobs: the code of an error, or
 *
 * - `NOT_STARTED`: nobody called `start()`, or `stop()` is done
 * - `STARTING`: it looks at its tables, or opens its consumers
 * - `NO_CONSUMER`: a queue has no consumer of this worker at the moment
 * - `PAUSED`: a person has paused a queue; a warning, and the worker stays ready
 * - `EVENT_LOOP_STUCK`: JavaScript has not run for longer than `eventLoopTimeout`
 * - `STOPPING`: `stop()` is under way
 */
export type HealthCode =
  | ErrorCode
  | 'NOT_STARTED'
  | 'STARTING'
  | 'NO_CONSUMER'
  | 'PAUSED'
  | 'EVENT_LOOP_STUCK'
  | 'STOPPING'

/** Why a worker is not as it should be. */
export interface HealthReason {
  /** For programs. */
  code: HealthCode
  /** For people: what happened and what to do. Holds no credential. */
  message: string
  /** The queue it is about, where it is about one. */
  queue?: string
  /** Since when. */
  since: Date
}

/** A worker takes jobs: it has been started, or has all it needs again. */
export interface WorkerReadyEvent {
  type: 'worker:ready'
  payload: WorkerPayload
}

/** A worker takes no jobs for the moment: a consumer or a server is out of reach. It takes jobs again by itself. */
export interface WorkerReconnectingEvent {
  type: 'worker:reconnecting'
  payload: WorkerPayload & { reasons: HealthReason[] }
}

/** A worker has stopped. */
export interface WorkerStoppedEvent {
  type: 'worker:stopped'
  payload: WorkerPayload
}

/** What every event has beside its type and core's payload. */
export interface EventStamp {
  /**
   * When it was told, by the clock of whoever told it: milliseconds since 1970. Always there; optional, so that a bus of
   * core will do.
   */
  timestamp?: number
  /**
   * Of `workflow:*`: names what happened. Where a worker died it may be told again, under the same id; no other event of any
   * run has it.
   */
  id?: string
}

/** Every event. */
export type AdapterEvent = (
  | FlowcraftEvent
  | WorkerFailedEvent
  | WorkerReadyEvent
  | WorkerReconnectingEvent
  | WorkerStoppedEvent
) &
  EventStamp

/** Whoever listens to events. Any `IEventBus` of core will do. */
export interface AdapterEventBus {
  emit(event: AdapterEvent): void | Promise<void>
}
