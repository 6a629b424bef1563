/** The loops of a graph: sets of nodes of which each leads to each (Tarjan's strongly connected components). Pure. */

interface Edge {
  source: string
  target: string
}

/** Each loop's nodes, in the order of `ids`. */
export function loopsOf(ids: readonly string[], edges: readonly Edge[]): string[][] {
  const next = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const { source, target } of edges) next.get(source)?.push(target)
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const isOpen = new Set<string>()
  const loops: string[][] = []
  for (const start of ids) {
    if (index.has(start)) continue
    const stack = [{ id: start, at: 0 }]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { id } = top
      if (top.at === 0) {
        index.set(id, index.size)
        low.set(id, index.get(id) ?? 0)
        open.push(id)
        isOpen.add(id)
      }
      const target = next.get(id)?.[top.at]
      top.at += 1
      if (target !== undefined) {
        if (!index.has(target)) stack.push({ id: target, at: 0 })
        else if (isOpen.has(target)) low.set(id, Math.min(low.get(id) ?? 0, index.get(target) ?? 0))
        continue
      }
      stack.pop()
      const parent = stack.at(-1)
      if (parent) low.set(parent.id, Math.min(low.get(parent.id) ?? 0, low.get(id) ?? 0))
      if (low.get(id) !== index.get(id)) continue
      const body = open.splice(open.indexOf(id))
      for (const each of body) isOpen.delete(each)
      if (body.length > 1) loops.push(ids.filter((each) => body.includes(each)))
    }
  }
  return loops
}
