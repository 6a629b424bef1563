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
import { type Job, WorkerKilled } from '../bridge/channel.js'
import { toJson } from '../bridge/json.js'
import type { Values } from '../bridge/values.js'
import { describeError, textOf } from '../thrown.js'
import type { Alarms } from './alarms.js'
import type { AddedNode, JobAnswer, TakenEdge } from './answer.js'
import { type Attempt, type Attempts, type TakeOver, tellTakeOver } from './attempts.js'
import { tell, tellOutput } from './events.js'
import { lackedInside, lackedToResume } from './inner-blueprints.js'
import { JobContext, type Stored } from './job-context.js'
import { atOneMoment, noteContext } from './moments.js'
import { type NodeView, nodeViewOf } from './node-view.js'
import { INNER, noteJob, pathBeside } from './paths.js'
import { type Pause, pausedInside, pauseOf, resumeInside } from './pauses.js'
import { attemptsOf, type QueueRetryOptions, waitAfter } from './retries.js'
import { canOpen, failureOf, isSubflow, opening, tellDone } from './subflow-jobs.js'
import { isWebhookClass, webhookEvent } from './webhook-nodes.js'

/** What a job needs of its adapter. */
export interface JobHost {
  readonly runtime: FlowRuntime<Record<string, unknown>, Record<string, unknown>>
  readonly logger: ILogger
  readonly eventBus: IEventBus | undefined
  /** The longest wait between two attempts through the queue, in milliseconds. */
  readonly retryMaxDelay: number
  readonly stored: Stored
  readonly attempts: Attempts
  readonly values: Values
  readonly alarms: Alarms
  onJobStart(runId: string, blueprintId: string, nodeId: string): Promise<void>
  shouldRetryInProcess(node: NodeDefinition): boolean
  getQueueRetryOptions(node: NodeDefinition): QueueRetryOptions | undefined
  /** Whether the nodes of a subflow that begins now are to be jobs. */
  opensSubflows(): Promise<boolean>
}

/** One execution of a node, as every step of it needs it. */
interface Execution extends NodeView {
  host: JobHost
  job: Job
  context: JobContext
  signal: AbortSignal
  /** Where the node's retries go through the queue. */
  attempt?: Attempt
  /** Where a fallback takes over if it fails. */
  takeOver?: TakeOver
}

/**
 * The id of a blueprint that a job needs inside its node, and that the runtime does not have. Looked for before anything
 * runs; at once where the node is no subflow.
 */
export function lackedByJob(
  host: JobHost,
  job: Job,
  base: WorkflowBlueprint,
): string | Promise<string | undefined> | undefined {
  const { node } = nodeViewOf(job, base)
  if (!node) return undefined
  return job.resumed ? lackedByResumed(host, job, node) : lackedInside(host.runtime, node)
}

async function lackedByResumed(host: JobHost, job: Job, node: NodeDefinition): Promise<string | undefined> {
  try {
    const nested = await pausedInside(new JobContext(job, host.stored, host.values), job.nodeId)
    return nested === undefined ? undefined : lackedToResume(host.runtime, node, nested)
  } catch {
    // What cannot be read, the job itself fails for.
    return undefined
  }
}

/** Runs a job; whatever user code does is an answer. */
export async function runJob(
  host: JobHost,
  job: Job,
  base: WorkflowBlueprint,
  abort: AbortController,
): Promise<JobAnswer> {
  const { blueprint, node, fallback, onward } = nodeViewOf(job, base)
  const context = new JobContext(job, host.stored, host.values)
  const execution: Execution = { host, job, blueprint, node, fallback, onward, context, signal: abort.signal }
  const timeLimit = limitTime(node, abort, host.alarms)
  try {
    return await (timeLimit ? Promise.race([answerOf(execution), timeLimit.expired]) : answerOf(execution))
  } catch (error) {
    const expired = timeLimit?.error()
    return await failed(execution, expired ?? error, expired !== undefined || job.failed?.late === true)
  } finally {
    timeLimit?.clear()
    context.end()
  }
}

