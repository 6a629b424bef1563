/**
 * The user's blueprints: found in the runtime, cleaned as core cleans them, and described for the engine.
 */
import { GraphTraverser, sanitizeBlueprint, type WorkflowBlueprint } from 'flowcraft'

/**
 * Copies of the user's blueprints, one per object. Core's edge transforms write into the blueprint they are
 * given; they get shallow copies of these nodes, and the user's own object is never touched.
 */
const cleaned = new WeakMap<object, WorkflowBlueprint>()

/** A blueprint of the runtime by its id; one added after the adapter was made is found too. */
export function findBlueprint(
  blueprints: Record<string, WorkflowBlueprint> | undefined,
  id: string,
): WorkflowBlueprint | undefined {
  const raw = blueprints && Object.hasOwn(blueprints, id) ? blueprints[id] : undefined
  if (raw === undefined) return undefined
  let blueprint = cleaned.get(raw)
  if (!blueprint) {
    blueprint = sanitizeBlueprint(raw)
    cleaned.set(raw, blueprint)
  }
  return blueprint
}

/** What the engine has to know of a blueprint, as JSON. */
export function describeBlueprint(id: string, blueprint: WorkflowBlueprint): string {
  // Core's own traverser chooses where a run begins, so that the two can not differ.
  const starts = new GraphTraverser(blueprint).getReadyNodes().map(({ nodeId }) => nodeId)
  if (starts.length === 0) throw new Error(`Blueprint '${id}' has no start node`)
  return JSON.stringify({
    id,
    version: blueprint.metadata?.version || null,
    nodes: blueprint.nodes.map((node) => ({
      id: node.id,
      uses: node.uses,
      any: node.config?.joinStrategy === 'any',
      fallback: node.config?.fallback,
    })),
    edges: blueprint.edges.map((edge) => ({
      source: edge.source,
      target: edge.target,
      action: edge.action,
      conditional: edge.condition !== undefined,
    })),
    starts,
  })
}
