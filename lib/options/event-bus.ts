/** What an event bus is given: core's events, and one of our own. */
import type { FlowcraftEvent } from 'flowcraft'
import type { FlowcraftAdapterError } from '../errors.js'

/** A worker receives no more jobs from a queue and cannot mend it: whoever started it has to act. */
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
