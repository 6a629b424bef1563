// The edges that leave a block: plain, by an action, on a condition; some change what they bring.

/** Makes the edge that leads from a block to each of its targets. */
export function edgeOf(maker, block, targets) {
  if (block.leave) return () => ({ ...block.leave })
  if (block.kind === 'pause') return edgeOfPause(maker, block, targets)
  if (block.isBeforePause) return () => ({})
  return edgeOfNode(maker, block, targets)
}

/**
 * What is behind an edge of a paused node that is not taken core runs all the same once it is resumed, but for edges with a
 * condition: each has one, or all are plain.
 */
function edgeOfPause(maker, { answer }, targets) {
  const { cast } = maker
  if (maker.mustGive) return () => ({})
  const mode = cast.weighed({ plain: 4, conditions: 3, actions: answer && targets.length > 0 ? 4 : 0 })
  if (mode === 'plain') return () => ({})
  if (mode === 'conditions') return () => ({ condition: condition(cast) })
  answer.action = cast.pick(['left', 'right'])
  // An action that no edge takes is refused.
  return (_, index) => ({ condition: 'true', action: index === 0 ? answer.action : cast.pick(['left', 'right']) })
}

function edgeOfNode(maker, block, targets) {
  const { cast, flow } = maker
  const mode =
    block.decides && targets.length > 0 ? cast.weighed({ plain: 60, actions: 18, conditions: 16, mixed: 6 }) : 'plain'
  const definition = flow.blueprint.nodes.find((node) => node.id === block.exit)
  const action = mode === 'actions' || mode === 'mixed' ? cast.pick(['left', 'right']) : undefined
  const acts = action && cast.chance(0.9)
  if (acts) definition.params.action = action
  if (mode === 'plain' && block.decides && cast.chance(0.05)) definition.params.shape = 'nothing'
  const nothing = definition?.params?.shape === 'nothing'
  return (target, index) => {
    const edge = {}
    // The first edge is taken, mostly: with none taken in memory, core runs the targets all the same.
    const weighs = action && (index === 0 ? { [action]: acts ? 3 : 0, none: 1 } : { left: 2, right: 2, none: 1 })
    const label = weighs && cast.weighed(weighs)
    if (label && label !== 'none') edge.action = label
    if (mode === 'conditions' || (mode === 'mixed' && index > 0 && cast.chance(0.5))) edge.condition = condition(cast)
    if (block.kind === 'loop' && index > 0 && cast.chance(0.1)) edge.condition = `context.count_${block.exit} > 1`
    const alone = target.behind.length === 1 && target.kind !== 'loop' && target.kind !== 'cycle'
    if (!nothing && alone && cast.chance(0.15)) edge.transform = transform(cast, target.known)
    return edge
  }
}

function condition(cast) {
  return cast.pick([
    'result.output',
    '!result.output',
    'result.output?.v > 60',
    'result.output?.v % 2 == 0',
    'result.output?.v % 2 == 1',
    'typeof result.output === "number"',
    'result.output > 40',
    'context.flag',
    '!context.flag',
    'true',
    'false',
  ])
}

function transform(cast, known) {
  return cast.pick([
    'input?.v',
    '[input ?? 0]',
    '({ wrapped: input })',
    'input ?? "nothing"',
    'typeof input === "bigint" ? 1 : (input ?? 0) + (context.start ?? 0)',
    ...known.slice(-2).map((name) => `context["${name}"]`),
  ])
}
