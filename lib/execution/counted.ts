/**
 * Implementations of nodes whose tries are counted: within one job, where core tries a node again without leaving it, and as one
 * attempt of several through the queue. What fails is noted with the job.
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

/** A class of nodes as it is, to be extended. */
type ConcreteClass = new (...args: ConstructorParameters<NodeClass>) => Lifecycle
interface Lifecycle {
  exec(prepared: unknown, context: NodeContext): Promise<NodeResult>
  fallback(error: Error, context: NodeContext): Promise<NodeResult>
  recover(error: Error, context: NodeContext): Promise<void>
}
/** Classes whose tries within one job are counted, by the class they extend. */
const countedClasses = new WeakMap<NodeClass, NodeClass>()

/** An implementation that counts its tries within one job. */
export function counted(implementation: NodeFunction | NodeClass): NodeFunction | NodeClass {
  if (!isNodeClass(implementation)) {
    return (context) => tried(context, async () => implementation(context))
  }
  const known = countedClasses.get(implementation)
  if (known) return known
  const made = extended(
    implementation,
    (Base) =>
      class extends Base {
        override async exec(prepared: unknown, context: NodeContext) {
          return tried(context, async () => super.exec(prepared, context))
        }
      },
  )
  countedClasses.set(implementation, made)
  return made
}

/** One try within a job: its number is told to the node's code, its error is kept. */
async function tried(context: NodeContext, run: () => Promise<NodeResult>): Promise<NodeResult> {
  jobOf(context)?.[NEXT_ATTEMPT]?.()
  try {
    return await run()
  } catch (error) {
    noteTry(context, error)
    throw error
  }
}

function noteTry(context: NodeContext, error: unknown): void {
  if (!putsOff(error)) jobOf(context)?.[FAILED_TRY]?.(error)
}

function jobOf({ dependencies }: NodeContext): Partial<TellingJob> | undefined {
  return (dependencies as { job?: Partial<TellingJob> }).job
}

/** An implementation that notes how its attempt fails. */
export function attempted(implementation: NodeFunction | NodeClass, attempt: Attempt): NodeFunction | NodeClass {
  const noting = async (context: NodeContext, run: () => Promise<NodeResult>): Promise<NodeResult> => {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof FlowcraftError && error.isFatal)) attempt.hasFailed = true
      noteTry(context, error)
      throw error
    }
  }
  if (!isNodeClass(implementation)) return (context) => noting(context, async () => implementation(context))
  const follows = () => attempt.hasFailed === true && !attempt.isLast
  return extended(
    implementation,
    (Base) =>
      class extends Base {
        override async exec(prepared: unknown, context: NodeContext) {
          return noting(context, async () => super.exec(prepared, context))
        }
        override async fallback(error: Error, context: NodeContext) {
          if (follows()) throw error
          return super.fallback(error, context)
        }
        override async recover(error: Error, context: NodeContext) {
          if (!follows()) await super.recover(error, context)
        }
      },
  )
}

/** A class that extends the user's, under the same name: stacks have it, and so does what a node asks of itself. */
function extended(implementation: NodeClass, extend: (base: ConcreteClass) => ConcreteClass): NodeClass {
  const made = extend(implementation as unknown as ConcreteClass)
  Object.defineProperty(made, 'name', { value: implementation.name })
  return made as unknown as NodeClass
}

/** Whether an error is none of the node's: it runs again later. */
export function putsOff(error: unknown): boolean {
  return retryAfterOf(error) !== undefined || missingKeyOf(error) !== undefined
}
