/**
 * What core itself reads of a job's context, it reads at one moment: the inputs of a node, what its edges are decided by, the
 * results of a batch. In memory nothing comes in between either, and the record is looked at once for all of it.
 */
import {
  BatchGatherNode,
  type FlowRuntime,
  type IAsyncContext,
  type NodeContext,
  type NodeResult,
  type PatchOperation,
} from 'flowcraft'
import { Beside } from './beside.js'
import type { JobContext } from './job-context.js'

type Context = IAsyncContext<Record<string, unknown>>
type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>

/** The contexts of jobs, by what core has of them. */
const jobs = new Beside<JobContext>()

/** Core sees a job's context as `seen`. */
export function noteContext(seen: Context, context: JobContext): void {
  jobs.set(seen, context)
}

/** A job's context, to be read at one moment, that of the first read; any other context as it is. */
export function atOneMoment(seen: Context): Context {
  const context = jobs.get(seen)
  return context ? new Moment(context, seen) : seen
}

/** Has a runtime read the inputs of a job's node, and the results that a job gathers, at one moment each. */
export function letCoreReadAtOnce(runtime: Runtime): void {
  const resolve = runtime.resolveNodeInput.bind(runtime)
  const resolveNodeInput: Runtime['resolveNodeInput'] = (nodeId, blueprint, context) =>
    resolve(nodeId, blueprint, context.type === 'async' ? atOneMoment(context as Context) : context)
  Object.assign(runtime, { resolveNodeInput })
  if ((runtime.registry.get('batch-gather') as unknown) === BatchGatherNode) {
    runtime.registry.set('batch-gather', GatherAtOnce)
  }
}

class GatherAtOnce extends BatchGatherNode {
  override async exec(prepared: unknown, context: NodeContext): Promise<NodeResult> {
    return super.exec(prepared, { ...context, context: atOneMoment(context.context as Context) } as NodeContext)
  }
}
Object.defineProperty(GatherAtOnce, 'name', { value: BatchGatherNode.name })

class Moment implements Context {
  readonly type = 'async' as const
  readonly #job: JobContext
  readonly #written: Context
  #looked: Promise<void> | undefined

  constructor(job: JobContext, written: Context) {
    this.#job = job
    this.#written = written
  }

  async get(key: string): Promise<unknown> {
    await this.#look(key)
    return this.#job.seen(key)
  }

  async has(key: string): Promise<boolean> {
    await this.#look(key)
    return this.#job.hasSeen(key)
  }

  async toJSON(): Promise<Record<string, unknown>> {
    await this.#look()
    return this.#job.allSeen()
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#written.set(key, value)
  }

  async delete(key: string): Promise<boolean> {
    return this.#written.delete(key)
  }

  async patch(operations: PatchOperation[]): Promise<void> {
    await this.#written.patch(operations)
  }

  #look(key?: string): Promise<void> | undefined {
    if (!this.#looked && !this.#job.isSettled(key)) this.#looked = this.#job.look()
    return this.#looked
  }
}
