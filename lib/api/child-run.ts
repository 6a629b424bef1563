/** Nodes that run another blueprint as a run of its own, and wait for its end. */
import type { FlowRuntime, NodeContext, NodeResult } from 'flowcraft'
import { mistake } from '../errors.js'
import {
  type ChildAsked,
  type ChildDetails,
  ChildRunError,
  type OnCancel,
  START_CHILD,
  type StartedChild,
  waitingForChild,
  withOutputs,
} from '../execution/child-runs.js'
import { callOptions, type Names } from '../options/call-options.js'

/** How a child run is started, and what its parent's node makes of it. */
export interface ChildRunOptions {
  /**
   * The keys of the child's context, by the context and the input of its parent's node. It may be asked again where the node is
   * tried again; what the first one gave counts. Default: the node's input, under the key `input`.
   */
  context?: (node: NodeContext) => object | Promise<object>
  /** What the child is found by, beside its parent's tags: with those at most 20. Default: none more. */
  tags?: readonly string[]
  /** The version that the child's blueprint has to have. Default: any. */
  version?: string
  /** The node's output, by the child's context when it has completed. Default: that context. */
  output?: (context: Record<string, unknown>) => unknown
  /** What becomes of the child when its parent is cancelled while it waits: it is cancelled too, or left. Default: `cancel`. */
  onCancel?: OnCancel
}

const NAMES: Names<ChildRunOptions> = { context: true, tags: true, version: true, output: true, onCancel: true }

/** A job that can start a child. */
interface Starter {
  readonly nodeId: string
  [START_CHILD]?(child: ChildAsked): Promise<StartedChild>
}

/**
 * A node that starts a run of another blueprint, as its child, and waits for its end. The child has an id, a row, a context and
 * an end of its own: it is watched, cancelled and retried by itself, and may run on other workers and another queue. Meanwhile
 * its parent's node holds no worker. However often the node is tried, and whatever dies, there is one child for each of its
 * executions, and its end counts once.
 *
 * A child that fails or is cancelled fails the node ({@link ChildRunError}); a fallback takes over. Where core runs the workflow in
 * memory, the child runs within its parent's process.
 *
 * @throws TypeError where an option is unknown or cannot work.
 *
 * @example
 * ```ts
 * createFlow('order')
 *   .node('pay', pay)
 *   .node('ship', childRun('shipping', {
 *     context: async ({ context }) => ({ address: await context.get('address') }),
 *     output: ({ trackingNumber }) => trackingNumber,
 *   }))
 *   .edge('pay', 'ship')
 * ```
 */
export function childRun(
  blueprintId: string,
  options: ChildRunOptions = {},
): (node: NodeContext) => Promise<NodeResult> {
  const { tags = [], version, output = whole, onCancel } = callOptions<ChildRunOptions>('childRun', NAMES, options)
  if (typeof blueprintId !== 'string' || blueprintId === '') {
    throw mistake('INVALID_ARGUMENT', 'childRun takes the id of a blueprint')
  }
  if (onCancel !== undefined && onCancel !== 'cancel' && onCancel !== 'leave') {
    throw mistake('INVALID_ARGUMENT', "onCancel of childRun is 'cancel' or 'leave'")
  }
  const contextFor = options.context ?? (({ input }: NodeContext) => (input === undefined ? {} : { input }))

  async function startAndWait(node: NodeContext): Promise<NodeResult> {
    const { dependencies } = node
    const context = await contextFor(node)
    const job = dependencies.job as Starter | undefined
    if (!job?.[START_CHILD]) return { output: await output(await runHere(node, { blueprintId, context })) }
    const { runId, event } = await job[START_CHILD]({ blueprintId, context, tags, version })
    const details: ChildDetails = {
      reason: 'child_run',
      childRunId: runId,
      blueprintId,
      event,
      ...(onCancel && { onCancel }),
    }
    await dependencies.workflowState.markAsAwaiting(job.nodeId, { ...details })
    return { output: undefined }
  }
  return waitingForChild(startAndWait, output)
}

/** A child's context as it is. */
const whole = (context: Record<string, unknown>) => context

/** Runs a child in its parent's process, as core runs what is in memory. Answers with its context. */
async function runHere(
  { dependencies, signal }: NodeContext,
  { blueprintId, context }: { blueprintId: string; context: object },
): Promise<Record<string, unknown>> {
  const { adapter } = dependencies as { adapter?: unknown }
  const execution = dependencies.runtime
  const runtime = execution.runtime as unknown as FlowRuntime<Record<string, unknown>, Record<string, unknown>>
  const blueprint = runtime.options.blueprints?.[blueprintId]
  if (adapter !== undefined) {
    throw mistake('INVALID_ARGUMENT', 'A child run is started by a job: not inside a subflow that runs whole')
  }
  if (!blueprint)
    throw mistake('INVALID_ARGUMENT', `The blueprint '${blueprintId}' of a child run is not in the runtime`)
  const functionRegistry = execution.nodeRegistry
  const result = await runtime.run(blueprint, { ...context }, { functionRegistry, ...(signal && { signal }) })
  if (result.status === 'completed') return withOutputs(result.context)
  const reason = result.errors?.[0]?.message ?? ''
  throw new ChildRunError({ runId: blueprintId, status: result.status, reason })
}