async function answerOf(execution: Execution): Promise<JobAnswer> {
  const { host, job, blueprint, node, fallback, context } = execution
  await host.onJobStart(job.runId, job.blueprintId, job.nodeId)
  const state = new WorkflowState<Record<string, unknown>>({}, context)
  noteContext(state.getContext(), context)
  noteJob(state, job)
  if (node && job.failed) throw failureOf(host.runtime, job.failed, node)
  if (job.resumed && node) return resume(execution, node, state)
  if (node && canOpen(host.runtime, node) && (await host.opensSubflows())) return open(execution, node, state)
  state.isLastAttempt = isLastAttempt(execution)
  if (node && !host.shouldRetryInProcess(node)) {
    execution.attempt = { number: job.attempt, isLast: state.isLastAttempt }
    host.attempts.note(state, execution.attempt)
  }
  if (state.isLastAttempt && fallback !== undefined && blueprint.nodes.some(({ id }) => id === fallback)) {
    execution.takeOver = { fallback }
    host.attempts.noteFallback(state, execution.takeOver)
  }
  if (job.besideStrangers) await takeInputs(execution, state.getContext())
  const result = await execute(execution, state)
  if (node && state.isAwaiting() && state.getAwaitingNodeIds().includes(job.nodeId)) {
    const event = (name: string) => eventBeside(job, blueprint, name)
    const pause = await pauseOf(host.runtime, node, state, context, { result, event })
    return { outcome: 'paused', ...byServers(host, pause), ...context.writes() }
  }
  return finished(execution, state.getContext(), result)
}

/** The node's subflow becomes jobs of the run. */
async function open(
  { host: { runtime }, job, blueprint, context }: Execution,
  node: NodeDefinition,
  state: WorkflowState<Record<string, unknown>>,
): Promise<JobAnswer> {
  const moment = atOneMoment(state.getContext())
  const input = await runtime.resolveNodeInput(node.id, blueprint, state.getContext())
  return opening({ runtime, job, node, context, moment, input })
}

/** By which name an event is known outside: that of a webhook inside a subflow has the path of its node. */
function eventBeside(job: Job, { nodes }: WorkflowBlueprint, name: string): string {
  const webhook = job.inside === undefined ? undefined : nodes.find(({ id }) => webhookEvent(id) === name)
  return webhook ? webhookEvent(pathBeside(job, webhook.id)) : name
}

/**
 * A predecessor was done by a worker of version 1, which stores the output first and the inputs of what follows
 * one by one: where it died in between, they are made here.
 */
async function takeInputs({ host, job, blueprint, node, context }: Execution, tracked: IAsyncContext): Promise<void> {
  if (!node || (await context.has(`_inputs.${node.id}`))) return
  for (const edge of blueprint.edges.filter(({ target }) => target === node.id)) {
    if (!(await context.has(`_outputs.${edge.source}`))) continue
    const result = { output: await context.get(`_outputs.${edge.source}`) }
    await host.runtime.applyEdgeTransform(edge, result, { ...node }, tracked, undefined, job.runId)
  }
}

/** A pause whose moment, if it has one, is of the servers' clock. */
function byServers({ alarms }: JobHost, pause: Pause): Pause {
  return pause.until === undefined ? pause : { ...pause, until: alarms.moment(pause.until) }
}

/** `config.timeout`: the node's signal aborts, and the node fails as any other. */
function limitTime(node: NodeDefinition | undefined, abort: AbortController, alarms: Alarms) {
  const milliseconds = node?.config?.timeout
  // Longer than a timer can be: no limit.
  if (!(typeof milliseconds === 'number' && milliseconds > 0 && milliseconds < 2 ** 31)) return undefined
  let error: Error | undefined
  let clear = () => {}
  const expired = new Promise<never>((_, reject) => {
    clear = alarms.set(milliseconds, () => {
      error = new FlowcraftError(`Node '${node?.id}' timed out after ${milliseconds} ms`)
      abort.abort(error)
      reject(error)
    })
  })
  abort.signal.addEventListener('abort', () => abort.signal.reason instanceof WorkerKilled && clear(), { once: true })
  return { expired, error: () => error, clear }
}

/**
 * Whether core may let the fallback take over: while another attempt follows through the queue, it may not. A subflow that failed
 * is tried again by another job in any case, as often as core tries it again within one.
 */
function isLastAttempt({ host, job, node }: Execution): boolean {
  if (node && job.failed && host.shouldRetryInProcess(node)) {
    return job.failed.late || job.attempt >= attemptsOf(node, undefined)
  }
  if (!node || host.shouldRetryInProcess(node)) return job.isLastAttempt !== false
  return job.attempt >= attemptsOf(node, host.getQueueRetryOptions(node))
}

