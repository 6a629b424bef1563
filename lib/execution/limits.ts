/** The limit of a node: the text under which its executions count, on all workers together. */
import type { NodeConfig, NodeDefinition } from 'flowcraft'

/** A node's `config` with a limit: `config: { limit: 'openai' } as LimitedNodeConfig`. */
export interface LimitedNodeConfig extends NodeConfig {
  /** What its executions count under: a name of the option `limits`, or one, a colon, and `${keys}` of the context. */
  limit?: string
}

/** What hands out the items of a batch. */
const SCATTER = 'batch-scatter'

/** A node's `config.limit`. That of a batch is its items'. */
export function limitOf(node: NodeDefinition): string | undefined {
  return node.uses === SCATTER ? undefined : limitIn(node)
}

/** A node that another one adds. An item of a batch has the limit of its batch, unless it has one of its own. */
export function withLimit(added: NodeDefinition, by: NodeDefinition | undefined): NodeDefinition {
  const limit = by?.uses === SCATTER ? limitIn(by) : undefined
  if (limit === undefined || limitIn(added) !== undefined) return added
  return { ...added, config: { ...added.config, limit } as NodeDefinition['config'] & object }
}

/** The limit that a definition names, whoever goes by it. */
export function limitIn({ config }: NodeDefinition): string | undefined {
  const { limit } = (config ?? {}) as { limit?: unknown }
  return typeof limit === 'string' && limit !== '' ? limit : undefined
}

/** The name of the rules that a limit goes by: what is before its first colon. */
export function rulesOf(limit: string): string {
  return limit.split(':', 1)[0] ?? limit
}
