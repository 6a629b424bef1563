/** The context that a new run begins with, made of the one that another run has. Pure: values stay the text they are. */
import type { NodeDefinition } from 'flowcraft'
import { childrenOf } from '../bridge/json-slices.js'
import type { RerunGraph } from './rerun-graph.js'
import { isTaken, type RerunPlan } from './rerun-plan.js'

/** Where a run that was begun at a node of another one says so. */
export const RERUN_OF = '_rerunOf'

const OUTPUTS = '_outputs.'
const INPUTS = '_inputs.'
/** What the engine keeps of a run: of its pauses, of its subflows, of how it was resumed. */
const ENGINES = ['_flowcraft', '_awaitingNodeIds', '_awaitingDetails', '_resume.', '_subflowState.', RERUN_OF]

/** Whether a key is the engine's, and not taken over. */
export function isEngines(key: string): boolean {
  return ENGINES.some((own) => key.startsWith(own))
}

/** The keys of a context, as JSON text. */
export type Keys = ReadonlyMap<string, string>

export function keysOf(json: string): Keys {
  return new Map([...childrenOf(json)].map(({ key, from, to }) => [key, json.slice(from, to)]))
}

/** The keys that a new run takes over. */
export function carriedKeys(graph: RerunGraph, plan: RerunPlan, keys: Keys): Map<string, string> {
  const carried = new Map<string, string>()
  const isStale = staleKeys(graph, plan)
  for (const [key, json] of keys) {
    if (isEngines(key) || isStale(key)) continue
    const node = nodeOf(graph, key, OUTPUTS)
    if (node === undefined) {
      if (nodeOf(graph, key, INPUTS) === undefined) carried.set(key, json)
    } else if (!plan.kept.has(node) && !plan.again.has(node) && !keys.has(node)) {
      // Of a loop that is over. As an output it would begin the loop's next lap; by the node's id it is read all the same.
      carried.set(node, json)
    }
  }
  for (const id of plan.kept) carried.set(OUTPUTS + id, keys.get(OUTPUTS + id) ?? 'null')
  for (const id of graph.nodes.keys()) {
    const input = inputOf(graph, plan, keys, id)
    if (input !== undefined) carried.set(INPUTS + id, input)
  }
  return carried
}

/** The node of a blueprint whose output or input a key is. */
function nodeOf(graph: RerunGraph, key: string, prefix: string): string | undefined {
  const id = key.startsWith(prefix) ? key.slice(prefix.length) : undefined
  return id !== undefined && graph.nodes.has(id) ? id : undefined
}

/** The input of a node that stays done, or that what stays done has brought it. */
function inputOf(graph: RerunGraph, plan: RerunPlan, keys: Keys, id: string): string | undefined {
  const { kept, again } = plan
  const recorded = keys.get(INPUTS + id)
  const edges = graph.edgesTo(id)
  if (kept.has(id) || edges.length === 0) return recorded
  const brought = edges.filter((edge) => kept.has(edge.source) && isTaken(plan, edge))
  if (brought.length === 0) return undefined
  if (!edges.some(({ source }) => again.has(source))) return recorded
  // The first run's may be of a node that runs again. An `all` join gets its input from the last that arrives.
  const last = brought.findLast(({ transform }) => transform === undefined)
  return last && keys.get(OUTPUTS + last.source)
}

/** What batches that run again left behind: they would go on after their last item. */
function staleKeys({ nodes }: RerunGraph, { again }: RerunPlan): (key: string) => boolean {
  const batches = [...again].flatMap((id) => {
    const node = nodes.get(id)
    return node?.uses === 'batch-scatter' ? [leftBy(node)] : []
  })
  return (key) => batches.some((isLeft) => isLeft(key))
}

function leftBy({ id, params }: NodeDefinition): (key: string) => boolean {
  const { gatherNodeId: gather, workerUsesKey: worker } = params ?? {}
  const own = new Set([`${id}_currentIndex`, `${gather}_hasMore`, `${gather}_allWorkerIds`])
  const prefixes = [`_batch.${id}_`, `${OUTPUTS}${worker}_`, `${INPUTS}${worker}_`]
  return (key) => own.has(key) || prefixes.some((prefix) => key.startsWith(prefix))
}
