/** What a worker says at its start of nodes that it cannot execute. */
import type { NodeDefinition, WorkflowBlueprint } from 'flowcraft'
import { findBlueprint } from '../execution/blueprints.js'

/** Where implementations of nodes are looked up. */
interface Registry {
  get(uses: string): unknown
}

/**
 * A sentence for each blueprint with nodes that have no implementation here: their runs would fail one by one, each with an error
 * that names neither the cause nor the cure.
 */
export function missingImplementations(
  blueprints: Record<string, WorkflowBlueprint> | undefined,
  registry: Registry,
): string[] {
  return Object.keys(blueprints ?? {}).flatMap((id) => {
    const missing = nodesOf(blueprints, id).filter(({ uses }) => registry.get(uses) === undefined)
    if (missing.length === 0) return []
    const nodes = missing.map((node) => `'${node.id}' (uses '${node.uses}')`).join(', ')
    return [
      `Blueprint '${id}': this worker's registry has no implementation of ${nodes}; a run fails when it comes there. Take blueprint and registry from one object: flow.toBlueprint() and flow.getFunctionRegistry() (runtimeOptions.registry)`,
    ]
  })
}

/** The nodes of a blueprint; none where it is malformed. */
export function nodesOf(blueprints: Record<string, WorkflowBlueprint> | undefined, id: string): NodeDefinition[] {
  try {
    return findBlueprint(blueprints, id)?.nodes ?? []
  } catch {
    // Its jobs say why it cannot be run.
    return []
  }
}
