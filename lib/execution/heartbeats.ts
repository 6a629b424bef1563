/** Nodes that have to say again and again that they go on: `config.heartbeatMs`. */
import {
  isNodeClass,
  type NodeClass,
  type NodeConfig,
  type NodeContext,
  type NodeFunction,
  type NodeResult,
} from 'flowcraft'
import { AttemptContext } from './attempt-context.js'
import { jobOf, passedOn } from './counted.js'
import { BEGIN_WATCHED } from './node-job.js'

/** A node's `config` with a heartbeat timeout: `config: { heartbeatMs: 30_000 } as HeartbeatNodeConfig`. */
export interface HeartbeatNodeConfig extends NodeConfig {
  /**
   * How long an attempt at the node may go on without a call of `dependencies.job.heartbeat`, in milliseconds: a whole number from 1
   * to 2,147,483,647. Then it fails with a {@link HeartbeatTimeoutError}. Default: as long as it likes.
   */
  heartbeatMs?: number
}

/** The longest time that a timer can be set for, in milliseconds. */
export const LONGEST_HEARTBEAT = 2 ** 31 - 1

/** What a definition says of heartbeats, whatever that is. */
export function heartbeatIn({ config }: { config?: NodeConfig }): unknown {
  return ((config ?? {}) as { heartbeatMs?: unknown }).heartbeatMs
}

/** Whether that is a time. */
export function isHeartbeat(milliseconds: unknown): milliseconds is number {
  return Number.isInteger(milliseconds) && Number(milliseconds) >= 1 && Number(milliseconds) <= LONGEST_HEARTBEAT
}

/** An implementation each attempt of which fails when it sends no heartbeat for so long. Where a node has no job it is as it was. */
export function watched(implementation: NodeFunction | NodeClass, heartbeatMs: number): NodeFunction | NodeClass {
  if (!isNodeClass(implementation)) {
    return (context) => withDeadline(context, heartbeatMs, async (own) => implementation(own))
  }
  return passedOn(implementation, (node) => ({
    exec: (prepared, context) => withDeadline(context, heartbeatMs, async (own) => node.exec(prepared, own)),
  }))
}

/** Runs one attempt, with a signal, a job and a context of its own: what its code does after it has failed reaches no other one. */
async function withDeadline(
  context: NodeContext,
  heartbeatMs: number,
  run: (own: NodeContext) => Promise<NodeResult>,
): Promise<NodeResult> {
  const begun = jobOf(context)?.[BEGIN_WATCHED]?.(heartbeatMs, context.signal)
  if (!begun) return run(context)
  const { job, deadline } = begun
  const own = {
    ...context,
    context: new AttemptContext(context.context, () => deadline.hasPassed),
    dependencies: { ...context.dependencies, job },
    signal: deadline.signal,
  } as NodeContext
  try {
    return await Promise.race([run(own), deadline.passed])
  } finally {
    deadline.end()
  }
}
