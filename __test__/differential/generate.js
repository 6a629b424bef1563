// Makes blueprints out of a seed. A case is plain JSON: a blueprint, its sub-blueprints, and the context it starts with.
// A blueprint is a row of blocks (a node, a node with its fallback, a loop, a cycle, a batch, a subflow, a pair of nodes one
// of which waits for what the other sets), each behind some earlier ones. What a node reads of the context is always done
// before it, whichever worker is faster, but for the one that waits.
import { createFlow } from 'flowcraft'
import { registry } from './nodes.js'

/** A small seeded generator (mulberry32) with what one asks of dice. */
export function dice(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const upTo = (count) => Math.floor(next() * count)
  return {
    upTo,
    between: (low, high) => low + upTo(high - low + 1),
    chance: (probability) => next() < probability,
    pick: (list) => list[upTo(list.length)],
    some: (list, count) => {
      const rest = [...list]
      return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(upTo(rest.length), 1)[0])
    },
    weighed: (weights) => {
      const names = Object.keys(weights)
      let left = next() * names.reduce((sum, name) => sum + weights[name], 0)
      for (const name of names) {
        left -= weights[name]
        if (left < 0) return name
      }
      return names[0]
    },
  }
}

/** A number for a text, to make seeds of. */
export function seedOf(...parts) {
  let hash = 2166136261
  for (const char of parts.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619)
  return hash >>> 0
}

export function generate(seed) {
  const name = `g${seed.toString(36)}`
  const cast = dice(seed)
  const context = { flag: cast.chance(0.5), start: cast.upTo(50) }
  const subs = []
  const blueprint = new Maker({ name, cast, context, subs, depth: 0 }).make(cast.between(2, 9))
  return { name, context, blueprint, subs }
}

class Maker {
  constructor({ name, prefix = '', cast, context, subs, depth }) {
    Object.assign(this, { name, prefix, cast, context, subs, depth })
    this.flow = createFlow(name)
    /** What was put into the starting context for this blueprint. */
    this.keys = ['flag', 'start']
    this.blocks = []
    this.count = 0
  }

  make(size) {
    const { cast } = this
    for (let index = 0; index < size; index++) this.addBlock()
    // A loop needs a way out, or core goes round for ever.
    for (const block of [...this.blocks]) {
      if (block.needsExit && !this.blocks.some((other) => other.behind.includes(block))) this.addBlock('node', [block])
    }
    for (const block of this.blocks) this.connect(block)
    if (cast.chance(0.5)) this.flow.setCycleEntryPoint(this.blocks[0].entry)
    return plain(this.flow)
  }

  id(letter = 'n') {
    this.count += 1
    return `${this.prefix}${letter}${this.count}`
  }

  addBlock(wanted, after) {
    const { cast, depth } = this
    const first = this.blocks.length === 0
    const kind =
      wanted ??
      cast.weighed({ node: 58, fallback: 10, loop: 8, cycle: 3, batch: 8, subflow: depth < 2 ? 9 : 0, pair: 6 })
    const single = ['loop', 'cycle'].includes(kind)
    if (first && single) this.addBlock('node')
    const starts = !single && (this.blocks.length === 0 || cast.chance(0.08))
    const several = cast.chance(0.35) ? cast.between(2, 3) : 1
    const latest = this.blocks.slice(-4)
    // In memory a loop behind a fallback does not run: most of them are behind something else.
    const easy = latest.filter((block) => !block.fallback)
    const recent = single && easy.length > 0 && cast.chance(0.9) ? easy : latest
    let behind = after ?? (starts ? [] : cast.some(recent, single ? 1 : several))
    // What joins a loop with something else differs in memory (see JOIN_BEHIND_LOOP in known.js): hardly any.
    const around = behind.find((block) => block.needsExit)
    if (around && !cast.chance(0.05)) behind = [around]
    const any = kind === 'node' && behind.length > 1 && cast.chance(0.25)
    const block = { kind, behind, any, needsExit: single, known: this.knownAt(behind, any), members: [], writes: [] }
    this[`make_${kind}`](block)
    this.blocks.push(block)
  }

  /** What is done, or never will be, whenever a block behind these begins. */
  knownAt(behind, any) {
    const sets = behind.map((block) => new Set([...block.known, ...block.members, ...block.writes]))
    if (sets.length === 0) return []
    return any
      ? [...sets[0]].filter((name) => sets.every((set) => set.has(name)))
      : [...new Set(sets.flatMap((set) => [...set]))]
  }

