/** What an event bus is given: core's events, and one of our own. */
import type { FlowcraftEvent } from 'flowcraft'
import type { FlowcraftAdapterError } from '../errors.js'

/**
 * A worker receives no jobs from a queue and cannot mend it: whoever started it has to act. Where its tables cannot be worked
 * with, it takes jobs once they are mended.
 */
export interface WorkerFailedEvent {
  type: 'worker:failed'
  payload: { queueName: string; error: FlowcraftAdapterError }
}

/** Every event. */
export type AdapterEvent = FlowcraftEvent | WorkerFailedEvent

/** Whoever listens to events. Any `IEventBus` of core will do. */
export interface AdapterEventBus {
  emit(event: AdapterEvent): void | Promise<void>
}
