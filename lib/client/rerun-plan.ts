/**
 * Which nodes of a run stay done in a new one that begins at one of its nodes. Pure. The new run is told the outputs of what is
 * done, and to which nodes those led that decide, as far as their actions say it, or the node that only they lead to. It is not told
 * how deep a branch was, nor what joins have met that a branch passed by. Where that matters, or where the way is not known, the plan
 * is a refusal.
 */
import type { EdgeDefinition } from 'flowcraft'
import { partsOf } from '../execution/paths.js'
import type { NodeDescription } from './description.js'
import { isCertain, type RerunGraph } from './rerun-graph.js'

export interface RerunPlan {
  /** The nodes that stay done. */
  readonly kept: ReadonlySet<string>
  /** The nodes that run again, or may do so. */
  readonly again: ReadonlySet<string>
  /** Nodes that stay done and do not take just the edges without an action and a condition: to which others they lead that do not. */
  readonly decided: ReadonlyMap<string, readonly string[]>
}

/** Whether a node that stays done leads to one that does not, by this edge. */
export function isTaken({ decided }: Pick<RerunPlan, 'decided'>, edge: EdgeDefinition): boolean {
  return decided.get(edge.source)?.includes(edge.target) ?? isCertain(edge)
}

/** Why there is no plan: the rest of a sentence that begins with the node. */
export interface NoPlan {
  readonly why: string
}

/** What the rules look at. */
interface Scene extends RerunPlan {
  readonly graph: RerunGraph
  readonly known: ReadonlyMap<string, NodeDescription>
  readonly from: string
  /** The node and what depends on it, without what had not ended elsewhere. */
  readonly after: ReadonlySet<string>
}

/** The plan for a run whose nodes stand like this. */
export function planRerun(graph: RerunGraph, nodes: readonly NodeDescription[], from: string): RerunPlan | NoPlan {
  const known = new Map(nodes.map((node) => [node.nodeId, node]))
  if ((known.get(from)?.execution ?? 0) === 0) return { why: 'has not run' }
  const after = graph.downstream([from])
  const ids = [...graph.nodes.keys()]
  const kept = new Set(ids.filter((id) => !after.has(id) && known.get(id)?.state === 'done'))
  const decided = decidedBy({ graph, known, kept })
  const isOpen = (id: string) => {
    const state = known.get(id)?.state
    const isLed = graph.edgesTo(id).some((edge) => kept.has(edge.source) && isTaken({ decided }, edge))
    return isLed || graph.starts.has(id) || (state !== undefined && state !== 'idle' && state !== 'done')
  }
  const open = ids.filter((id) => !after.has(id) && !kept.has(id) && isOpen(id))
  const again = graph.downstream([from, ...open], kept)
  const scene = { graph, known, from, after, kept, again, decided }
  const why = unreachable(scene) ?? unreadable(scene) ?? misled(scene) ?? unbalanced(scene) ?? roundAgain(scene)
  return why === undefined ? { kept, again, decided } : { why }
}

/** Whether the node becomes due in the new run, sooner or later. */
function unreachable({ graph, from, kept, again, after, decided }: Scene): string | undefined {
  if (graph.starts.has(from)) return undefined
  const before = graph.predecessorsOf(from)
  const [primary] = graph.primariesOf(from)
  if (before.length === 0) return `takes the place of '${primary}' when that fails`
  const leads = (id: string) =>
    graph.edgesFrom(id).some((edge) => edge.target === from && (edge.condition || isTaken({ decided }, edge)))
  const comes = (id: string) => (kept.has(id) && leads(id)) || (again.has(id) && !after.has(id))
  if (graph.joinsAny(from) ? before.some(comes) : before.every(comes)) return undefined
  const inside = before.filter((id) => after.has(id))
  if (inside.length > 0) return `stands in a loop: '${inside.join("', '")}' leads back to it`
  return `waits for '${before.filter((id) => !comes(id)).join("', '")}', which the run never reached`
}

/** What a new run cannot be told of: fallbacks that had not ended, batches, nodes that were added. */
function unreadable({ graph, known, kept, again }: Scene): string | undefined {
  for (const id of kept) {
    const node = graph.nodes.get(id)
    const fallback = known.get(id)?.replaced ? node?.config?.fallback : undefined
    if (fallback !== undefined && !kept.has(fallback)) return `needs '${fallback}', which took the place of '${id}'`
    const gather = node?.uses === 'batch-scatter' ? String(node.params?.gatherNodeId) : undefined
    if (gather !== undefined && !kept.has(gather))
      return `belongs to the batch that '${id}' began, which is run as a whole`
  }
  const scatters = [...again].some((id) => graph.nodes.get(id)?.uses === 'batch-scatter')
  const added = [...known.values()].find(
    ({ nodeId, state }) => state !== 'done' && !graph.nodes.has(nodeId) && !isInside(graph, nodeId),
  )
  return added && !scatters
    ? `stands beside '${added.nodeId}', which was added during the run and has not ended`
    : undefined
}

