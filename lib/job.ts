/**
 * One job: the user's code, run through core's `FlowRuntime`, and the one answer the engine gets of it.
 */
import {
  FlowcraftError,
  type FlowRuntime,
  type IAsyncContext,
  type IEventBus,
  type ILogger,
  type NodeDefinition,
  type NodeResult,
  type WorkflowBlueprint,
  WorkflowState,
} from 'flowcraft'
import { describeError } from './errors.js'
import { JobContext } from './job-context.js'
import { fromJson, toJson } from './json.js'
import type { Job, JobAnswer, JobEdge, JobNode } from './native.js'

/** What a job needs of its adapter. */
export interface JobHost {
  readonly runtime: FlowRuntime<Record<string, unknown>, Record<string, unknown>>
  readonly logger: ILogger
  readonly eventBus: IEventBus | undefined
  onJobStart(runId: string, blueprintId: string, nodeId: string): Promise<void>
}

/** Runs a job; whatever user code does is an answer. */
export async function runJob(
  host: JobHost,
  job: Job,
  base: WorkflowBlueprint,
  signal: AbortSignal,
): Promise<JobAnswer> {
  const context = new JobContext(job)
  const blueprint = blueprintOf(job, base)
  try {
    await host.onJobStart(job.runId, job.blueprintId, job.nodeId)
    const state = new WorkflowState<Record<string, unknown>>({}, context)
    state.isLastAttempt = job.isLastAttempt
    const result = job.resumed ? await resumedResult(job, context) : await execute(host, job, blueprint, state, signal)
    if (state.isAwaiting() && state.getAwaitingNodeIds().includes(job.nodeId)) {
      const details = toJson(state.getAwaitingDetails(job.nodeId), `What node '${job.nodeId}' waits for`)
      return { outcome: 'paused', ...(details !== undefined && { details }), ...context.writes() }
    }
    return await finished(host, job, blueprint, context, state.getContext(), result)
  } catch (error) {
    return failed(host, job, blueprint, context, error)
  }
}

/**
 * The blueprint this job works on: the nodes added to the run are part of it. The job's own node comes without
 * its fallback, which the engine makes a job of its own, as core does in memory; and where an edge decided its
 * input, that input comes before the `inputs` of its definition.
 */
function blueprintOf(job: Job, base: WorkflowBlueprint): WorkflowBlueprint {
  const added = job.added.map((definition) => fromJson(definition) as NodeDefinition)
  const nodes = [...base.nodes, ...added].map((node) => {
    if (node.id !== job.nodeId) return node
    const { fallback: _, ...config } = node.config ?? {}
    return { ...node, config, ...(job.fed && { inputs: `_inputs.${node.id}` }) }
  })
  return { ...base, nodes }
}

async function execute(
  host: JobHost,
  job: Job,
  blueprint: WorkflowBlueprint,
  state: WorkflowState<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<NodeResult> {
  const result = await host.runtime.executeNode(blueprint, job.nodeId, state, undefined, undefined, job.runId, signal)
  // A node that returns nothing is done all the same.
  return (result as NodeResult | undefined) ?? {}
}

async function resumedResult(job: Job, context: JobContext): Promise<NodeResult> {
  const { action, output } = job.resumed ?? {}
  return {
    output: output === undefined ? await context.get(`_outputs.${job.nodeId}`) : fromJson(output),
    ...(action !== undefined && { action }),
  }
}

async function finished(
  host: JobHost,
  job: Job,
  blueprint: WorkflowBlueprint,
  context: JobContext,
  tracked: IAsyncContext,
  result: NodeResult,
): Promise<JobAnswer> {
  const output = toJson(result.output, `The output of node '${job.nodeId}'`)
  const added = dynamicNodes(result)
  context.showOutput(job.nodeId, result.output, output)
  const taken = await takenEdges(host, job, blueprint, context, tracked, result)
  return {
    outcome: 'finished',
    ...(output !== undefined && { output }),
    ...(result.action && { action: String(result.action) }),
    taken,
    added,
    ...context.writes(`_outputs.${job.nodeId}`),
  }
}

async function takenEdges(
  host: JobHost,
  job: Job,
  blueprint: WorkflowBlueprint,
  context: JobContext,
  tracked: IAsyncContext,
  result: NodeResult,
): Promise<JobEdge[]> {
  const matched = await host.runtime.determineNextNodes(blueprint, job.nodeId, result, tracked, job.runId)
  const taken: JobEdge[] = []
  for (const { node, edge } of matched) {
    // A copy: core notes in the target that its input comes from an edge, and the blueprint is shared.
    await host.runtime.applyEdgeTransform(edge, result, { ...node }, tracked, undefined, job.runId)
    const input = context.takeWrite(`_inputs.${node.id}`)
    const fed = edge.transform !== undefined && node.inputs !== undefined
    taken.push({ source: edge.source, target: node.id, fed, ...(input !== undefined && { input }) })
  }
  return taken
}

function dynamicNodes(result: NodeResult): JobNode[] {
  const gather = (result.output as { gatherNodeId?: unknown } | null | undefined)?.gatherNodeId
  return (result.dynamicNodes ?? []).map((node) => ({
    id: node.id,
    definition: toJson(node, `The dynamic node '${node.id}'`) ?? 'null',
    ...(typeof gather === 'string' && { gather }),
  }))
}

async function failed(
  host: JobHost,
  job: Job,
  blueprint: WorkflowBlueprint,
  context: JobContext,
  thrown: unknown,
): Promise<JobAnswer> {
  const { runId, blueprintId, nodeId } = job
  const message = describeError(thrown, nodeId)
  const recoverable = !(thrown instanceof FlowcraftError && thrown.isFatal)
  const original = host.runtime.getBlueprint(blueprintId)?.nodes.find((node) => node.id === nodeId)
  const fallback = recoverable ? original?.config?.fallback : undefined
  if (fallback !== undefined && blueprint.nodes.some((node) => node.id === fallback)) {
    host.logger.warn(`[Adapter] Node '${nodeId}' of run '${runId}' failed; its fallback '${fallback}' takes over`, {
      error: message,
    })
    await emit(host.runtime.eventBus, {
      type: 'node:fallback',
      payload: { nodeId, executionId: runId, fallback, blueprintId },
    })
  } else {
    host.logger.error(`[Adapter] Run '${runId}': ${message}`)
    const error =
      thrown instanceof FlowcraftError
        ? thrown
        : new FlowcraftError(message, { cause: asError(thrown), nodeId, blueprintId })
    await emit(host.eventBus, { type: 'job:failed', payload: { runId, blueprintId, nodeId, error } })
  }
  return { outcome: 'failed', message, recoverable, ...context.writes() }
}

/** Tells an event bus; a bus that throws is its own problem, never the job's. */
async function emit(bus: IEventBus | undefined, event: Parameters<IEventBus['emit']>[0]): Promise<void> {
  try {
    await bus?.emit(event)
  } catch {
    // The job's outcome does not depend on who listens.
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
