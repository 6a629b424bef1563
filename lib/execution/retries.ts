/** Retries through the queue: how many attempts a node has, and how long each waits for the next. */
import type { NodeDefinition } from 'flowcraft'

/** What `getQueueRetryOptions` may answer; each field has a default. */
export interface QueueRetryOptions {
  /** Attempts in total; default the node's `config.maxRetries`. */
  attempts?: number
  /** Milliseconds before the second attempt, doubled for each further one; default the node's `config.retryDelay`, or 1000. */
  delay?: number
  /** The longest wait in milliseconds; default the adapter's `retryMaxDelay`. */
  maxDelay?: number
}

/** How many attempts a node has. */
export function attemptsOf(node: NodeDefinition, options: QueueRetryOptions | undefined): number {
  return Math.max(1, options?.attempts ?? node.config?.maxRetries ?? 1)
}

/** Milliseconds before the attempt after this one: exponential, up to a ceiling, spread by up to a quarter. */
export function waitAfter(
  attempt: number,
  node: NodeDefinition,
  options: QueueRetryOptions | undefined,
  ceiling: number,
): number {
  const first = options?.delay ?? node.config?.retryDelay ?? 1000
  const wait = Math.min(first * 2 ** (attempt - 1), options?.maxDelay ?? ceiling)
  return Math.round(wait * (1 - Math.random() / 4))
}
