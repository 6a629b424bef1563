// Subflows, and nodes that pause: by themselves, or inside a subflow.
import { registry } from './nodes.js'

export function subflow(maker, block) {
  const { cast, one } = maker
  const id = maker.id('s')
  const inner = maker.inner(id)
  one.subs.push(inner.make(cast.between(1, 4)))
  const config = configOf(maker, block, id)
  const params = { uses: 'subflow', blueprintId: inner.name, ...mappings(maker, block, { id, inner }) }
  // Whatever the subflow gives core leaves out, it would run again when it goes on after a pause.
  if (maker.isBeforePause) delete params.outputs
  maker.flow.node(id, registry.work, maker.withInputs(block, { params, ...(config && { config }) }))
  block.entry = id
  block.exit = id
  block.members.unshift(id)
}

/** A fallback takes over from some subflows; some are tried again, and some are executed within one job. */
function configOf(maker, block, id) {
  const { cast } = maker
  const config = {}
  if (cast.chance(0.15)) config.inProcess = true
  if (!maker.isBeforePause && cast.chance(0.12))
    Object.assign(config, { maxRetries: 2, retryDelay: cast.between(0, 30) })
  // In memory a fallback takes over in one round of a loop.
  const isInLoop = block.kind === undefined
  if (!maker.isWithoutFallbacks && !isInLoop && cast.chance(0.25)) {
    const other = maker.id('f')
    config.fallback = other
    block.fallback = other
    const known = [...block.known, id]
    const rescue = maker.job(known, { id: other, mayFail: 0.12 })
    maker.node(block, other, cast.chance(0.5) ? { ...rescue, inputs: maker.inputs(known) } : rescue)
  }
  return Object.keys(config).length > 0 ? config : undefined
}

/** What the subflow is given, and what it gives: some of it under keys that other nodes use too. */
function mappings({ cast, shared, keys }, block, { id, inner }) {
  const params = {}
  if (inner.isGiven) {
    params.inputs = inner.keysToGive
    for (const known of cast.some(block.known, cast.upTo(3))) params.inputs[`in_${known}`] = known
    const read = cast.chance(0.3) ? shared.takeFor(id, block.known, false) : undefined
    if (read) params.inputs[`in_${read}`] = read
  }
  keys.push(...inner.keys.filter((key) => !keys.includes(key)))
  if (cast.chance(0.4)) {
    const given = inner.blocks.flatMap((each) => [...each.members, ...each.writes])
    params.outputs = Object.fromEntries(cast.some(given, 2).map((key, index) => [`out_${id}_${index}`, key]))
    block.writes.push(...Object.keys(params.outputs))
    const written = cast.chance(0.3) ? shared.takeFor(id, block.known, true) : undefined
    if (written) params.outputs[written] = cast.pick(given)
  }
  return params
}

/** A node that waits, sleeps, or runs a subflow with a node inside that waits. All else of its run is over by then. */
export function pause(maker, block) {
  // A sleep that is given nothing gives nothing: core would run it again after the next pause.
  const isLast = maker.pausesLeft === 1
  const kind = maker.cast.weighed({
    wait: 5,
    sleep: isLast && maker.depth === 0 ? 2 : 0,
    inside: maker.depth < 2 ? 4 : 0,
  })
  const id = maker.id(kind === 'sleep' ? 'z' : 'a')
  block.entry = id
  block.exit = id
  PAUSES[kind](maker, block, id)
  block.members.push(id)
}

const PAUSES = {
  wait(maker, block, id) {
    const { cast, flow, one } = maker
    const event = cast.chance(0.4) ? `event_${id}` : undefined
    flow.wait(id, event && { params: { eventName: event } })
    const output = cast.pick([cast.between(1, 90), maker.value(), [1, maker.value()], 'said', null, false])
    const answer = { at: id, output, ...(event && { event, early: cast.chance(0.3) }) }
    one.pauses[id] = answer
    // An event has no action.
    if (!event) block.answer = answer
  },

  sleep({ cast, flow, one }, _, id) {
    flow.sleep(id, { duration: cast.between(1, 60) })
    one.pauses[id] = { at: id, timer: true }
  },

  inside(maker, { known }, id) {
    const { cast, one } = maker
    const inner = maker.inner(id)
    inner.isGiven = true
    inner.hasKeys = maker.hasKeys
    inner.mustGive = maker.mustGive || maker.pausesLeft > 1
    one.subs.push(inner.make(cast.between(0, 3), 1))
    const params = { uses: 'SubflowNode', blueprintId: inner.name }
    params.inputs = { ...inner.keysToGive, ...Object.fromEntries(cast.some(known, 2).map((key) => [key, key])) }
    maker.keys.push(...inner.keys.filter((key) => !maker.keys.includes(key)))
    maker.flow.node(id, registry.work, { params, ...(cast.chance(0.2) && { config: { inProcess: true } }) })
    // It is the subflow's node that is asked for.
    const waits = Object.keys(one.pauses).find((each) => each.startsWith(`${id}_`))
    one.pauses[id] = one.pauses[waits]
    delete one.pauses[waits]
  },
}
