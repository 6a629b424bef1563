/** Events that core tells where it runs a whole run, and nobody but a job's worker can tell here. */
import type { FlowcraftEvent, IEventBus } from 'flowcraft'
import type { Job } from '../bridge/channel.js'

/** Tells an event bus; a bus that throws is its own problem, never the job's. */
export async function tell(bus: IEventBus | undefined, event: FlowcraftEvent): Promise<void> {
  try {
    await bus?.emit(event)
  } catch {
    // The job's outcome does not depend on who listens.
  }
}

/** Tells that a node is done: as in memory, its output stands under its key, and under the node's id. */
export async function tellOutput(bus: IEventBus | undefined, job: Job, value: unknown): Promise<void> {
  for (const key of [`_outputs.${job.nodeId}`, job.nodeId]) await tellChange(bus, job, key, value)
}

/** Tells that a key of the context has another value. */
export async function tellChange(bus: IEventBus | undefined, job: Job, key: string, value: unknown): Promise<void> {
  const payload = { sourceNode: 'unknown', key, op: 'set' as const, value, executionId: job.runId }
  await tell(bus, { type: 'context:change', payload })
}
