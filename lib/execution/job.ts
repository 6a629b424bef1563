/**
 * One job: the user's code, run through core's `FlowRuntime`, and the one answer the engine gets of it.
 */
import {
  FlowcraftError,
  type IAsyncContext,
  type NodeDefinition,
  type NodeResult,
  type WorkflowBlueprint,
  WorkflowState,
} from 'flowcraft'
import { type Job, WorkerKilled } from '../bridge/channel.js'
import { eventKey, RESUME_OUTPUT } from '../bridge/places.js'
import type { Origin } from '../bridge/sealing.js'
import type { Alarms } from './alarms.js'
import type { JobAnswer } from './answer.js'
import { childOutputOf, outputOfChild } from './child-runs.js'
import { isCoresOwn } from './cores-own.js'
import { type Execution, isLastAttempt, type JobHost } from './execution.js'
import { failed } from './failed.js'
import { FailedTries } from './failed-tries.js'
import { finished } from './finished.js'
import { lackedInside, lackedToResume } from './inner-blueprints.js'
import { JobContext } from './job-context.js'
import { JobHistory } from './job-history.js'
import { atOneMoment, noteContext } from './moments.js'
import { END_JOB, TellingJob } from './node-job.js'
import { nodeViewOf } from './node-view.js'
import { notePlace, pathBeside } from './paths.js'
import { type Pause, pausedInside, pauseOf, resumeInside } from './pauses.js'
import { canOpen, failureOf, given, isSubflow, opening, tellDone } from './subflow-jobs.js'
import { isWebhookClass, webhookEvent } from './webhook-nodes.js'

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
  const tries = new FailedTries(job.nodeId)
  const { signal } = abort
  const history = host.history && new JobHistory(job, host.history)
  const execution: Execution = { host, job, blueprint, node, fallback, onward, context, signal, tries, history }
  const answer = await answerInTime(execution, abort)
  const ending = execution.telling?.[END_JOB](answer.outcome === 'retry')
  if (ending) await ending
  history?.ends(answer, signal)
  return answer
}

/** The answer of a job, by the end of its node's `config.timeout`. */
async function answerInTime(execution: Execution, abort: AbortController): Promise<JobAnswer> {
  const { host, job, node, context, tries } = execution
  const timeLimit = limitTime(node, abort, host.alarms)
  try {
    const answer = timeLimit ? Promise.race([answerOf(execution), timeLimit.expired]) : answerOf(execution)
    return tries.told(await answer)
  } catch (error) {
    const expired = timeLimit?.error()
    await context.endWriting()
    const thrown = expired ?? error
    return tries.told(await failed(execution, thrown, expired !== undefined || job.failed?.late === true))
  } finally {
    timeLimit?.clear()
    context.end()
  }
}

async function answerOf(execution: Execution): Promise<JobAnswer> {
  const { host, job, blueprint, node, fallback, context, tries } = execution
  await host.onJobStart(job.runId, job.blueprintId, job.nodeId)
  const state = new WorkflowState<Record<string, unknown>>({}, context)
  noteContext(state.getContext(), context)
  notePlace(state, job)
  const { signal, history } = execution
  execution.telling = new TellingJob({ job, teller: host, tries, signal, history })
  host.attempts.noteJob(state, execution.telling)
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
  if (node && !isCoresOwn(host.runtime, node)) context.beginWriting()
  const result = await execute(execution, state)
  await context.endWriting()
  if (node && state.isAwaiting() && state.getAwaitingNodeIds().includes(job.nodeId)) {
    const event = (name: string) => eventBeside(job, blueprint, name)
    const pause = await pauseOf(host.runtime, node, state, context, { result, event })
    return { outcome: 'paused', ...byServers(host, pause), ...context.writes() }
  }
  return finished(execution, state.getContext(), result)
}

/** The node's subflow becomes jobs of the run. */
async function open(
  { host: { runtime }, job, blueprint, context, history }: Execution,
  node: NodeDefinition,
  state: WorkflowState<Record<string, unknown>>,
): Promise<JobAnswer> {
  const moment = atOneMoment(state.getContext())
  const input = await runtime.resolveNodeInput(node.id, blueprint, state.getContext())
  history?.input(input)
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
    clear = alarms.set(
      milliseconds,
      () => {
        error = new FlowcraftError(`Node '${node?.id}' timed out after ${milliseconds} ms`)
        abort.abort(error)
        reject(error)
      },
      abort.signal,
    )
  })
  abort.signal.addEventListener('abort', () => abort.signal.reason instanceof WorkerKilled && clear(), { once: true })
  return { expired, error: () => error, clear }
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
  const stored = job.resumed?.output
  const nested = await pausedInside(context, job.nodeId)
  if (nested !== undefined) {
    const output = context.opened(stored, RESUME_OUTPUT, ofEvent(execution, node))
    const resumed = { output, ...(action !== undefined && { action }) }
    const within = { signal, runId: job.runId }
    const inside = await resumeInside(host.runtime, node, context, nested, resumed, within)
    const stillPaused = await pausedInside(context, job.nodeId)
    if (stillPaused !== undefined) {
      return { outcome: 'paused', ...byServers(host, inside as Pause), ...context.writes() }
    }
    return finished(execution, tracked, inside as NodeResult)
  }
  const isContainer = isSubflow(host.runtime, node)
  const container = { runtime: host.runtime, job, node, context }
  const output = isContainer
    ? await given(container, stored)
    : context.opened(stored, RESUME_OUTPUT, ofEvent(execution, node))
  const kept = output === undefined ? await context.get(`_outputs.${job.nodeId}`) : output
  if (isContainer) {
    // Nobody executed the node here: what its edges bring is told of all the same.
    state.setEventEmitter(host.runtime.eventBus, job.runId)
    await tellDone(container, kept)
  }
  const result: NodeResult = {
    output: await resumedOutput(execution, node, kept),
    ...(action !== undefined && { action }),
  }
  return finished(execution, tracked, result)
}

/** What a node makes of what it is resumed with. */
async function resumedOutput({ host, job }: Execution, { uses }: NodeDefinition, kept: unknown): Promise<unknown> {
  const implementation = host.runtime.registry.get(uses)
  if (isWebhookClass(implementation)) return webhookOutput(host, job, kept)
  const output = childOutputOf(implementation)
  return output ? outputOfChild(kept, output, host.stored) : kept
}

/** Which event a node may have been resumed by: any, where the blueprint does not say which one it waits for. */
function ofEvent({ host, job, blueprint }: Execution, { uses, params }: NodeDefinition): Origin {
  const name = isWebhookClass(host.runtime.registry.get(uses)) ? undefined : params?.eventName
  if (typeof name !== 'string') return (as) => as === RESUME_OUTPUT || as.startsWith(eventKey(''))
  const expected = [RESUME_OUTPUT, eventKey(name), eventKey(eventBeside(job, blueprint, name))]
  return (as) => expected.includes(as)
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
