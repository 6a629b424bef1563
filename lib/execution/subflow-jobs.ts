/**
 * Subflows whose nodes are jobs of the run. The job of the container, the node that runs the subflow, opens it: it says what
 * the subflow's own context begins with, as core's `SubflowNode` makes it. The engine runs the nodes, and makes the container due
 * again once the subflow is over: with its output, or with the reason why there is none.
 */
import {
  analyzeBlueprint,
  FlowcraftError,
  type FlowRuntime,
  type IAsyncContext,
  type NodeDefinition,
  SubflowNode,
} from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { contextKey, toJson } from '../bridge/json.js'
import { placeOf, prefixOfContainer, RESUME_OUTPUT } from '../bridge/places.js'
import { hasEnvelope } from '../bridge/sealing.js'
import { isObject } from '../is-object.js'
import type { JobAnswer } from './answer.js'
import { describeBlueprint, findBlueprint } from './blueprints.js'
import { tell, tellChange } from './events.js'
import type { JobContext } from './job-context.js'

type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>

/** How deep subflows nest at most: one that runs itself without end fails. */
const DEEPEST = 100
/** The steps of a node's life. A class that changes one of them is executed whole: the subflow is a part of its own code. */
const LIFE = ['prep', 'exec', 'post', 'fallback', 'recover'] as const

/** Whether a node is core's subflow node, or a class that runs it in no other way. */
export function isSubflow(runtime: Runtime, { uses }: NodeDefinition): boolean {
  const { prototype } = (runtime.registry.get(uses) ?? {}) as { prototype?: Partial<SubflowNode> }
  return prototype !== undefined && LIFE.every((step) => prototype[step] === SubflowNode.prototype[step])
}

/** What core's subflow node reads of its parameters. */
interface Params {
  blueprintId?: unknown
  inputs?: Record<string, string>
  outputs?: Record<string, unknown>
}

/** The parameters of a container: those of its definition, or what its class makes of them. */
function paramsOf(runtime: Runtime, { uses, params = {}, id }: NodeDefinition): Params {
  const Class = runtime.registry.get(uses) as unknown as new (params: unknown, nodeId: string) => { params?: Params }
  return new Class(params, id).params ?? {}
}

/** Whether the nodes of a node's subflow can be jobs. Middleware that stands around a node stands around all that it does. */
export function canOpen(runtime: Runtime, node: NodeDefinition): boolean {
  if (!isSubflow(runtime, node) || runtime.middleware.length > 0) return false
  if ((node.config as { inProcess?: unknown } | undefined)?.inProcess === true) return false
  const { blueprintId } = paramsOf(runtime, node)
  return typeof blueprintId === 'string' && Object.hasOwn(runtime.options.blueprints ?? {}, blueprintId)
}

/** A container of a run, and what core reads of its context. */
export interface Container {
  readonly runtime: Runtime
  readonly job: Job
  readonly node: NodeDefinition
  readonly context: JobContext
  /** As core has it, read at one moment. */
  readonly moment: IAsyncContext
  /** What an edge, or its definition, gives it. */
  readonly input: unknown
}

/**
 * The answer that opens a subflow.
 *
 * @throws TypeError saying why the subflow's blueprint cannot be run as it was meant.
 */
export async function opening(container: Container): Promise<JobAnswer> {
  const { runtime, job, node, context, input } = container
  const { runId: executionId, blueprintId, nodeId } = job
  if (job.attempt === 1) {
    await tell(runtime.eventBus, { type: 'node:start', payload: { nodeId, executionId, input, blueprintId } })
  }
  if ((job.inside?.split('/').length ?? 0) > DEEPEST) {
    throw new FlowcraftError(`Node '${nodeId}': subflows nest more than ${DEEPEST} deep`, { isFatal: true })
  }
  const { blueprintId: inner, inputs, outputs } = paramsOf(runtime, node) as Params & { blueprintId: string }
  const blueprint = findBlueprint(runtime.options.blueprints, inner)
  if (!blueprint) throw new FlowcraftError(`Sub-blueprint '${inner}' not found in runtime registry.`, { isFatal: true })
  describeBlueprint(inner, blueprint)
  const { startNodeIds, terminalNodeIds } = analyzeBlueprint(blueprint)
  const mapped = outputs && outputsToGive(context, outputs)
  const parts = [
    `"blueprintId":${toJson(inner, 'The id of a sub-blueprint')}`,
    `"context":{${(await initial(container, inputs, startNodeIds)).join()}}`,
    ...(mapped ? [`"outputs":${toJson(mapped, `The outputs of node '${nodeId}'`)}`] : []),
    `"terminals":${JSON.stringify(terminalNodeIds)}`,
    ...timeoutOf(node).map((milliseconds) => `"timeout":${milliseconds}`),
  ]
  return { outcome: 'opened', subflow: `{${parts.join()}}`, ...context.writes() }
}

