/**
 * Blueprints that a node runs as subflows, all of them inside its job: a worker that does not have them runs nothing of it,
 * and leaves it to one that has.
 */
import { type FlowRuntime, GraphTraverser, type NodeDefinition, SubflowNode, type WorkflowBlueprint } from 'flowcraft'
import { subBlueprint, subflowKey } from './pauses.js'

type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>

/** The id of a blueprint that a node runs for certain, itself or within, and that the runtime does not have. */
export function lackedInside(runtime: Runtime, node: NodeDefinition, seen = new Set<string>()): string | undefined {
  const id = node.params?.blueprintId
  if (!isSubflow(runtime, node) || typeof id !== 'string' || id === '' || seen.has(id)) return undefined
  const inner = subBlueprint(runtime, node)
  if (!inner) return id
  seen.add(id)
  for (const inside of certainNodesOf(inner)) {
    const lacked = lackedInside(runtime, inside, seen)
    if (lacked !== undefined) return lacked
  }
  return undefined
}

/** The same for a node that paused inside its subflow, by the state of that, and is resumed. */
export function lackedToResume(runtime: Runtime, node: NodeDefinition, serialized: string): string | undefined {
  const blueprint = subBlueprint(runtime, node)
  if (!blueprint) return typeof node.params?.blueprintId === 'string' ? node.params.blueprintId : undefined
  const inner = runtime.serializer.deserialize(serialized)
  for (const inside of blueprint.nodes) {
    const state = inner[subflowKey(inside.id)]
    const lacked = typeof state === 'string' ? lackedToResume(runtime, inside, state) : undefined
    if (lacked !== undefined) return lacked
  }
  for (const inside of certainNodesOf(blueprint)) {
    const isDone = `_outputs.${inside.id}` in inner || subflowKey(inside.id) in inner
    const lacked = isDone ? undefined : lackedInside(runtime, inside)
    if (lacked !== undefined) return lacked
  }
  return undefined
}

/** Core's own subflow node, or a user's that runs its subflow in the same way. */
function isSubflow(runtime: Runtime, { uses }: NodeDefinition): boolean {
  const { prototype } = (runtime.registry.get(uses) ?? {}) as { prototype?: { exec?: unknown } }
  return prototype?.exec === SubflowNode.prototype.exec
}

const certain = new WeakMap<WorkflowBlueprint, readonly NodeDefinition[]>()

/**
 * The nodes that every run of a blueprint comes to, unless one fails before: the start nodes, and those that only plain
 * edges lead to, from such nodes. What a branch leads to may never be needed.
 */
function certainNodesOf(blueprint: WorkflowBlueprint): readonly NodeDefinition[] {
  let nodes = certain.get(blueprint)
  if (!nodes) {
    nodes = certainNodes(blueprint)
    certain.set(blueprint, nodes)
  }
  return nodes
}

function certainNodes(blueprint: WorkflowBlueprint): NodeDefinition[] {
  const { nodes, edges } = blueprint
  const branching = new Set(edges.filter((edge) => edge.action || edge.condition).map(({ source }) => source))
  const reached = new Set(startsOf(blueprint))
  const isReached = ({ id }: NodeDefinition) => {
    const incoming = edges.filter(({ target }) => target === id)
    return incoming.length > 0 && incoming.every(({ source }) => reached.has(source) && !branching.has(source))
  }
  for (let before = -1; before < reached.size; ) {
    before = reached.size
    for (const node of nodes) if (isReached(node)) reached.add(node.id)
  }
  return nodes.filter(({ id }) => reached.has(id))
}

function startsOf(blueprint: WorkflowBlueprint): string[] {
  try {
    return new GraphTraverser(blueprint).getReadyNodes().map(({ nodeId }) => nodeId)
  } catch {
    // The subflow says why it cannot be run.
    return []
  }
}
