/**
 * Implementations of nodes whose tries are counted: within one job, where core tries a node again without leaving it, and as one
 * attempt of several through the queue. What fails is noted with the job. A class stays as it is: core gets an object of ours that
 * passes its calls on, so what the user's code calls of itself is its own.
 */
import {
  FlowcraftError,
  isNodeClass,
  type NodeClass,
  type NodeContext,
  type NodeFunction,
  type NodeResult,
} from 'flowcraft'
import { FAILED_TRY, NEXT_ATTEMPT, type TellingJob } from './node-job.js'
import { retryAfterOf } from './retry-after.js'
import { missingKeyOf } from './unreadable.js'

/** One attempt, and how far it came. */
export interface Attempt {
  /** From 1. */
  readonly number: number
  readonly isLast: boolean
  /** The node's execution began. */
  hasBegun?: true
  /** The node's own code failed, and may be tried again. Neither `prep` and `post` of a class nor middleware are. */
  hasFailed?: true
}

/** What core calls of a node of a class. */
interface Lifecycle {
  prep(context: NodeContext): Promise<unknown>
  exec(prepared: unknown, context: NodeContext): Promise<NodeResult>
  post(result: NodeResult, context: NodeContext): Promise<NodeResult>
  fallback(error: Error, context: NodeContext): Promise<NodeResult>
  recover(error: Error, context: NodeContext): Promise<void>
}
type ConcreteClass = new (...args: ConstructorParameters<NodeClass>) => Lifecycle
type Run = () => Promise<NodeResult>

/** An implementation that counts its tries within one job. */
export function counted(implementation: NodeFunction | NodeClass): NodeFunction | NodeClass {
  const tried = async (context: NodeContext, run: Run): Promise<NodeResult> => {
    jobOf(context)?.[NEXT_ATTEMPT]?.()
    return noting(context, run)
  }
  if (!isNodeClass(implementation)) return (context) => tried(context, async () => implementation(context))
  return passedOn(implementation, (node) => ({
    exec: (prepared, context) => tried(context, async () => node.exec(prepared, context)),
  }))
}

/** An implementation that notes how its attempt fails. */
export function attempted(implementation: NodeFunction | NodeClass, attempt: Attempt): NodeFunction | NodeClass {
  const tried = async (context: NodeContext, run: Run): Promise<NodeResult> => {
    try {
      return await noting(context, run)
    } catch (error) {
      if (!(error instanceof FlowcraftError && error.isFatal)) attempt.hasFailed = true
      throw error
    }
  }
  if (!isNodeClass(implementation)) return (context) => tried(context, async () => implementation(context))
  const follows = () => attempt.hasFailed === true && !attempt.isLast
  return passedOn(implementation, (node) => ({
    exec: (prepared, context) => tried(context, async () => node.exec(prepared, context)),
    fallback: async (error, context) => {
      if (follows()) throw error
      return node.fallback(error, context)
    },
    recover: async (error, context) => {
      if (!follows()) await node.recover(error, context)
    },
  }))
}

/** A class whose nodes are the user's, but for some of core's calls. */
export function passedOn(implementation: NodeClass, some: (node: Lifecycle) => Partial<Lifecycle>): NodeClass {
  function PassedOn(...args: ConstructorParameters<NodeClass>): Lifecycle {
    const node = new (implementation as unknown as ConcreteClass)(...args)
    return {
      prep: (context) => node.prep(context),
      exec: (prepared, context) => node.exec(prepared, context),
      post: (result, context) => node.post(result, context),
      fallback: (error, context) => node.fallback(error, context),
      recover: (error, context) => node.recover(error, context),
      ...some(node),
    }
  }
  // Core knows a class by its prototype.
  PassedOn.prototype = implementation.prototype
  Object.defineProperty(PassedOn, 'name', { value: implementation.name })
  return PassedOn as unknown as NodeClass
}

/** Runs a node's code; the error it fails with is kept with its job. */
async function noting(context: NodeContext, run: Run): Promise<NodeResult> {
  try {
    return await run()
  } catch (error) {
    if (!putsOff(error)) jobOf(context)?.[FAILED_TRY]?.(error)
    throw error
  }
}

/** The job that a node finds, where it has one. */
export function jobOf({ dependencies }: NodeContext): Partial<TellingJob> | undefined {
  return (dependencies as { job?: Partial<TellingJob> }).job
}

/** Whether an error is none of the node's: it runs again later. */
export function putsOff(error: unknown): boolean {
  return retryAfterOf(error) !== undefined || missingKeyOf(error) !== undefined
}
