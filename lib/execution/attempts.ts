/**
 * Attempts of a node whose retries go through the queue: each is a job, and what user code and the event bus see of all of
 * them together is what they see of core's retries within one job. A class node's `fallback` and `recover` come after the
 * last attempt only, an error that another attempt follows is no `node:error`, and the node starts once. Where a subflow runs
 * whole its nodes are no jobs: they retry as core has it, within the job of the subflow.
 */
import {
  ClassNodeExecutor,
  FlowcraftError,
  type FlowcraftEvent,
  type FlowRuntime,
  FunctionNodeExecutor,
  type IEventBus,
  isNodeClass,
  type NodeClass,
  type NodeDefinition,
  NodeExecutor,
  type NodeFunction,
  type WorkflowState,
} from 'flowcraft'
import { Beside } from './beside.js'
import { isCoresOwn } from './cores-own.js'
import { type Attempt, attempted, counted, putsOff } from './counted.js'
import { tell } from './events.js'
import { heartbeatIn, isHeartbeat, watched } from './heartbeats.js'
import { HISTORY, TellingJob } from './node-job.js'

/** The fallback that takes over if no attempt of its node succeeds, and whether the event bus has heard of that. */
export interface TakeOver {
  readonly fallback: string
  told?: true
}

type State = WorkflowState<Record<string, unknown>>
type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>
type Factory =
  ReturnType<Runtime['getExecutorForNode']> extends infer Executor
    ? { createExecutorForNode(nodeId: string, context: ExecutionContext): Executor }
    : never
type ExecutionContext = Parameters<Runtime['getExecutorForNode']>[1]
type Strategy = ConstructorParameters<typeof NodeExecutor>[0]['strategy']

export class Attempts {
  readonly #runtime: Runtime
  readonly #bus: IEventBus
  /** By the state their execution has to itself. */
  readonly #known = new Beside<Attempt>()
  readonly #takeOvers = new Beside<TakeOver>()
  readonly #jobs = new Beside<TellingJob>()

  /** Has the runtime execute nodes by their attempts. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#bus = runtime.eventBus
    const factory: Factory = {
      createExecutorForNode: (nodeId, context) => this.#executor(nodeId, context),
    }
    Object.assign(runtime, { executorFactory: factory })
  }

  /** The execution of this state is an attempt through the queue. */
  note(state: State, attempt: Attempt): void {
    this.#known.set(state, attempt)
  }

  /** The execution of this state is that of a job. */
  noteJob(state: State, job: TellingJob): void {
    this.#jobs.set(state, job)
  }

  /** The node of this state has a fallback. */
  noteFallback(state: State, takeOver: TakeOver): void {
    this.#takeOvers.set(state, takeOver)
  }

