// Makes a case that fails smaller, as long as it still fails; and prints it so that a person can read it.

/** Everything one can take away from a case, each as a smaller case, the big pieces first. */
function* smaller(one) {
  const without = (list, index) => list.filter((_, at) => at !== index)
  const all = [one.blueprint, ...one.subs]
  const withGraph = (which, graph) => {
    const [blueprint, ...subs] = all.map((each, index) => (index === which ? { ...each, ...graph } : each))
    return { ...one, blueprint, subs }
  }
  for (const [index, sub] of one.subs.entries()) {
    const used = all.some(({ nodes }) => nodes.some(({ params }) => params?.blueprintId === sub.id))
    if (!used) yield { ...one, subs: without(one.subs, index) }
  }
  // Other fleets do not keep the values of that one.
  if (one.fleet && one.fleet !== 'serializer') {
    const { fleet: _, ...rest } = one
    yield rest
  }
  if (Object.keys(one.context).length > 1) yield { ...one, context: {} }
  for (const [which, { nodes, edges }] of all.entries()) {
    for (const [index, { id }] of nodes.entries()) {
      const rest = edges.filter(({ source, target }) => source !== id && target !== id)
      if (nodes.length === 1) continue
      yield withGraph(which, { nodes: without(nodes, index), edges: rest })
      // Or its predecessors lead to its successors.
      const ins = edges.filter(({ target }) => target === id)
      const outs = edges.filter(({ source }) => source === id)
      if (ins.length === 1 || outs.length === 1) {
        const bridges = ins.flatMap((a) => outs.map((b) => ({ ...b, ...a, target: b.target })))
        yield withGraph(which, { nodes: without(nodes, index), edges: [...rest, ...bridges] })
      }
    }
    if (all[which].metadata) yield withGraph(which, { metadata: undefined })
    for (const index of edges.keys()) yield withGraph(which, { edges: without(edges, index) })
    for (const [index, edge] of edges.entries()) {
      for (const key of ['condition', 'transform', 'action']) {
        if (!(key in edge)) continue
        const { [key]: _, ...rest } = edge
        yield withGraph(which, {
          edges: edges.with?.(index, rest) ?? edges.map((each, at) => (at === index ? rest : each)),
        })
      }
    }
    for (const [index, node] of nodes.entries()) {
      for (const less of smallerNode(node)) {
        yield withGraph(which, { nodes: nodes.map((each, at) => (at === index ? less : each)) })
      }
    }
  }
  for (const [key, value] of Object.entries(one.context)) {
    const { [key]: _, ...rest } = one.context
    yield { ...one, context: rest }
    if (Array.isArray(value)) {
      for (const index of value.keys()) yield { ...one, context: { ...one.context, [key]: without(value, index) } }
    }
  }
}

function* smallerNode(node) {
  if (node.uses === 'subflow' || node.uses === 'Work') {
    yield { ...node, uses: 'work', params: node.uses === 'Work' ? node.params : { base: 1 } }
  }
  for (const key of ['inputs', 'config']) {
    const { [key]: value, ...rest } = node
    if (value === undefined) continue
    yield rest
    for (const less of smallerObject(value)) yield { ...node, [key]: less }
  }
  for (const params of smallerObject(node.params)) yield { ...node, params }
}

function* smallerObject(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return
  for (const key of Object.keys(value)) {
    const { [key]: inner, ...rest } = value
    if (key !== 'workerUsesKey' && key !== 'gatherNodeId' && key !== 'blueprintId') yield rest
    for (const less of smallerObject(inner)) yield { ...value, [key]: less }
  }
}

/** So many candidates are tried at the same time. */
const AT_ONCE = 24

/** The smallest case found within some milliseconds that still fails. */
export async function shrink(one, stillFails, budget = 10_000) {
  const deadline = Date.now() + budget
  let best = one
  let tried = 0
  for (let progress = true; progress && Date.now() < deadline; ) {
    progress = false
    const candidates = [...smaller(best)]
    // A handful at a time: the first that still fails is taken.
    for (let at = 0; at < candidates.length && Date.now() < deadline; at += AT_ONCE) {
      const few = candidates.slice(at, at + AT_ONCE).map((candidate) => {
        tried += 1
        return named(candidate, `${one.name}x${tried}`)
      })
      const fails = await Promise.all(few.map((candidate) => stillFails(candidate).catch(() => false)))
      const index = fails.indexOf(true)
      if (index >= 0) {
        best = few[index]
        progress = true
        break
      }
    }
  }
  return best
}

/** The same case under another name, so that no worker takes it for one it knows. */
function named(one, name) {
  const [old] = one.blueprint.id.split('.')
  const renamed = JSON.stringify(one).replaceAll(`"${old}`, `"${name}`)
  return { ...JSON.parse(renamed), name }
}

/** A case in lines: one a node, one an edge. */
export function print(one) {
  const words = (value) => Object.entries(value).map(([key, each]) => `${key}=${JSON.stringify(each)}`)
  const lines = [`fleet ${one.fleet ?? 'plain'}`, `context ${JSON.stringify(one.context)}`]
  for (const { id, nodes, edges, metadata } of [one.blueprint, ...one.subs]) {
    lines.push(`blueprint ${id}${metadata ? ` ${JSON.stringify(metadata)}` : ''}`)
    for (const { id, uses, params = {}, ...more } of nodes) {
      lines.push(`  ${id}: ${[uses, ...words(params), ...words(more)].join(' ')}`)
    }
    for (const { source, target, ...more } of edges)
      lines.push(`  ${[`${source} -> ${target}`, ...words(more)].join(' ')}`)
  }
  return lines.join('\n')
}
