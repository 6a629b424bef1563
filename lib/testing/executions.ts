/** What the workers of an environment executed: heard on the event bus of their nodes. */
import type { FlowcraftEvent, IEventBus } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { harmlessBus } from '../harmless.js'

/** An execution of a node. */
export interface Execution {
  readonly nodeId: string
  /** How often its code was tried: more than once where it was retried. */
  attempts: number
}

/** Every execution, in the order in which they began. */
export class Executions {
  readonly #byRun = new Map<string, Execution[]>()

  /** The executions of a run. */
  of(runId: string): readonly Execution[] {
    return this.#byRun.get(runId) ?? []
  }

  /** A bus that passes on what it hears. */
  busBefore(next: IEventBus | undefined): IEventBus {
    const forward = next && harmlessBus(next)
    return {
      emit: async (event) => {
        this.#hear(event)
        await forward?.emit(event)
      },
    }
  }

  /** A worker begins a job. Of an attempt after the first one the bus hears no start. */
  readonly begun = ({ runId, nodeId, attempt, resumed }: Job): void => {
    if (attempt > 1 && !resumed) this.#triedAgain(runId, nodeId)
  }

  #hear({ type, payload }: FlowcraftEvent): void {
    if (type === 'node:start') {
      const execution = { nodeId: payload.nodeId, attempts: 1 }
      const others = this.#byRun.get(payload.executionId)
      if (others) others.push(execution)
      else this.#byRun.set(payload.executionId, [execution])
    } else if (type === 'node:retry' && !('error' in payload)) {
      // Within its job, at once. One through the queue is told with its error, and begins as a job.
      this.#triedAgain(payload.executionId, payload.nodeId)
    }
  }

  #triedAgain(runId: string, node: string): void {
    const last = this.of(runId).findLast(({ nodeId }) => nodeId === node)
    if (last) last.attempts += 1
  }
}
