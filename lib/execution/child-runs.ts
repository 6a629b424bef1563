/**
 * Nodes that start a run of its own, a child, and wait for its end. The node pauses like any that waits for an event; the engine
 * sends that event once, when the child has ended.
 */
import { FlowcraftError, type NodeImplementation } from 'flowcraft'
import { isObject } from '../is-object.js'
import type { Stored } from './job-context.js'
import { whenReachable } from './when-reachable.js'

const OUTPUTS = '_outputs.'

/** Marks the function of a node that waits for a child. */
const CHILD_RUN = Symbol.for('@flowcraft/rabbitmq-adapter/child-run')

/** Has a job start a child. */
export const START_CHILD = Symbol('start child')

/** What becomes of a child whose parent is cancelled. */
export type OnCancel = 'cancel' | 'leave'

/** A child as its node asks for it. */
export interface ChildAsked {
  readonly blueprintId: string
  readonly context: object
  /** Beside those of its parent. */
  readonly tags: readonly string[]
  readonly version: string | undefined
}

/** An execution of a node. */
export interface NodePlace {
  readonly runId: string
  /** Its place in the run. */
  readonly nodeId: string
  readonly round: number
}

/** The node that waits: the engine's `Parent`. */
export interface ParentNode extends NodePlace {
  readonly event: string
}

/** A child that was started: its run, and the event that its end is. */
export interface StartedChild {
  readonly runId: string
  readonly event: string
}

/** What a node that waits for a child says it waits for, in `_awaitingDetails`. The engine reads it when the run is cancelled. */
export interface ChildDetails {
  readonly reason: 'child_run'
  readonly childRunId: string
  readonly blueprintId: string
  readonly event: string
  readonly onCancel?: OnCancel
}

/** How a child ended, as the engine tells its parent. */
interface ChildEnd {
  readonly runId: string
  readonly status: string
  readonly reason: string
}

/** What a node makes of its child's context. */
export type ChildOutput = (context: Record<string, unknown>) => unknown

/**
 * The error of a node whose child run did not complete. The node is not tried again for it; a fallback takes over.
 *
 * @example
 * ```ts
 * bus.on('node:error', ({ error }) => error.cause instanceof ChildRunError && alert(error.cause.childRunId))
 * ```
 */
export class ChildRunError extends FlowcraftError {
  override readonly name = 'ChildRunError'
  /** The child's run id. */
  readonly childRunId: string
  /** How it ended: `failed`, `cancelled` or `stalled`; `removed` where it completed and was removed before its result was read. */
  readonly status: string

  /** @internal */
  constructor({ runId, status, reason }: ChildEnd) {
    super(`The child run '${runId}' is ${status}${reason === '' ? '' : `: ${reason}`}`)
    this.childRunId = runId
    this.status = status
  }
}

/** Marks a node's function, with what it makes of its child's context. */
export function waitingForChild<F extends object>(node: F, output: ChildOutput): F {
  return Object.assign(node, { [CHILD_RUN]: output })
}

/** What a node makes of its child's context; none where it waits for no child. */
export function childOutputOf(implementation: NodeImplementation | undefined): ChildOutput | undefined {
  return (implementation as { [CHILD_RUN]?: ChildOutput } | undefined)?.[CHILD_RUN]
}

/** Whether a node waits for a child, by what it says it waits for. */
export function isChildDetails(details: unknown): details is ChildDetails {
  return (details as { reason?: unknown } | null | undefined)?.reason === 'child_run'
}

/**
 * The output of a node whose child has ended. What a person resumed it with is its output as it stands.
 *
 * @throws ChildRunError where the child did not complete.
 * @throws RetryAfter while PostgreSQL is out of reach.
 */
export async function outputOfChild(given: unknown, output: ChildOutput, stored: Stored): Promise<unknown> {
  if (!isChildEnd(given)) return given
  if (given.status !== 'completed') throw new ChildRunError(given)
  const read = () => stored.record(given.runId).toJSON()
  const context = await whenReachable(`The result of the child run '${given.runId}' cannot be read`, read)
  if (Object.keys(context).length > 0) return output(withOutputs(context))
  // The context of a run that a client started is never empty.
  throw new ChildRunError({ ...given, status: 'removed', reason: 'it had completed, and nobody had read its result' })
}

/** As in a node, an output also stands under the id of its node. */
export function withOutputs(context: Record<string, unknown>): Record<string, unknown> {
  const outputs = Object.entries(context).filter(([key]) => key.startsWith(OUTPUTS))
  return { ...Object.fromEntries(outputs.map(([key, output]) => [key.slice(OUTPUTS.length), output])), ...context }
}

function isChildEnd(given: unknown): given is ChildEnd {
  return isObject(given) && ['runId', 'status', 'reason'].every((field) => typeof given[field] === 'string')
}