  /** The params and options of a node that works. */
  job(known, { id, more = {}, options = {}, mayFail = 0.07 }) {
    const { cast } = this
    const shape = cast.weighed({ number: 30, object: 30, echo: 25, list: 4, null: 4, none: 4, sometimes: 3 })
    const params = { base: cast.between(1, 40), shape, ...more }
    if (known.length > 0 && cast.chance(0.2)) params.read = cast.some(known, cast.between(1, 2))
    if (cast.chance(0.15)) params.write = `key_${id}`
    const config = { ...options.config }
    if (cast.chance(mayFail)) {
      params.fails = true
      if (cast.chance(0.2)) params.fatal = true
    } else if (cast.chance(0.06)) {
      params.fails = 1
      config.maxRetries = cast.between(1, 3)
    }
    return { ...options, params, ...(Object.keys(config).length > 0 && { config }) }
  }

  node(block, id, job, uses) {
    const Class = uses ? uses === 'Work' : this.cast.chance(0.15)
    if (Class && job.params.fails && this.cast.chance(0.3)) job.params.rescue = true
    this.flow.node(id, Class ? registry.Work : registry.work, job)
    block.members.push(id)
    if (job.params.write) block.writes.push(job.params.write)
  }

  /** A mapping of inputs to what is known; a text or an object. */
  inputs(known) {
    const { cast } = this
    // Not the counters: they change while loops run.
    const names = [...known, ...this.keys.filter((key) => !key.startsWith('count_'))]
    if (cast.chance(0.4)) return cast.pick(names)
    return Object.fromEntries(cast.some(names, cast.between(1, 3)).map((name, index) => [`i${index}`, name]))
  }

  withInputs(block, job) {
    const always = block.behind.length > 1 ? (block.any ? 0.8 : 0.85) : 0.3
    return this.cast.chance(always) ? { ...job, inputs: this.inputs(block.known) } : job
  }

  make_node(block) {
    const id = this.id()
    const options = block.any ? { config: { joinStrategy: 'any' } } : {}
    block.entry = id
    block.exit = id
    block.decides = true
    this.node(block, id, this.withInputs(block, this.job(block.known, { id, options })))
  }

  make_fallback(block) {
    const { cast } = this
    const id = this.id('p')
    const other = this.id('f')
    const job = this.job(block.known, { id, options: { config: { fallback: other } }, mayFail: 0.7 })
    block.entry = id
    block.exit = id
    block.decides = true
    block.fallback = other
    this.node(block, id, this.withInputs(block, job))
    const known = [...block.known, id]
    const rescue = this.job(known, { id: other, mayFail: 0.12 })
    this.node(block, other, cast.chance(0.5) ? { ...rescue, inputs: this.inputs(known) } : rescue)
  }

  make_loop(block) {
    const { cast } = this
    const loop = this.id('L')
    const counter = `count_${loop}`
    this.put(counter, 0)
    block.entry = loop
    block.exit = loop
    const known = [...block.known]
    const add = (id, { more, inputs, any, seen = known } = {}) => {
      const options = any ? { config: { joinStrategy: 'any' } } : {}
      const job = this.job(seen, { id, more, options, mayFail: 0 })
      if (cast.chance(0.04)) job.params.fails = { key: counter, is: cast.between(1, 3) }
      this.node(block, id, inputs ? { ...job, inputs } : job)
      known.push(id)
      return id
    }
    const first = add(this.id(), { more: { count: counter } })
    let last = first
    const form = cast.weighed({ one: 20, chain: 25, diamond: 20, branch: 15, batch: 8, subflow: 7, inner: 5 })
    const { flow } = this
    if (form === 'chain') {
      for (let index = cast.between(1, 2); index > 0; index--) {
        const next = add(this.id(), cast.chance(0.4) ? { inputs: this.inputs(known) } : {})
        flow.edge(last, next)
        last = next
      }
    } else if (form === 'diamond' || form === 'branch') {
      const branch = form === 'branch'
      const before = [...known]
      const left = add(this.id())
      // The two sides of a diamond run at once; of a branch only one does.
      const right = add(this.id(), branch ? {} : { seen: before })
      last = add(this.id(), { inputs: branch ? { a: first } : { a: left, b: right }, any: branch })
      const condition = `context.${counter} % 2 == 0`
      flow
        .edge(first, left, branch ? { condition } : {})
        .edge(first, right, branch ? { condition: `!(${condition})` } : {})
      flow.edge(left, last).edge(right, last)
    } else if (form === 'batch' || form === 'subflow') {
      const inner = { behind: [], known, members: [], writes: [] }
      this[`make_${form}`](inner)
      flow.edge(first, inner.entry)
      block.members.push(...inner.members)
      block.writes.push(...inner.writes)
      last = add(this.id())
      flow.edge(inner.exit, last)
    } else if (form === 'inner') {
      // The inner loop is the end of the outer one's body.
      const inner = this.id('L')
      this.put(`count_${inner}`, 0)
      const body = add(this.id(), { more: { count: `count_${inner}` } })
      flow.edge(first, inner)
      flow.loop(inner, { startNodeId: body, endNodeId: body, condition: `context.count_${inner} % 3 != 0` })
      block.members.push(inner)
      last = inner
    }
    flow.loop(loop, { startNodeId: first, endNodeId: last, condition: `context.${counter} < ${cast.upTo(5)}` })
    block.members.push(loop)
    block.writes.push(counter)
  }