  #executor(nodeId: string, context: ExecutionContext): NodeExecutor<Record<string, unknown>, Record<string, unknown>> {
    const nodeDef = context.blueprint.nodes.find(({ id }) => id === nodeId)
    const about = { nodeId, blueprintId: context.blueprint.id, executionId: context.executionId }
    if (!nodeDef) throw new FlowcraftError(`Node '${nodeId}' not found in blueprint.`, { ...about, isFatal: false })
    const registered = context.nodeRegistry.get(nodeDef.uses)
    if (!registered) {
      throw new FlowcraftError(`Implementation for '${nodeDef.uses}' not found.`, { ...about, isFatal: true })
    }
    const heartbeatMs = heartbeatIn(nodeDef)
    const hasDeadline = isHeartbeat(heartbeatMs) && !isCoresOwn(this.#runtime, nodeDef)
    const implementation = hasDeadline ? watched(registered, heartbeatMs) : registered
    const takeOver = this.#takeOvers.get(context.state)
    const job = this.#jobs.get(context.state)
    const known = job ? withJob(job, context) : withoutJob(context)
    const heard = takeOver ? withTakeOver(takeOver, nodeDef, known) : known
    const attempt = this.#known.get(context.state)
    if (!attempt) {
      const attempts = nodeDef.config?.maxRetries ?? 1
      // The error of a class's only attempt may be one that its `fallback` takes the place of.
      const isCounted = attempts > 1 || isNodeClass(implementation)
      const strategy = strategyOf(isCounted ? counted(implementation) : implementation, attempts, this.#bus)
      return new NodeExecutor({ context: heard, nodeDef, strategy: withHistory(job, strategy) })
    }
    attempt.hasBegun = true
    const strategy = strategyOf(attempted(implementation, attempt), 1, this.#bus)
    return new NodeExecutor({
      context: heardAs(attempt, nodeDef, heard),
      nodeDef,
      strategy: withHistory(job, strategy),
    })
  }
}

function strategyOf(implementation: NodeFunction | NodeClass, attempts: number, bus: IEventBus): Strategy {
  return isNodeClass(implementation)
    ? new ClassNodeExecutor(implementation, attempts, bus)
    : new FunctionNodeExecutor(implementation, attempts, bus)
}

/** A strategy that tells the history, where there is one, what goes into the node. */
function withHistory(job: TellingJob | undefined, strategy: Strategy): Strategy {
  const history = job?.[HISTORY]
  if (!history) return strategy
  const execute: Strategy['execute'] = (node, context, ...more) => {
    history.input(context.input)
    return strategy.execute(node, context, ...more)
  }
  return { execute }
}

/** An execution whose node finds its job, and whose event bus hears of no error that only asks for a later time. */
function withJob(job: TellingJob, context: ExecutionContext): ExecutionContext {
  const { services } = context
  const emit = async (event: FlowcraftEvent) => {
    const isPutOff = event.type === 'node:error' && putsOff(event.payload.error)
    if (!isPutOff) await services.eventBus.emit(event)
  }
  return withServices({ eventBus: { emit }, dependencies: { ...services.dependencies, job } }, context)
}

/** An execution of a node that is no job: that of a subflow which core runs whole, and hands what its container knows. */
function withoutJob(context: ExecutionContext): ExecutionContext {
  const { dependencies } = context.services as { dependencies: { job?: unknown } }
  if (!(dependencies.job instanceof TellingJob)) return context
  const { job: _, ...rest } = dependencies
  return withServices({ dependencies: rest }, context)
}

/** An execution whose event bus hears the node start once, and of no error that another attempt follows. */
function heardAs(attempt: Attempt, node: NodeDefinition, context: ExecutionContext): ExecutionContext {
  const bus = context.services.eventBus
  /** It is about one attempt of many. */
  const isOfMany = (event: FlowcraftEvent) =>
    (event.type === 'node:start' && attempt.number > 1) ||
    (event.type === 'node:error' && attempt.hasFailed === true && !attempt.isLast)
  const emit = async (event: FlowcraftEvent) => {
    if (!(isAbout(node, context, event) && isOfMany(event))) await bus.emit(event)
  }
  return withServices({ eventBus: { emit } }, context)
}

/** An execution whose event bus hears, before its error, that the fallback takes over: in the order of core in memory. */
function withTakeOver(takeOver: TakeOver, node: NodeDefinition, context: ExecutionContext): ExecutionContext {
  const bus = context.services.eventBus
  const emit = async (event: FlowcraftEvent) => {
    if (event.type === 'node:error' && !event.payload.error.isFatal && isAbout(node, context, event)) {
      await tellTakeOver(bus, takeOver, event.payload)
    }
    await bus.emit(event)
  }
  return withServices({ eventBus: { emit } }, context)
}

/** Tells, once, that a node's fallback takes over. */
export async function tellTakeOver(
  bus: IEventBus,
  takeOver: TakeOver,
  { nodeId, blueprintId, executionId }: { nodeId: string; blueprintId: string; executionId: string },
): Promise<void> {
  if (takeOver.told) return
  takeOver.told = true
  const payload = { nodeId, executionId, fallback: takeOver.fallback, blueprintId }
  await tell(bus, { type: 'node:fallback', payload })
}

function isAbout({ id }: NodeDefinition, { blueprint }: ExecutionContext, { payload }: FlowcraftEvent): boolean {
  return (
    'nodeId' in payload && payload.nodeId === id && 'blueprintId' in payload && payload.blueprintId === blueprint.id
  )
}

/** The same execution, with these services in place of its own. Not made of it by inheritance: that is slow for an object of one job. */
function withServices(services: Partial<ExecutionContext['services']>, context: ExecutionContext): ExecutionContext {
  const own = Object.create(Object.getPrototypeOf(context)) as ExecutionContext
  return Object.assign(own, context, { services: { ...context.services, ...services } })
}
