/** Blueprints as the page draws them, as far as the client knows them. */
import type { WorkflowBlueprint } from 'flowcraft'
import { partsOf } from '../execution/paths.js'
import type { Board } from './board.js'

export interface DrawnNode {
  id: string
  /** Its implementation, as the blueprint names it. */
  uses: string
  /** The node that takes its place when it fails. */
  fallback?: string
  /** The blueprint that it runs as a subflow. */
  subflow?: string
  /** The event that it waits for. */
  event?: string
  /** How its executions by a batch are named: what stands before the batch's id. */
  batchWorker?: string
  /** The node that gathers them. */
  batchGather?: string
  joins?: 'any'
}

export interface DrawnEdge {
  source: string
  target: string
  action?: string
  isConditional?: true
}

export interface DrawnBlueprint {
  id: string
  version?: string
  nodes: DrawnNode[]
  edges: DrawnEdge[]
}

/** A blueprint as the client has it; undefined where it has none. */
export function drawnBlueprint({ host }: Board, id: string): DrawnBlueprint | undefined {
  const blueprint = blueprintOf(host, id)
  if (!blueprint) return undefined
  const version = blueprint.metadata?.version
  return {
    id,
    ...(typeof version === 'string' && { version }),
    nodes: blueprint.nodes.map(drawnNode),
    edges: blueprint.edges.map(({ source, target, action, condition }) => ({
      source,
      target,
      ...(action !== undefined && { action }),
      ...(condition !== undefined && { isConditional: true as const }),
    })),
  }
}

function drawnNode({ id, uses, config, params }: WorkflowBlueprint['nodes'][number]): DrawnNode {
  const text = (name: string) => (typeof params?.[name] === 'string' ? (params[name] as string) : undefined)
  const found = {
    fallback: config?.fallback,
    subflow: text('blueprintId'),
    event: text('eventName'),
    batchWorker: uses === 'batch-scatter' ? text('workerUsesKey') : undefined,
    batchGather: uses === 'batch-scatter' ? text('gatherNodeId') : undefined,
    joins: config?.joinStrategy === 'any' ? ('any' as const) : undefined,
  }
  return { id, uses, ...(Object.fromEntries(Object.entries(found).filter(([, each]) => each !== undefined)) as object) }
}

/** The actions that decide the edges of a node of a run, by its path; undefined where its blueprint is not known. */
export function actionsOf({ host }: Board, blueprintId: string | undefined, path: string): string[] | undefined {
  // A node that is not inside a subflow is named as it is.
  let blueprint = blueprintId === undefined ? undefined : blueprintOf(host, blueprintId)
  const isPlain = blueprint?.nodes.some(({ id }) => id === path) === true
  const [node = '', ...outer] = isPlain ? [path] : partsOf(path).reverse()
  for (const container of outer.reverse()) {
    const inner = blueprint?.nodes.find(({ id }) => id === container)?.params?.blueprintId
    blueprint = typeof inner === 'string' ? blueprintOf(host, inner) : undefined
  }
  if (!blueprint?.nodes.some(({ id }) => id === node)) return undefined
  const actions = blueprint.edges.filter(({ source }) => source === node).map(({ action }) => action)
  return [...new Set(actions.filter((action) => action !== undefined))]
}

function blueprintOf({ beside }: Board['host'], id: string): WorkflowBlueprint | undefined {
  try {
    return beside.blueprint(id)
  } catch {
    // Malformed: its runs say so.
    return undefined
  }
}