/** Which nodes lead to which others that run again, where edges alone do not say it. */
function decidedBy({ graph, known, kept }: Pick<Scene, 'graph' | 'known' | 'kept'>): Map<string, string[]> {
  const decided = new Map<string, string[]>()
  for (const id of kept) {
    const edges = graph.edgesFrom(id).filter(({ target }) => !kept.has(target))
    const taken = edges.filter((edge) => wayTo(graph, known, edge) === 'taken')
    if (edges.some((edge) => isCertain(edge) !== taken.includes(edge))) {
      decided.set(id, [...new Set(taken.map(({ target }) => target))])
    }
  }
  return decided
}

/** Edges on which the new run could go another way than the first one. */
function misled({ graph, known, kept, again }: Scene): string | undefined {
  for (const id of kept) {
    for (const edge of graph.edgesFrom(id).filter(({ target }) => !kept.has(target))) {
      const { target } = edge
      const way = wayTo(graph, known, edge)
      const joins = again.has(target) && !graph.joinsAny(target) && graph.predecessorsOf(target).length > 1
      if (way === 'unknown' || (way === 'skipped' && joins)) {
        return `depends on which way '${id}' went, to '${target}' or not`
      }
      const node = graph.nodes.get(target)
      if (way === 'taken' && edge.transform !== undefined && node?.inputs !== undefined) {
        return `depends on what the edge from '${id}' to '${target}' made of its input`
      }
    }
  }
  return undefined
}

/** Whether a node that stays done took an edge to one that does not. */
function wayTo(graph: RerunGraph, known: Scene['known'], edge: EdgeDefinition): Way {
  const { source, target } = edge
  // A node that was never reached says itself that the edge was not taken, and one that no other edge leads to that it was.
  const isOnly = graph.edgesTo(target).length === 1 && graph.primariesOf(target).length === 0
  const reached = isOnly && (known.get(target)?.execution ?? 0) > 0 ? 'taken' : 'unknown'
  const way = wayOf(graph, known.get(source), edge, known.has(target) ? reached : 'skipped')
  // What leads back to it may have led it another way before.
  const goesRound = way === 'taken' && !isCertain(edge) && graph.downstream([target]).has(source)
  return goesRound ? 'unknown' : way
}

type Way = 'taken' | 'skipped' | 'unknown'

/** Whether a node took an edge, as its action says it; `otherwise` where its action does not. */
function wayOf(
  graph: RerunGraph,
  node: NodeDescription | undefined,
  { action, condition, source }: EdgeDefinition,
  otherwise: Way,
): Way {
  if (node?.replaced && graph.edgesFrom(source).some((each) => !isCertain(each))) return otherwise
  if (condition !== undefined) return otherwise
  if (action !== undefined) return action === node?.action ? 'taken' : 'skipped'
  const others = graph.edgesFrom(source)
  const chosen = others.filter((each) => each.action !== undefined && each.action === node?.action)
  if (chosen.length > 0) return chosen.every((each) => each.condition === undefined) ? 'skipped' : otherwise
  const isLoop = graph.nodes.get(source)?.uses === 'loop-controller'
  return isLoop && others.some((each) => each.condition !== undefined) ? otherwise : 'taken'
}

/** Cycles that are over: an edge that leads back would begin the next lap. */
function roundAgain({ graph, kept }: Scene): string | undefined {
  for (const id of kept) {
    if (!graph.joinsAny(id)) continue
    const back = graph.edgesTo(id).filter((edge) => kept.has(edge.source) && isCertain(edge))
    const after = back.length > 0 ? graph.downstream([id]) : new Set()
    const closing = back.find(({ source }) => after.has(source))
    if (closing) return `comes after a cycle, in which '${closing.source}' leads back to '${id}'`
  }
  return undefined
}

/** Joins that weigh how deep their branches are. */
function unbalanced({ graph, kept, again }: Scene): string | undefined {
  for (const id of again) {
    if (graph.joinsAny(id)) continue
    const edges = graph.edgesTo(id)
    const decides = edges.find((edge) => again.has(edge.source) && mayBeSkipped(graph, edge))
    const done = edges.find(({ source }) => kept.has(source))
    if (decides && done) return `leads to '${id}', which joins '${done.source}' and what '${decides.source}' decides`
  }
  return undefined
}

/** Whether a node may be done and not take the edge: an edge without an action is not taken beside one whose action it decides. */
function mayBeSkipped(graph: RerunGraph, edge: EdgeDefinition): boolean {
  return !isCertain(edge) || graph.edgesFrom(edge.source).some(({ action }) => action !== undefined)
}

/** Whether an id is the path of a node inside a subflow. */
export function isInside(graph: RerunGraph, id: string): boolean {
  const [container = '', ...inner] = partsOf(id)
  return inner.length > 0 && !graph.nodes.has(id) && graph.nodes.has(container)
}