  /** A cycle without a controller: all of it `any`, or core would not go round. */
  make_cycle(block) {
    const { cast } = this
    const [head, tail] = [this.id('c'), this.id('c')]
    const counter = `count_${head}`
    const config = { joinStrategy: 'any' }
    const turns = cast.between(1, 4)
    const actions = cast.chance(0.5)
    this.put(counter, 0)
    this.node(
      block,
      head,
      this.job(block.known, { id: head, more: { count: counter }, options: { config }, mayFail: 0 }),
    )
    const more = actions ? { count: `count_${tail}`, action: [...Array(turns).fill('again'), 'done'] } : {}
    const known = [...block.known, head]
    this.node(block, tail, this.job(known, { id: tail, more, options: { config }, mayFail: 0.05 }))
    const back = actions ? { action: 'again' } : { condition: `context.${counter} < ${turns}` }
    this.flow.edge(head, tail).edge(tail, head, back)
    block.entry = head
    block.exit = tail
    block.leave = actions ? { action: 'done' } : { condition: `!(context.${counter} < ${turns})` }
    block.writes.push(counter)
  }

  /**
   * Two nodes side by side: one sets a key, and the other waits until it sees that. What leads on from it is decided by the
   * key, and brings it on.
   */
  make_pair(block) {
    const { cast, flow } = this
    const [head, join] = [this.id('h'), this.id('j')]
    // In this order in their queue too: whoever waits holds a slot.
    const [sets, waits] = [this.id('u'), this.id('w')]
    const key = `key_${sets}`
    const known = [...block.known, head]
    this.node(block, head, this.withInputs(block, this.job(block.known, { id: head, mayFail: 0 })))
    const setting = this.job(known, { id: sets, mayFail: 0.05 })
    setting.params.write = key
    this.node(block, sets, setting)
    const waiting = this.job(known, { id: waits, more: { until: key }, mayFail: 0 })
    this.node(block, waits, waiting)
    flow.edge(head, sets).edge(head, waits).edge(sets, join)
    if (cast.chance(0.5)) {
      flow.edge(waits, join)
    } else {
      const seen = this.id()
      const job = this.job([...known, waits], { id: seen, mayFail: 0 })
      this.node(block, seen, cast.chance(0.3) ? { ...job, inputs: { key } } : job)
      const transform = cast.chance(0.5) && { transform: `[context["${key}"]]` }
      flow.edge(waits, seen, { condition: `context["${key}"] !== undefined`, ...transform }).edge(seen, join)
    }
    const joining = this.job([...known, sets, waits], { id: join })
    this.node(block, join, { ...joining, inputs: { a: sets, b: waits } })
    block.entry = head
    block.exit = join
    block.decides = true
  }

  make_batch(block) {
    const { cast } = this
    const id = this.id('b')
    let inputKey
    if (block.known.length > 0 && cast.chance(0.08)) {
      inputKey = cast.pick(block.known)
    } else {
      inputKey = `items_${id}`
      const fails = cast.chance(0.12)
      const items = Array.from({ length: cast.between(0, 5) }, (_, index) => ({
        v: index + 1,
        ...(cast.chance(0.1) && { none: true }),
        ...(cast.chance(0.1) && { write: `key_${id}_${index}` }),
      }))
      if (fails && items.length > 0) cast.pick(items).fails = true
      this.put(inputKey, items)
    }
    this.flow.batch(id, registry.item, { inputKey, outputKey: `all_${id}` })
    block.entry = `${id}_scatter`
    block.exit = `${id}_gather`
    block.members.push(`${id}_gather`)
    block.writes.push(`all_${id}`)
  }

