// The kinds of blocks: each adds its nodes to the maker's flow, and says of its block which node is entered, and which left.
import { loopOf } from './loops.js'
import { registry } from './nodes.js'
import { pause, subflow } from './subflows.js'

function node(maker, block) {
  const id = maker.id()
  const options = block.any ? { config: { joinStrategy: 'any' } } : {}
  block.entry = id
  block.exit = id
  block.decides = true
  maker.node(block, id, maker.withInputs(block, maker.job(block.known, { id, options })))
}

function fallback(maker, block) {
  const { cast } = maker
  const [id, other] = [maker.id('p'), maker.id('f')]
  const job = maker.job(block.known, { id, options: { config: { fallback: other } }, mayFail: 0.7 })
  block.entry = id
  block.exit = id
  block.decides = true
  block.fallback = other
  maker.node(block, id, maker.withInputs(block, job))
  const known = [...block.known, id]
  const rescue = maker.job(known, { id: other, mayFail: 0.12 })
  maker.node(block, other, cast.chance(0.5) ? { ...rescue, inputs: maker.inputs(known) } : rescue)
}

/** A cycle without a controller: all of it `any`, or core would not go round. */
function cycle(maker, block) {
  const { cast, flow } = maker
  const [head, tail] = [maker.id('c'), maker.id('c')]
  const counter = `count_${head}`
  const options = { config: { joinStrategy: 'any' } }
  const turns = cast.between(1, 4)
  const actions = cast.chance(0.5)
  maker.put(counter, 0)
  maker.node(block, head, maker.job(block.known, { id: head, more: { count: counter }, options, mayFail: 0 }))
  const more = actions ? { count: `count_${tail}`, action: [...Array(turns).fill('again'), 'done'] } : {}
  maker.node(block, tail, maker.job([...block.known, head], { id: tail, more, options, mayFail: 0.05 }))
  const back = actions ? { action: 'again' } : { condition: `context.${counter} < ${turns}` }
  flow.edge(head, tail).edge(tail, head, back)
  block.entry = head
  block.exit = tail
  block.leave = actions ? { action: 'done' } : { condition: `!(context.${counter} < ${turns})` }
  block.writes.push(counter)
}

/**
 * Two nodes side by side: one sets a key, and the other waits until it sees that. What leads on from it is decided by the
 * key, and brings it on.
 */
function pair(maker, block) {
  const { cast, flow } = maker
  const [head, join] = [maker.id('h'), maker.id('j')]
  // In this order in their queue too: the one that waits holds a slot.
  const [sets, waits] = [maker.id('u'), maker.id('w')]
  const key = `key_${sets}`
  const known = [...block.known, head]
  maker.node(block, head, maker.withInputs(block, maker.job(block.known, { id: head, mayFail: 0 })))
  const setting = maker.job(known, { id: sets, mayFail: 0.05 })
  setting.params.write = key
  // The key has one value, also where the first attempt fails.
  if (setting.params.fails) delete setting.params.touches
  maker.node(block, sets, setting)
  maker.node(block, waits, maker.job(known, { id: waits, more: { until: key }, mayFail: 0 }))
  flow.edge(head, sets).edge(head, waits).edge(sets, join)
  if (cast.chance(0.5)) {
    flow.edge(waits, join)
  } else {
    const seen = maker.id()
    const job = maker.job([...known, waits], { id: seen, mayFail: 0 })
    maker.node(block, seen, cast.chance(0.3) ? { ...job, inputs: { key } } : job)
    const transform = cast.chance(0.5) && { transform: `[context["${key}"]]` }
    flow.edge(waits, seen, { condition: `context["${key}"] !== undefined`, ...transform }).edge(seen, join)
  }
  const joining = maker.job([...known, sets, waits], { id: join })
  maker.node(block, join, { ...joining, inputs: { a: sets, b: waits } })
  block.entry = head
  block.exit = join
  block.decides = true
}

function batch(maker, block) {
  const { cast } = maker
  const id = maker.id('b')
  const isFlow = cast.chance(0.15)
  let inputKey
  if (block.known.length > 0 && !maker.isBeforePause && cast.chance(0.08)) {
    inputKey = cast.pick(block.known)
  } else {
    inputKey = `items_${id}`
    maker.put(inputKey, itemsOf(maker, block, { id, isFlow }))
  }
  maker.flow.batch(id, isFlow ? registry.ItemFlow : registry.item, { inputKey, outputKey: `all_${id}` })
  block.entry = `${id}_scatter`
  block.exit = `${id}_gather`
  block.members.push(`${id}_gather`)
  block.writes.push(`all_${id}`)
}

/** Of a batch's workers only those have retries that run a subflow: core's batch says nothing else of its workers. */
function itemsOf(maker, block, { id, isFlow }) {
  const { cast, shared, isBeforePause, isOdd } = maker
  const fails = !isBeforePause && cast.chance(0.12)
  // The items are over once they are gathered.
  const reads = cast.chance(0.3) ? shared.takeFor(`${id}_gather`, block.known, false) : undefined
  const items = Array.from({ length: cast.between(0, 5) }, (_, index) => ({
    v: index + 1,
    ...(cast.chance(0.1) && { none: true }),
    ...(cast.chance(0.1) && { write: `key_${id}_${index}` }),
    ...(isFlow && cast.chance(0.3) && { fails: cast.between(1, 2) }),
    ...(reads && { reads }),
    ...(isOdd && cast.chance(0.3) && { odd: maker.value() }),
  }))
  if (fails && items.length > 0) cast.pick(items).fails = true
  return items
}

export const BLOCKS = { node, fallback, cycle, pair, batch, subflow, pause, loop: loopOf({ batch, subflow }) }
