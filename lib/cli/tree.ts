/**
 * A graph drawn as a tree. A node hangs below the last node that every way to it goes through (its immediate dominator):
 * branches that run in parallel are siblings, and so is the join that follows them.
 */

/** What is drawn: the nodes by their ids, and the edges between them. */
export interface Graph {
  readonly nodes: readonly { readonly id: string }[]
  readonly edges: readonly { readonly source: string; readonly target: string }[]
}

export interface TreeRow {
  readonly id: string
  /** The lines to its left. */
  readonly branch: string
  /** Its predecessors, where it joins several. */
  readonly joins?: readonly string[]
}

/** The nodes in drawing order. Edges that lead back, of loops, are left out. */
export function layOut(graph: Graph): TreeRow[] {
  const predecessors = withoutLoops(graph)
  const order = topological(predecessors)
  const children = new Map<string | undefined, string[]>()
  for (const [id, parent] of parentsOf(order, predecessors)) {
    children.set(parent, [...(children.get(parent) ?? []), id])
  }
  const rows: TreeRow[] = []
  const stack = (children.get(undefined) ?? []).map((id) => ({ id, branch: '', below: '' })).reverse()
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { id, branch, below } = next
    const before = predecessors.get(id) ?? []
    rows.push({ id, branch, ...(before.length > 1 && { joins: before }) })
    const own = children.get(id) ?? []
    const last = own.at(-1)
    const drawn = own.map((child) => ({
      id: child,
      branch: `${below}${child === last ? '└─ ' : '├─ '}`,
      below: `${below}${child === last ? '   ' : '│  '}`,
    }))
    stack.push(...drawn.reverse())
  }
  return rows
}

/** The predecessors of each node, without the edges that lead back to where they came from. */
function withoutLoops({ nodes, edges }: Graph): Map<string, string[]> {
  const successors = new Map<string, string[]>(nodes.map(({ id }) => [id, []]))
  const predecessors = new Map<string, string[]>(nodes.map(({ id }) => [id, []]))
  const targets = new Set(edges.map(({ target }) => target))
  for (const { source, target } of edges) successors.get(source)?.push(target)
  const state = new Map<string, 'open' | 'done'>()
  // A loop without a way in begins at its first node.
  const starts = [...nodes.filter(({ id }) => !targets.has(id)), ...nodes]
  for (const { id: start } of starts) {
    const stack = state.has(start) ? [] : [{ id: start, at: 0 }]
    if (stack.length > 0) state.set(start, 'open')
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = successors.get(top.id)?.[top.at++]
      if (next === undefined) {
        state.set(top.id, 'done')
        stack.pop()
        continue
      }
      if (state.get(next) === 'open') continue
      const before = predecessors.get(next)
      if (before && !before.includes(top.id)) before.push(top.id)
      if (before && !state.has(next)) {
        state.set(next, 'open')
        stack.push({ id: next, at: 0 })
      }
    }
  }
  return predecessors
}

/** Every node after its predecessors, as near to the order given as can be. */
function topological(predecessors: ReadonlyMap<string, readonly string[]>): string[] {
  const order = new Set<string>()
  for (const start of predecessors.keys()) {
    const stack = [start]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const missing = predecessors.get(top)?.find((before) => !order.has(before))
      if (missing !== undefined) stack.push(missing)
      else order.add(stack.pop() ?? '')
    }
  }
  return [...order]
}

/** For each node, the nearest of those that every way to it goes through. */
function parentsOf(
  order: readonly string[],
  predecessors: ReadonlyMap<string, readonly string[]>,
): Map<string, string | undefined> {
  const parents = new Map<string, string | undefined>()
  const depths = new Map<string | undefined, number>([[undefined, 0]])
  const common = (one: string | undefined, other: string | undefined): string | undefined => {
    let [a, b] = [one, other]
    while (a !== b) {
      if ((depths.get(a) ?? 0) >= (depths.get(b) ?? 0)) a = a === undefined ? undefined : parents.get(a)
      else b = b === undefined ? undefined : parents.get(b)
    }
    return a
  }
  for (const id of order) {
    const [first, ...others] = predecessors.get(id) ?? []
    const parent = others.reduce<string | undefined>(common, first)
    parents.set(id, parent)
    depths.set(id, (depths.get(parent) ?? 0) + 1)
  }
  return parents
}