/** Core tries a node's own code again, and nothing around it. What failed before the node began is nobody's mistake. */
function mayTryAgain({ attempt }: Execution): boolean {
  return attempt?.hasBegun === undefined || attempt.hasFailed === true
}

async function execute(
  { host, job, blueprint, signal }: Execution,
  state: WorkflowState<Record<string, unknown>>,
): Promise<NodeResult> {
  const result = await host.runtime.executeNode(blueprint, job.nodeId, state, undefined, undefined, job.runId, signal)
  // A node that returns nothing is done all the same.
  return (result as NodeResult | undefined) ?? {}
}

/** A paused node that goes on decides its edges with what it was resumed with. */
async function resume(
  execution: Execution,
  node: NodeDefinition,
  state: WorkflowState<Record<string, unknown>>,
): Promise<JobAnswer> {
  const tracked = state.getContext()
  const { host, job, context, signal } = execution
  const { action } = job.resumed ?? {}
  const given = host.values.ofStored(job.resumed?.output)
  const nested = await pausedInside(context, job.nodeId)
  if (nested !== undefined) {
    const resumed = { output: given, ...(action !== undefined && { action }) }
    const inside = await resumeInside(host.runtime, node, context, nested, resumed, signal)
    const stillPaused = await pausedInside(context, job.nodeId)
    if (stillPaused !== undefined) {
      return { outcome: 'paused', ...byServers(host, inside as Pause), ...context.writes() }
    }
    return finished(execution, tracked, inside as NodeResult)
  }
  const kept = given === undefined ? await context.get(`_outputs.${job.nodeId}`) : given
  if (isSubflow(host.runtime, node)) {
    // Nobody executed the node here: what its edges bring is told of all the same.
    state.setEventEmitter(host.runtime.eventBus, job.runId)
    await tellDone({ runtime: host.runtime, job, node, context }, kept)
  }
  const result: NodeResult = {
    output: isWebhookClass(host.runtime.registry.get(node.uses)) ? await webhookOutput(host, job, kept) : kept,
    ...(action !== undefined && { action }),
  }
  return finished(execution, tracked, result)
}

/** A webhook node's output once it was called: core's shape, with the request that came. */
async function webhookOutput(host: JobHost, job: Job, request: unknown): Promise<unknown> {
  const { adapter } = host.runtime.dependencies as { adapter?: WebhookRegistrar }
  const endpoint = await adapter?.registerWebhookEndpoint(job.runId, pathBeside(job, job.nodeId))
  return { ...endpoint, request }
}

interface WebhookRegistrar {
  registerWebhookEndpoint(runId: string, nodeId: string): Promise<{ url: string; event: string }>
}

async function finished(execution: Execution, tracked: IAsyncContext, result: NodeResult): Promise<JobAnswer> {
  const { job, blueprint, context } = execution
  const output = context.json(result.output, `The output of node '${job.nodeId}'`)
  const action = actionOf(result, job.nodeId)
  const again = scatterAgain(blueprint, job.nodeId, result)
  if (again !== undefined) {
    return { outcome: 'finished', again, ...context.writes(`_outputs.${job.nodeId}`) }
  }
  const added = dynamicNodes(result)
  context.showOutput(job.nodeId, result.output, output)
  await tellOutput(busOf(execution.host), job, result.output)
  const taken = await takenEdges(execution, tracked, result)
  return {
    outcome: 'finished',
    ...(output !== undefined && { output }),
    ...(action && { action }),
    taken,
    added,
    ...context.writes(`_outputs.${job.nodeId}`),
  }
}

/** The action a node decided on, if it is one that can be stored. */
function actionOf({ action }: NodeResult, nodeId: string): string | undefined {
  if (!action) return undefined
  toJson(String(action), `The action of node '${nodeId}'`)
  return String(action)
}

/** The user's bus of nodes; none where core put one that hears nothing. */
function busOf({ runtime }: JobHost): IEventBus | undefined {
  return runtime.options.eventBus && runtime.eventBus
}

async function takenEdges(
  { host, job, onward, context }: Execution,
  tracked: IAsyncContext,
  result: NodeResult,
): Promise<TakenEdge[]> {
  const moment = atOneMoment(tracked)
  const matched = await host.runtime.determineNextNodes(onward, job.nodeId, result, moment, job.runId)
  const taken: TakenEdge[] = []
  for (const { node, edge } of matched) {
    // A copy: core notes in the target that its input comes from an edge, and the blueprint is shared.
    await host.runtime.applyEdgeTransform(edge, result, { ...node }, moment, undefined, job.runId)
    const input = context.takeWrite(`_inputs.${node.id}`)
    const fed = edge.transform !== undefined && node.inputs !== undefined
    taken.push({ source: edge.source, target: node.id, fed, ...(input !== undefined && { input }) })
  }
  return taken
}

