/** A blueprint's graph, as a run that begins in its middle has to know it. Pure. */
import type { EdgeDefinition, NodeDefinition, WorkflowBlueprint } from 'flowcraft'

export class RerunGraph {
  readonly nodes: ReadonlyMap<string, NodeDefinition>
  readonly starts: ReadonlySet<string>
  readonly #from: ReadonlyMap<string, EdgeDefinition[]>
  readonly #to: ReadonlyMap<string, EdgeDefinition[]>
  /** A fallback, and the nodes whose place it takes. */
  readonly #primaries = new Map<string, string[]>()

  constructor({ nodes, edges }: WorkflowBlueprint, starts: readonly string[]) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]))
    this.starts = new Set(starts)
    this.#from = grouped(edges, ({ source }) => source)
    this.#to = grouped(edges, ({ target }) => target)
    for (const { id, config } of nodes) {
      if (config?.fallback !== undefined)
        this.#primaries.set(config.fallback, [...this.primariesOf(config.fallback), id])
    }
  }

  edgesFrom(id: string): readonly EdgeDefinition[] {
    return this.#from.get(id) ?? []
  }

  edgesTo(id: string): readonly EdgeDefinition[] {
    return this.#to.get(id) ?? []
  }

  primariesOf(fallback: string): readonly string[] {
    return this.#primaries.get(fallback) ?? []
  }

  /** What a node waits for. A fallback and its primary count as one. */
  predecessorsOf(id: string): string[] {
    const sources = new Set(this.edgesTo(id).map(({ source }) => source))
    return [...sources].filter((source) => !this.primariesOf(source).some((primary) => sources.has(primary)))
  }

  joinsAny(id: string): boolean {
    return this.nodes.get(id)?.config?.joinStrategy === 'any'
  }

  /** These nodes and all that may follow from them, as far as `stops` does not have it. */
  downstream(from: Iterable<string>, stops: ReadonlySet<string> = new Set()): Set<string> {
    const found = new Set<string>()
    const ahead = [...from]
    for (let id = ahead.pop(); id !== undefined; id = ahead.pop()) {
      if (found.has(id) || !this.nodes.has(id)) continue
      found.add(id)
      const sources = [id, ...this.primariesOf(id)]
      const targets = sources.flatMap((source) => this.edgesFrom(source).map(({ target }) => target))
      const fallback = this.nodes.get(id)?.config?.fallback
      ahead.push(...[...targets, ...(fallback === undefined ? [] : [fallback])].filter((next) => !stops.has(next)))
    }
    return found
  }

  /** The node, and then what stands before it, the nearest first. */
  upstream(from: string): string[] {
    const found = new Set([from])
    for (const id of found) {
      for (const source of [...this.edgesTo(id).map(({ source }) => source), ...this.primariesOf(id)]) {
        if (this.nodes.has(source)) found.add(source)
      }
    }
    return [...found]
  }
}

/** Whether a new run takes the edge for every node that is done: it has neither an action nor a condition. */
export function isCertain({ action, condition }: EdgeDefinition): boolean {
  return action === undefined && condition === undefined
}

function grouped(
  edges: readonly EdgeDefinition[],
  by: (edge: EdgeDefinition) => string,
): Map<string, EdgeDefinition[]> {
  const groups = new Map<string, EdgeDefinition[]>()
  for (const edge of edges) {
    const group = groups.get(by(edge))
    if (group) group.push(edge)
    else groups.set(by(edge), [edge])
  }
  return groups
}
