/** What a paused node waits for, and how nodes that pause inside go on: subflows and webhooks. */
import {
  analyzeBlueprint,
  type FlowRuntime,
  type NodeDefinition,
  type NodeResult,
  type WorkflowBlueprint,
  type WorkflowResult,
  type WorkflowState,
} from 'flowcraft'
import type { JobContext } from './job-context.js'
import { toJson } from './json.js'
import type { JobAnswer } from './native.js'
import { webhookEvent } from './webhooks.js'

type State = WorkflowState<Record<string, unknown>>
type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>
type Pause = Pick<JobAnswer, 'details' | 'event' | 'until' | 'output'>

/** Where a subflow keeps its own context while it is paused. */
const subflowKey = (nodeId: string) => `_subflowState.${nodeId}`

/** What a node that marked itself as awaiting waits for. */
export async function pauseOf(
  runtime: Runtime,
  node: NodeDefinition,
  state: State,
  context: JobContext,
  result: NodeResult,
): Promise<Pause> {
  const details = state.getAwaitingDetails(node.id) as Record<string, unknown> | undefined
  const nested = await context.get(subflowKey(node.id))
  if (typeof nested === 'string') return nestedPause(runtime, node, nested)
  return {
    ...described(details, node.id),
    ...(typeof node.params?.eventName === 'string' && { event: node.params.eventName }),
    ...(result.output !== undefined && { output: toJson(result.output, `The output of node '${node.id}'`) ?? 'null' }),
  }
}

/** A webhook node waits for its delivery; its URL is in `_awaitingDetails`. */
export function webhookPause(node: NodeDefinition, result: NodeResult): Pause {
  const { url, event } = (result.output ?? {}) as { url?: string; event?: string }
  const details = { reason: 'webhook', url, event }
  return { details: JSON.stringify(details), event: event ?? webhookEvent(node.id) }
}

/** A subflow waits for whatever inside it waits: the first moment, or the event. */
function nestedPause(runtime: Runtime, node: NodeDefinition, serialized: string): Pause {
  const inner = runtime.serializer.deserialize(serialized)
  const ids = (inner._awaitingNodeIds ?? []) as string[]
  const all = (inner._awaitingDetails ?? {}) as Record<string, { wakeUpAt?: string } | undefined>
  const moments = ids.map((id) => all[id]?.wakeUpAt).filter((moment) => moment !== undefined)
  const earliest = moments.toSorted()[0]
  const details = earliest === undefined ? { reason: 'external_event' } : { reason: 'timer', wakeUpAt: earliest }
  const definition = subBlueprint(runtime, node)?.nodes.find((inside) => inside.id === ids[0])
  const event = definition?.params?.eventName
  return { ...described(details, node.id), ...(typeof event === 'string' && { event }) }
}

function described(details: Record<string, unknown> | undefined, nodeId: string): Pause {
  if (details === undefined) return {}
  const until = typeof details.wakeUpAt === 'string' ? Date.parse(details.wakeUpAt) : Number.NaN
  const json = toJson(details, `What node '${nodeId}' waits for`)
  return { ...(json !== undefined && { details: json }), ...(Number.isFinite(until) && { until }) }
}

/** Whether a node that is resumed paused inside a subflow of its own. */
export async function pausedInside(context: JobContext, nodeId: string): Promise<string | undefined> {
  const nested = await context.get(subflowKey(nodeId))
  return typeof nested === 'string' ? nested : undefined
}

/**
 * Goes on inside a paused subflow with what the node was resumed with, as core does in memory for its own
 * subflow node; the action routes inside. Answers with the node's result, or nothing when it paused again.
 */
export async function resumeInside(
  runtime: Runtime,
  node: NodeDefinition,
  context: JobContext,
  serialized: string,
  resumed: { action?: string; output: unknown },
  signal: AbortSignal,
): Promise<NodeResult | Pause> {
  const blueprint = subBlueprint(runtime, node)
  if (!blueprint) throw new Error(`The sub-blueprint of node '${node.id}' is not in the runtime`)
  const inner = runtime.serializer.deserialize(serialized)
  const waiting = ((inner._awaitingNodeIds ?? []) as string[])[0]
  const outcome = await routing(runtime, waiting, resumed.action).resume(
    blueprint,
    serialized,
    { output: resumed.output },
    waiting,
    { signal },
  )
  if (outcome.status === 'awaiting') {
    await context.set(subflowKey(node.id), outcome.serializedContext)
    return nestedPause(runtime, node, outcome.serializedContext)
  }
  await context.delete(subflowKey(node.id))
  if (outcome.status !== 'completed') {
    const reason = outcome.errors?.[0]?.message ?? 'unknown error'
    throw new Error(`Sub-workflow '${blueprint.id}' did not complete. Status: ${outcome.status}. Error: ${reason}`)
  }
  return { output: await subflowOutput(node, blueprint, outcome, context) }
}

/** A runtime that decides the edges of one node with an action: core's own `resume` drops it. */
function routing(runtime: Runtime, nodeId: string | undefined, action: string | undefined): Runtime {
  if (action === undefined) return runtime
  const determineNextNodes: Runtime['determineNextNodes'] = (blueprint, id, result, context, executionId) =>
    runtime.determineNextNodes(blueprint, id, id === nodeId ? { ...result, action } : result, context, executionId)
  return Object.create(runtime, { determineNextNodes: { value: determineNextNodes } }) as Runtime
}

/** A subflow's output, and the keys it gives its parent: core's rules for its subflow node. */
async function subflowOutput(
  node: NodeDefinition,
  blueprint: WorkflowBlueprint,
  { context: inner }: WorkflowResult,
  context: JobContext,
): Promise<unknown> {
  const outputs = node.params?.outputs as Record<string, string> | undefined
  if (outputs) {
    for (const [parentKey, key] of Object.entries(outputs)) {
      await context.set(parentKey, inner[`_outputs.${key}`] ?? inner[key])
    }
    return inner
  }
  const terminals = analyzeBlueprint(blueprint).terminalNodeIds
  if (terminals.length === 1) return inner[`_outputs.${terminals[0]}`]
  return Object.fromEntries(terminals.map((id) => [id, inner[`_outputs.${id}`]]))
}

function subBlueprint(runtime: Runtime, node: NodeDefinition): WorkflowBlueprint | undefined {
  const id = node.params?.blueprintId
  return typeof id === 'string' ? runtime.options.blueprints?.[id] : undefined
}
