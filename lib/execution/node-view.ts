/**
 * A node as its jobs find it: what they look for in its blueprint is found once. A blueprint may have thousands of
 * nodes, and a job is to cost no more for it.
 */
import type { NodeDefinition, WorkflowBlueprint } from 'flowcraft'
import type { Job } from '../bridge/channel.js'

export interface NodeView {
  /** The blueprint a job of the node works on. */
  readonly blueprint: WorkflowBlueprint
  /** The node in it; none where the blueprint does not have it. */
  readonly node: NodeDefinition | undefined
  /** The node's fallback, as its definition names it. */
  readonly fallback: string | undefined
  /** As much of the blueprint as decides where a run goes on: the node, the edges that lead on, and where to. */
  readonly onward: WorkflowBlueprint
}

const known = new WeakMap<WorkflowBlueprint, Map<string, NodeView>>()

/**
 * The view of a job's node. The nodes added to the run are part of its blueprint. The job's own node comes
 * without its fallback, which the engine makes a job of its own, as core does in memory; and where an edge decided its
 * input, that input comes before the `inputs` of its definition.
 */
export function nodeViewOf(job: Job, base: WorkflowBlueprint): NodeView {
  if (job.added) return viewOf(job, base)
  const ofBase = known.get(base) ?? new Map<string, NodeView>()
  if (!known.has(base)) known.set(base, ofBase)
  const name = job.fed ? `fed:${job.nodeId}` : `:${job.nodeId}`
  const made = ofBase.get(name) ?? viewOf(job, base)
  if (made.node) ofBase.set(name, made)
  return made
}

function viewOf({ nodeId, fed, added = [] }: Job, base: WorkflowBlueprint): NodeView {
  const nodes = added.length > 0 ? [...base.nodes, ...added] : base.nodes
  const index = nodes.findIndex(({ id }) => id === nodeId)
  const found = nodes[index]
  const node = found && own(found, fed)
  const changed = node && node !== found ? nodes.with(index, node) : nodes
  const blueprint = changed === base.nodes ? base : { ...base, nodes: changed }
  // Of a node that was added, the base knows no fallback.
  const fallback = base.nodes.find(({ id }) => id === nodeId)?.config?.fallback
  return { blueprint, node, fallback, onward: onward(blueprint, nodeId) }
}

function own(node: NodeDefinition, fed: true | undefined): NodeDefinition {
  if (node.config?.fallback === undefined && !fed) return node
  const { fallback: _, ...config } = node.config ?? {}
  return { ...node, config, ...(fed && { inputs: `_inputs.${node.id}` }) }
}

/** All that core's `determineNextNodes` looks at: the edges of the node, and of the nodes whose fallback it is. */
function onward(blueprint: WorkflowBlueprint, nodeId: string): WorkflowBlueprint {
  const stoodInFor = blueprint.nodes.filter(({ config }) => config?.fallback === nodeId).map(({ id }) => id)
  const sources = new Set([nodeId, ...stoodInFor])
  const edges = blueprint.edges.filter(({ source }) => sources.has(source))
  const ends = new Set([...sources, ...edges.map(({ target }) => target)])
  return { ...blueprint, nodes: blueprint.nodes.filter(({ id }) => ends.has(id)), edges }
}
