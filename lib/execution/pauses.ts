/** What a paused node waits for, and how a node that pauses inside its subflow goes on. */
import {
  analyzeBlueprint,
  type FlowRuntime,
  type NodeDefinition,
  type NodeResult,
  type WorkflowBlueprint,
  type WorkflowResult,
  type WorkflowState,
} from 'flowcraft'
import { toJson } from '../bridge/json.js'
import { describeError } from '../thrown.js'
import type { JobAnswer } from './answer.js'
import { isChildDetails } from './child-runs.js'
import type { JobContext } from './job-context.js'
import { isWebhookDetails, webhookOutput } from './webhook-nodes.js'

type State = WorkflowState<Record<string, unknown>>
type ExecutionContext = Parameters<Runtime['orchestrator']['run']>[0]
type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>
export type Pause = Pick<JobAnswer, 'details' | 'event' | 'until' | 'output'>

/** Where a subflow keeps its own context while it is paused. */
export const subflowKey = (nodeId: string) => `_subflowState.${nodeId}`

/** What a node that marked itself as awaiting waits for. `event` says by which name an event is known outside. */
export async function pauseOf(
  runtime: Runtime,
  node: NodeDefinition,
  state: State,
  context: JobContext,
  { result, event }: { result: NodeResult; event: (name: string) => string },
): Promise<Pause> {
  const details = state.getAwaitingDetails(node.id) as Record<string, unknown> | undefined
  const nested = await context.get(subflowKey(node.id))
  if (typeof nested === 'string') return nestedPause(runtime, node, nested)
  return {
    ...described(details, node.id),
    ...eventOf(node, details, event),
    ...(result.output !== undefined && {
      output: context.json(result.output, `The output of node '${node.id}'`, `_outputs.${node.id}`) ?? 'null',
    }),
  }
}

function eventOf(
  node: NodeDefinition,
  details: Record<string, unknown> | undefined,
  named: (name: string) => string,
): Pause {
  const event = isWebhookDetails(details) || isChildDetails(details) ? details.event : node.params?.eventName
  return typeof event === 'string' ? { event: named(event) } : {}
}

/** A subflow waits for whatever inside it waits: the first moment, or the event. */
function nestedPause(runtime: Runtime, node: NodeDefinition, serialized: string): Pause {
  const inner = runtime.serializer.deserialize(serialized)
  const ids = (inner._awaitingNodeIds ?? []) as string[]
  const earliest = wakeUpAt(inner, firstSleeper(inner))
  const details = earliest === undefined ? { reason: 'external_event' } : { reason: 'timer', wakeUpAt: earliest }
  const waiting = ids.find((id) => wakeUpAt(inner, id) === undefined)
  const event = eventInside(runtime, node, inner, waiting)
  return { ...described(details, node.id), ...(event !== undefined && { event }) }
}

/** The event that a node inside a subflow waits for, however deep. */
function eventInside(
  runtime: Runtime,
  node: NodeDefinition,
  inner: Record<string, unknown>,
  waiting: string | undefined,
): string | undefined {
  const definition = subBlueprint(runtime, node)?.nodes.find((inside) => inside.id === waiting)
  if (!definition) return undefined
  const nested = inner[subflowKey(definition.id)]
  if (typeof nested === 'string') return nestedPause(runtime, definition, nested).event
  const details = detailsInside(inner, definition.id)
  const event = isWebhookDetails(details) ? details.event : definition.params?.eventName
  return typeof event === 'string' ? event : undefined
}

function detailsInside(inner: Record<string, unknown>, id: string | undefined): Details | undefined {
  const all = (inner._awaitingDetails ?? {}) as Record<string, Details | undefined>
  return id === undefined ? undefined : all[id]
}

/** What a node inside a subflow waits for, as core writes it. */
interface Details {
  wakeUpAt?: string
}

/** When a node inside a paused subflow is to wake up, if it sleeps. */
function wakeUpAt(inner: Record<string, unknown>, id: string | undefined): string | undefined {
  return detailsInside(inner, id)?.wakeUpAt
}