/** The keys that the engine gives the container's context. What is encrypted it cannot move: the container gives it. */
function outputsToGive({ encodes }: JobContext, outputs: Record<string, unknown>): Record<string, string> {
  return encodes ? {} : Object.fromEntries(Object.entries(outputs).map(([key, from]) => [key, String(from)]))
}

/** What the subflow's context begins with: what the definition maps, or else its input, for each start node. */
async function initial(
  { job, node, context, moment, input }: Container,
  inputs: Record<string, string> | undefined,
  starts: string[],
): Promise<string[]> {
  const given: [string, unknown][] = []
  if (inputs) {
    for (const [key, from] of Object.entries(inputs)) {
      const value = await moment.get(from)
      given.push([key, value === undefined ? await moment.get(`_outputs.${from}`) : value])
    }
  } else if (input !== undefined) {
    for (const start of starts) given.push([`_inputs.${start}`, input])
  }
  const prefix = prefixOfContainer(job.inside, job.nodeId)
  return given.flatMap(([key, value]) => {
    const place = placeOf(job.runId, prefix + key)
    const json = context.json(value, `The input '${key}' of the subflow of node '${node.id}'`, key, place)
    return json === undefined ? [] : [`${JSON.stringify(contextKey(key))}:${json}`]
  })
}

function timeoutOf({ config }: NodeDefinition): number[] {
  const milliseconds = config?.timeout
  // Longer than a timer of JavaScript can be: no limit, as for any node.
  return typeof milliseconds === 'number' && milliseconds > 0 && milliseconds < 2 ** 31 ? [milliseconds] : []
}

/**
 * What a subflow that is over gave, as the engine hands it over: the output of its only terminal node; or an object of values, each
 * as it is stored inside, and it is the keys of its outputs that the container sets then.
 */
export async function given({ runtime, job, node, context }: Done, stored: unknown): Promise<unknown> {
  const prefix = prefixOfContainer(job.inside, job.nodeId)
  const { outputs } = paramsOf(runtime, node)
  const key = `_outputs.${node.id}`
  if (!isObject(stored) || hasEnvelope(stored) || (outputs === undefined && terminalsOf(runtime, node) === 1)) {
    return context.opened(stored, key, (as) => as === RESUME_OUTPUT || as.startsWith(`${prefix}_outputs.`))
  }
  const entries = Object.entries(stored).map(([name, value]) => {
    const from = (as: string) => as === prefix + name || as === `${prefix}_outputs.${name}`
    return [name, context.opened(value, `${key}.${name}`, from)] as const
  })
  const whole = Object.fromEntries(entries)
  if (outputs) await give(context, outputs, whole)
  return whole
}

/** Sets the keys that the engine could not: by its rules, and by core's. */
async function give(context: JobContext, outputs: Record<string, unknown>, whole: Record<string, unknown>) {
  for (const [key, from] of Object.entries(outputs)) {
    if (!context.encodes && (await context.has(key))) continue
    const output = whole[`_outputs.${String(from)}`]
    const value = output ?? whole[String(from)] ?? output
    if (value === undefined) await context.delete(key)
    else await context.set(key, value)
  }
}

/** How many terminal nodes the subflow of a container has; none where its blueprint is not known here. */
function terminalsOf(runtime: Runtime, node: NodeDefinition): number {
  const { blueprintId } = paramsOf(runtime, node)
  const blueprint = findBlueprint(runtime.options.blueprints, String(blueprintId))
  return blueprint ? analyzeBlueprint(blueprint).terminalNodeIds.length : 1
}

/** A container whose subflow is over. */
type Done = Omit<Container, 'moment' | 'input'>

/** Tells that a container is done: the keys that its subflow gave, and that it finished. */
export async function tellDone({ runtime, job, node, context }: Done, output: unknown) {
  const bus = runtime.options.eventBus && runtime.eventBus
  const { runId: executionId, blueprintId, nodeId } = job
  for (const key of Object.keys(paramsOf(runtime, node).outputs ?? {})) {
    await tellChange(bus, job, key, await context.get(key))
  }
  await tell(runtime.eventBus, {
    type: 'node:finish',
    payload: { nodeId, result: { output }, executionId, blueprintId },
  })
}

/** The error of a container whose subflow failed, as core's subflow node throws it: why, its cause says. */
export function failureOf(runtime: Runtime, { message, late }: SubflowFailure, node: NodeDefinition): FlowcraftError {
  if (late) return new FlowcraftError(message, { nodeId: node.id })
  const blueprintId = String(paramsOf(runtime, node).blueprintId)
  const text = `Sub-workflow '${blueprintId}' did not complete successfully. Status: failed. Error: Unknown error`
  // Core's list of errors has copies of errors, without their messages.
  const timestamp = new Date().toISOString()
  const cause = { name: 'FlowcraftError', isFatal: false, timestamp, originalError: new Error(message) }
  return new FlowcraftError(text, { cause: cause as unknown as Error, nodeId: node.id, blueprintId })
}

type SubflowFailure = NonNullable<Job['failed']>
