/**
 * What the engine asks of its worker. It holds the worker weakly: one that is neither started nor asked for anything can be
 * freed.
 */
import type { FlowRuntime } from 'flowcraft'
import type { Milestone } from '../bridge/channel.js'
import { fromJson } from '../bridge/json.js'
import type { Engine } from '../bridge/native.js'
import { describeBlueprint, findBlueprint, revisionOf, revisionsOf } from '../execution/blueprints.js'

type Blueprints = FlowRuntime<Record<string, unknown>, Record<string, unknown>>['options']['blueprints']

/** The worker, as the engine sees it. */
export interface HostedWorker {
  /** As they are now: they may be replaced while the worker runs. */
  readonly blueprints: Blueprints
  /** The engine has messages. */
  wake(): void
  /** There is something to tell of a run as a whole. */
  tell(runId: string, blueprintId: string, milestones: readonly Milestone[]): Promise<void>
  /** A run has ended. */
  publishResult(runId: string, status: string, reason: string, context: string): Promise<void>
}

/** What never changes of a worker. */
export interface WorkerTraits {
  /** Somebody listens to events. */
  hasEventBus: boolean
  /** Somebody collects traces. */
  traces: boolean
  /** Final results are stored by the worker, not by the engine alone. */
  publishesResults: boolean
}

/** The functions that the engine calls. */
export function engineHost(worker: HostedWorker, traits: WorkerTraits): ConstructorParameters<typeof Engine>[4] {
  const held = new WeakRef(worker)
  const blueprint = (id: string) => {
    const blueprints = held.deref()?.blueprints
    return blueprints && findBlueprint(blueprints, id)
  }
  return {
    describe: (id: string) => {
      const found = blueprint(id)
      return found ? describeBlueprint(id, found) : null
    },
    revision: (id: string) => {
      const found = blueprint(id)
      return found ? revisionOf(id, found) : null
    },
    blueprints: () => JSON.stringify(revisionsOf(held.deref()?.blueprints)),
    wake: () => held.deref()?.wake(),
    ...traits,
    tell: async (runId: string, blueprintId: string, milestones: string) => {
      const hosted = held.deref()
      // What the engine said before is heard before.
      hosted?.wake()
      await hosted?.tell(runId, blueprintId, fromJson(milestones) as Milestone[])
    },
    publishResult: async (runId: string, status: string, reason: string, context: string) => {
      const hosted = held.deref()
      if (!hosted) throw new Error('the adapter is gone')
      await hosted.publishResult(runId, status, reason, context)
    },
  }
}