/** The node inside that wakes up first. */
function firstSleeper(inner: Record<string, unknown>): string | undefined {
  const moment = (id: string) => wakeUpAt(inner, id) ?? ''
  const ids = ((inner._awaitingNodeIds ?? []) as string[]).filter((id) => moment(id) !== '')
  return [...ids].sort((a, b) => moment(a).localeCompare(moment(b)))[0]
}

/** Whom a resume is for: without a word, whoever's time has come; else whoever waits for one. */
function waitingInside(inner: Record<string, unknown>, resumed: Resumed): string | undefined {
  const ids = (inner._awaitingNodeIds ?? []) as string[]
  const silent = resumed.action === undefined && resumed.output === undefined
  const sleeper = firstSleeper(inner)
  return (silent ? sleeper : ids.find((id) => wakeUpAt(inner, id) === undefined)) ?? ids[0]
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
 * Goes on inside a paused subflow with what the node was resumed with, as core does in memory for its own subflow
 * node; the action routes inside. Answers with the node's result, or with what it waits for now.
 */
export async function resumeInside(
  runtime: Runtime,
  node: NodeDefinition,
  context: JobContext,
  serialized: string,
  resumed: Resumed,
  within: Within,
): Promise<NodeResult | Pause> {
  const outcome = await resumeSubflow(runtime, node, serialized, resumed, within)
  if (outcome.status === 'awaiting') {
    await context.set(subflowKey(node.id), outcome.serializedContext)
    return nestedPause(runtime, node, outcome.serializedContext)
  }
  await context.delete(subflowKey(node.id))
  const { output, keys } = subflowOutput(runtime, node, outcome)
  for (const [key, value] of Object.entries(keys)) await context.set(key, value)
  return { output }
}

/** The job that goes on inside a subflow, and the run whose events tell of it. */
interface Within {
  signal: AbortSignal
  runId: string
}

/** What a node is resumed with. */
interface Resumed {
  action?: string
  output: unknown
}

/** What a node inside goes on with: a webhook, with the request that came. */
function delivered(resumed: Resumed, details: Details | undefined): Resumed {
  const output = webhookOutput(details, resumed.output)
  return output ? { ...resumed, output } : resumed
}

/** Resumes the subflow of a node, and first whatever waits in a subflow of one of its own nodes. */
async function resumeSubflow(
  runtime: Runtime,
  node: NodeDefinition,
  serialized: string,
  resumed: Resumed,
  within: Within,
): Promise<WorkflowResult> {
  const blueprint = subBlueprint(runtime, node)
  if (!blueprint) throw new Error(`The sub-blueprint of node '${node.id}' is not in the runtime`)
  const inner = runtime.serializer.deserialize(serialized)
  const waiting = waitingInside(inner, resumed)
  const inside = blueprint.nodes.find((candidate) => candidate.id === waiting)
  const nested = inside && inner[subflowKey(inside.id)]
  let answer = delivered(resumed, detailsInside(inner, waiting))
  if (inside && typeof nested === 'string') {
    const outcome = await resumeSubflow(runtime, inside, nested, resumed, within)
    if (outcome.status === 'awaiting') {
      inner[subflowKey(inside.id)] = outcome.serializedContext
      return { ...outcome, serializedContext: runtime.serializer.serialize(inner) }
    }
    delete inner[subflowKey(inside.id)]
    const { output, keys } = subflowOutput(runtime, inside, outcome)
    Object.assign(inner, keys)
    answer = { output }
  }
  const state = runtime.serializer.serialize(inner)
  // Core's own resume would look for the state of a `SubflowNode` again.
  const nodes = blueprint.nodes.map((each) => (each.id === waiting ? { ...each, uses: 'wait' } : each))
  const { signal, runId } = within
  const routed = routing(runtime, blueprint, { nodeId: waiting, action: answer.action, runId })
  const outcome = await routed.resume({ ...blueprint, nodes }, state, { output: answer.output }, waiting, { signal })
  if (outcome.status !== 'completed' && outcome.status !== 'awaiting') {
    const reason = describeError(outcome.errors?.[0] ?? 'unknown error', waiting ?? node.id)
    throw new Error(`Sub-workflow '${blueprint.id}' did not complete. Status: ${outcome.status}. Error: ${reason}`)
  }
  return outcome
}

/** Which node goes on, by which of its edges, and the run that it is of. */
interface Route {
  nodeId: string | undefined
  action: string | undefined
  runId: string
}

/**
 * A runtime that decides the edges of one node with an action. Core's `resume` drops the action, and starts every
 * node whose predecessors are done, also behind edges that were not taken: such nodes are left out here. And it makes up
 * an id for what goes on: events tell the run's here.
 */
function routing(runtime: Runtime, blueprint: WorkflowBlueprint, { nodeId, action, runId }: Route): Runtime {
  const chosen = new Set<string>()
  const determineNextNodes: Runtime['determineNextNodes'] = async (graph, id, result, context) => {
    if (id !== nodeId) return runtime.determineNextNodes(graph, id, result, context, runId)
    const decided = action === undefined ? result : { ...result, action }
    const next = await runtime.determineNextNodes(graph, id, decided, context, runId)
    for (const { node } of next) chosen.add(node.id)
    return next
  }
  const applyEdgeTransform: Runtime['applyEdgeTransform'] = (edge, result, target, context, predecessors) =>
    runtime.applyEdgeTransform(edge, result, target, context, predecessors, runId)
  const bound = (id: string) => {
    const incoming = blueprint.edges.filter((edge) => edge.target === id)
    return incoming.length > 0 && incoming.every((edge) => edge.action !== undefined || edge.condition !== undefined)
  }
  const orchestrator: Runtime['orchestrator'] = {
    run: (execution, traverser) => {
      const ready = traverser.getReadyNodes().map((each) => each.nodeId)
      for (const id of ready) if (chosen.has(id) || !bound(id)) traverser.addToFrontier(id)
      return runtime.orchestrator.run(asRun(execution, runId), traverser)
    },
  }
  return Object.create(runtime, {
    determineNextNodes: { value: determineNextNodes },
    applyEdgeTransform: { value: applyEdgeTransform },
    orchestrator: { value: orchestrator },
  }) as Runtime
}

/** The same execution, by the id of its run. */
function asRun(execution: ExecutionContext, executionId: string): ExecutionContext {
  execution.state.setEventEmitter(execution.services.eventBus, executionId)
  return Object.assign(Object.create(Object.getPrototypeOf(execution)) as ExecutionContext, execution, { executionId })
}

/** A subflow's output, and the keys it gives its parent: core's rules for its subflow node. */
function subflowOutput(
  runtime: Runtime,
  node: NodeDefinition,
  { context: inner }: WorkflowResult,
): { output: unknown; keys: Record<string, unknown> } {
  const outputs = node.params?.outputs as Record<string, string> | undefined
  if (outputs) {
    const given = Object.entries(outputs).map(([key, from]) => [key, inner[`_outputs.${from}`] ?? inner[from]])
    return { output: inner, keys: Object.fromEntries(given) as Record<string, unknown> }
  }
  const blueprint = subBlueprint(runtime, node)
  const terminals = blueprint ? analyzeBlueprint(blueprint).terminalNodeIds : []
  if (terminals.length === 1) return { output: inner[`_outputs.${terminals[0]}`], keys: {} }
  return { output: Object.fromEntries(terminals.map((id) => [id, inner[`_outputs.${id}`]])), keys: {} }
}

/** The blueprint that a node runs as a subflow. */
export function subBlueprint(runtime: Runtime, node: NodeDefinition): WorkflowBlueprint | undefined {
  const id = node.params?.blueprintId
  return typeof id === 'string' ? runtime.options.blueprints?.[id] : undefined
}