  make_subflow(block) {
    const { cast, subs } = this
    const id = this.id('s')
    const name = `${this.name}.${id}`
    const inputs = cast.chance(0.7)
    const maker = new Maker({ name, prefix: `${id}_`, cast, context: this.context, subs, depth: this.depth + 1 })
    const blueprint = maker.make(cast.between(1, 4))
    subs.push(blueprint)
    const params = { blueprintId: name }
    if (inputs) {
      params.inputs = Object.fromEntries(maker.keys.map((key) => [key, key]))
      for (const known of cast.some(block.known, cast.upTo(3))) params.inputs[`in_${known}`] = known
    }
    this.keys.push(...maker.keys.filter((key) => !this.keys.includes(key)))
    if (cast.chance(0.4)) {
      const inner = maker.blocks.flatMap((each) => [...each.members, ...each.writes])
      params.outputs = Object.fromEntries(cast.some(inner, 2).map((key, index) => [`out_${id}_${index}`, key]))
      block.writes.push(...Object.keys(params.outputs))
    }
    this.flow.node(id, registry.work, this.withInputs(block, { params, uses: 'subflow' }))
    block.entry = id
    block.exit = id
    block.members.push(id)
  }

  put(key, value) {
    this.context[key] = value
    this.keys.push(key)
  }

  /** The edges that leave a block. */
  connect(block) {
    const { cast, flow } = this
    const targets = this.blocks.filter((other) => other.behind.includes(block))
    if (block.leave) {
      for (const target of targets) flow.edge(block.exit, target.entry, { ...block.leave })
      return
    }
    const mode =
      block.decides && targets.length > 0 ? cast.weighed({ plain: 60, actions: 18, conditions: 16, mixed: 6 }) : 'plain'
    const definition = flow.blueprint.nodes.find((node) => node.id === block.exit)
    const action = mode === 'actions' || mode === 'mixed' ? cast.pick(['left', 'right']) : undefined
    const acts = action && cast.chance(0.9)
    if (acts) definition.params.action = action
    if (mode === 'plain' && block.decides && cast.chance(0.05)) definition.params.shape = 'nothing'
    const nothing = definition?.params?.shape === 'nothing'
    targets.forEach((target, index) => {
      const edge = {}
      // The first edge is taken, mostly: with none taken in memory, core runs the targets all the same.
      const weighs = action && (index === 0 ? { [action]: acts ? 3 : 0, none: 1 } : { left: 2, right: 2, none: 1 })
      const label = weighs && cast.weighed(weighs)
      if (label && label !== 'none') edge.action = label
      if (mode === 'conditions' || (mode === 'mixed' && index > 0 && cast.chance(0.5)))
        edge.condition = this.condition()
      if (block.kind === 'loop' && index > 0 && cast.chance(0.1)) edge.condition = `context.count_${block.exit} > 1`
      const alone = target.behind.length === 1 && target.kind !== 'loop' && target.kind !== 'cycle'
      if (!nothing && alone && cast.chance(0.15)) edge.transform = this.transform(target.known)
      flow.edge(block.exit, target.entry, edge)
    })
    if (block.fallback && cast.chance(0.15)) {
      const later = this.blocks.slice(this.blocks.indexOf(block) + 1)
      const free = later.filter((other) => other.kind === 'node' && other.behind.length === 0)
      if (free.length > 0) flow.edge(block.fallback, cast.pick(free).entry)
    }
  }

  condition() {
    return this.cast.pick([
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

  transform(known) {
    return this.cast.pick([
      'input?.v',
      '[input ?? 0]',
      '({ wrapped: input })',
      'input ?? "nothing"',
      '(input ?? 0) + (context.start ?? 0)',
      ...known.slice(-2).map((name) => `context["${name}"]`),
    ])
  }
}

/** The blueprint as JSON, with the names of the registry in place of core's hashes. */
function plain(flow) {
  const names = new Map(Object.entries(registry).map(([name, implementation]) => [implementation, name]))
  const nameOf = (key) => names.get(flow.getFunctionRegistry().get(key)) ?? key
  const blueprint = JSON.parse(JSON.stringify(flow.toBlueprint()))
  for (const node of blueprint.nodes) {
    node.uses = nameOf(node.uses)
    if (node.params?.workerUsesKey) node.params.workerUsesKey = nameOf(node.params.workerUsesKey)
  }
  return blueprint
}