/**
 * A gatherer with chunks left sends its scatterer for the next one. (Core adds a second scatterer, which starts
 * from the first item again and fails on its input; its documentation promises the chunks.)
 */
function scatterAgain(blueprint: WorkflowBlueprint, nodeId: string, result: NodeResult): string | undefined {
  const next = result.dynamicNodes?.[0]
  if (next?.uses !== 'batch-scatter' || next.id !== `${nodeId}_scatter_next`) return undefined
  return blueprint.nodes.find((node) => node.uses === 'batch-scatter' && node.params?.gatherNodeId === nodeId)?.id
}

function dynamicNodes(result: NodeResult): AddedNode[] {
  const gather = (result.output as { gatherNodeId?: unknown } | null | undefined)?.gatherNodeId
  return (result.dynamicNodes ?? []).map((node) => {
    if (typeof node.id !== 'string')
      throw new TypeError(`The id of a dynamic node is a string, not a ${typeof node.id}`)
    const definition = toJson(node, `The dynamic node '${node.id}'`) ?? 'null'
    if (node.id.startsWith(INNER)) throw new TypeError(`The id of a dynamic node does not begin with '${INNER}'`)
    return { id: node.id, definition, ...(typeof gather === 'string' && { gather }) }
  })
}

async function failed(execution: Execution, thrown: unknown, isLate: boolean): Promise<JobAnswer> {
  const { host, job, blueprint, node, context } = execution
  const { runId, blueprintId, nodeId } = job
  const message = describeError(thrown, nodeId)
  const recoverable = !(thrown instanceof FlowcraftError && thrown.isFatal)
  if (node && recoverable && !isLastAttempt(execution) && (isLate || mayTryAgain(execution))) {
    const error = asError(thrown)
    const payload = { nodeId, attempt: job.attempt, executionId: runId, blueprintId, error }
    await tell(host.runtime.eventBus, { type: 'node:retry', payload })
    const after = host.shouldRetryInProcess(node)
      ? 0
      : waitAfter(job.attempt, node, host.getQueueRetryOptions(node), host.retryMaxDelay)
    host.logger.warn(
      `[Adapter] Run '${runId}': attempt ${job.attempt} failed, the next follows in ${after} ms. ${message}`,
    )
    return { outcome: 'retry', retryAfter: after, ...context.writes(`_outputs.${nodeId}`) }
  }
  const fallback = recoverable ? execution.fallback : undefined
  if (fallback !== undefined && blueprint.nodes.some((each) => each.id === fallback)) {
    host.logger.warn(`[Adapter] Node '${nodeId}' of run '${runId}' failed; its fallback '${fallback}' takes over`, {
      error: message,
    })
    const takeOver = execution.takeOver ?? { fallback }
    await tellTakeOver(host.runtime.eventBus, takeOver, { nodeId, executionId: runId, blueprintId })
    await tellFailedInside(execution, thrown)
    await tellOutput(busOf(host), job, null)
  } else {
    host.logger.error(`[Adapter] Run '${runId}': ${message}`)
    await tellFailedInside(execution, thrown)
    const error =
      thrown instanceof FlowcraftError
        ? thrown
        : new FlowcraftError(message, { cause: asError(thrown), nodeId, blueprintId })
    const payload = { runId, executionId: runId, blueprintId, nodeId, error }
    // Inside a subflow it is the container that fails the run, if nothing takes its place.
    if (job.inside === undefined) await tell(host.eventBus, { type: 'job:failed', payload })
  }
  return { outcome: 'failed', message, recoverable, ...context.writes(`_outputs.${nodeId}`) }
}

/** Tells of the error of a container, whose nodes were other jobs. Core tells of it where the node's code fails here. */
async function tellFailedInside({ host, job }: Execution, thrown: unknown): Promise<void> {
  if (!job.failed || !(thrown instanceof FlowcraftError)) return
  const payload = { nodeId: job.nodeId, error: thrown, executionId: job.runId, blueprintId: job.blueprintId }
  await tell(host.runtime.eventBus, { type: 'node:error', payload })
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(textOf(thrown))
}
