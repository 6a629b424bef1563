// Makes one blueprint. It is a row of blocks (a node, a node with its fallback, a loop, a cycle, a batch, a subflow, a pair of
// nodes one of which waits for what the other sets, a pause), each behind some earlier ones. What a node reads of the context is
// always done before it, whichever worker is faster, but for the one that waits.
import { createFlow } from 'flowcraft'
import { drawFailures } from './attempts.js'
import { BLOCKS } from './blocks.js'
import { edgeOf } from './edges.js'
import { registry } from './nodes.js'
import { KINDS, serializerOf } from './odd-values.js'
import { SharedKeys } from './shared-keys.js'

const WEIGHTS = { node: 58, fallback: 10, loop: 8, cycle: 3, batch: 8, subflow: 9, pair: 6 }
const SHAPES = { number: 30, object: 30, echo: 25, list: 4, null: 4, none: 4, sometimes: 3 }
/** What is not stored of a run that pauses, core runs again when it is resumed. */
const STORED_SHAPES = { number: 30, object: 30, echo: 25, list: 4, null: 4 }

export class Maker {
  constructor({ name, prefix = '', cast, one, depth }) {
    Object.assign(this, { name, prefix, cast, one, depth })
    this.flow = createFlow(name)
    const names = ['a', 'b', 'c'].map((letter) => `${prefix}shared_${letter}`)
    this.shared = new SharedKeys(cast, names)
    /** Whether its values may be such that JSON does not hold them. */
    this.isOdd = serializerOf(one) !== undefined
    /** What was put into the starting context for this blueprint. */
    this.keys = ['flag', 'start']
    if (cast.chance(0.5)) this.put(names[0], this.value())
    if (this.isOdd) this.put(`${prefix}odd`, this.value())
    /** Its context begins with keys of the one around it, and those are there. */
    this.isGiven = true
    this.hasKeys = true
    this.blocks = []
    this.count = 0
    /** A pause is to come: until then all goes as core can go on from, with what it stores of a run that pauses. */
    this.isBeforePause = false
    /** Nothing later is before this block or beside it, if there is one. */
    this.neck = undefined
    /** The pauses that are to come. */
    this.pausesLeft = 0
    /** What it gives is asked for once a later node was resumed. */
    this.mustGive = false
  }

  make(size, pauses = 0) {
    const { isBeforePause } = this
    this.isBeforePause ||= pauses > 0
    this.pauses = pauses
    for (this.pausesLeft = pauses; this.pausesLeft > 0; this.pausesLeft--) {
      this.addBlocks(this.cast.upTo(4))
      this.addBlock('pause')
    }
    // A subflow that fails once it was resumed: core throws.
    this.isBeforePause = isBeforePause || (pauses > 0 && this.depth > 0)
    this.addBlocks(size)
    // A loop needs a way out, or core goes round for ever.
    for (const block of [...this.blocks]) {
      if (block.needsExit && !this.blocks.some((other) => other.behind.includes(block))) this.addBlock('node', [block])
    }
    for (const block of this.blocks) this.connect(block)
    if (this.cast.chance(0.5)) this.flow.setCycleEntryPoint(this.blocks[0].entry)
    return plain(this.flow)
  }

  addBlocks(count) {
    for (; count > 0; count--) this.addBlock()
  }

  id(letter = 'n') {
    this.count += 1
    return `${this.prefix}${letter}${this.count}`
  }

  addBlock(wanted, after) {
    const { cast } = this
    const kind = wanted ?? this.#kind()
    const single = ['loop', 'cycle'].includes(kind)
    if (this.blocks.length === 0 && single) this.addBlock('node')
    const behind = kind === 'pause' ? this.leaves() : (after ?? this.#behind(single))
    const any = kind === 'node' && behind.length > 1 && !this.isBeforePause && cast.chance(0.25)
    const { isBeforePause } = this
    const known = this.knownAt(behind, any)
    const block = { kind, behind, any, isBeforePause, needsExit: single, known, members: [], writes: [] }
    BLOCKS[kind](this, block)
    this.blocks.push(block)
    if (kind === 'pause' || (this.isBeforePause && single)) this.neck = this.blocks.length - 1
  }

  #kind() {
    const { isBeforePause } = this
    // What loops, or fails, beside others is not what core can go on from.
    const beside = isBeforePause && this.leaves().length > 1
    const more = {
      ...(this.depth >= 2 && { subflow: 0 }),
      ...(isBeforePause && { cycle: 0 }),
      ...(this.isWithoutFallbacks && { fallback: 0 }),
      ...(beside && { loop: 0 }),
    }
    return this.cast.weighed({ ...WEIGHTS, ...more })
  }

  /** Core runs every fallback when it goes on after a pause. */
  get isWithoutFallbacks() {
    return this.isBeforePause || this.pauses > 0
  }

  /** The blocks that a new one is behind. */
  #behind(single) {
    const { cast, blocks } = this
    const starts = !single && (blocks.length === 0 || (this.neck === undefined && cast.chance(0.08)))
    const several = cast.chance(0.35) ? cast.between(2, 3) : 1
    if (starts) return []
    if (single && this.isBeforePause) return this.leaves()
    const latest = blocks.slice(Math.max(this.neck ?? 0, blocks.length - 4))
    // In memory a loop behind a fallback does not run: most of them are behind something else.
    const easy = latest.filter((block) => !block.fallback)
    const recent = single && easy.length > 0 && cast.chance(0.9) ? easy : latest
    const behind = cast.some(recent, single ? 1 : several)
    // Core runs what is behind a pause when it goes on, whatever else that is behind.
    const paused = behind.find((block) => block.kind === 'pause')
    if (paused) return [paused]
    // What joins a loop with something else differs in memory (see JOIN_BEHIND_LOOP in known.js): hardly any.
    const around = behind.find((block) => block.needsExit)
    return around && (this.isBeforePause || !cast.chance(0.05)) ? [around] : behind
  }

  /** The blocks that nothing is behind. */
  leaves() {
    return this.blocks.filter((block) => !this.blocks.some(({ behind }) => behind.includes(block)))
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
    const { cast, isBeforePause } = this
    const params = { base: cast.between(1, 40), shape: cast.weighed(isBeforePause ? STORED_SHAPES : SHAPES), ...more }
    if (known.length > 0 && cast.chance(0.2)) params.read = cast.some(known, cast.between(1, 2))
    if (this.isOdd && cast.chance(0.4)) {
      params.odd = cast.pick(KINDS)
      if (cast.chance(0.6)) params.shape = 'odd'
    }
    if (cast.chance(0.15)) params.write = `key_${id}`
    if (cast.chance(0.3)) params.touches = this.shared.touches(id, known)
    const config = { ...options.config }
    drawFailures(this, { id, params, config }, mayFail)
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
    // Not what changes while loops run, or others do.
    const names = [...known, ...this.keys.filter((key) => !/^count_|shared_/.test(key))]
    if (cast.chance(0.4)) return cast.pick(names)
    return Object.fromEntries(cast.some(names, cast.between(1, 3)).map((name, index) => [`i${index}`, name]))
  }

  withInputs(block, job) {
    const always = block.behind.length > 1 ? (block.any ? 0.8 : 0.85) : 0.3
    return this.cast.chance(always) ? { ...job, inputs: this.inputs(block.known) } : job
  }

  /** A maker of a blueprint that a node of this one runs. */
  inner(id) {
    const { cast, one } = this
    const inner = new Maker({ name: `${this.name}.${id}`, prefix: `${id}_`, cast, one, depth: this.depth + 1 })
    inner.isBeforePause = this.isBeforePause
    // A loop that is not given its counter goes round no times, which core makes up for after a pause.
    inner.isGiven = this.isBeforePause || cast.chance(0.7)
    inner.hasKeys = inner.isGiven && this.hasKeys
    return inner
  }

  /** The keys that this blueprint is given under their own names. */
  get keysToGive() {
    // In memory a key that is given nothing is there all the same, for `has` and `delete`.
    const keys = this.hasKeys ? this.keys : this.keys.filter((key) => !key.includes('shared_'))
    return Object.fromEntries(keys.map((key) => [key, key]))
  }

  put(key, value) {
    this.one.context[key] = value
    this.keys.push(key)
  }

  /** What a case has of a value that a run is given. */
  value() {
    const v = this.cast.between(1, 90)
    return this.isOdd && this.cast.chance(0.6) ? { $odd: this.cast.pick(KINDS), v } : { v }
  }

  /** The edges that leave a block. */
  connect(block) {
    const { cast, flow } = this
    const targets = this.blocks.filter((other) => other.behind.includes(block))
    const edge = edgeOf(this, block, targets)
    for (const [index, target] of targets.entries()) flow.edge(block.exit, target.entry, edge(target, index))
    if (block.fallback && cast.chance(0.15)) {
      const later = this.blocks.slice(this.blocks.indexOf(block) + 1)
      const free = later.filter((other) => other.kind === 'node' && other.behind.length === 0)
      if (free.length > 0) flow.edge(block.fallback, cast.pick(free).entry)
    }
  }
}

/** The blueprint as JSON, with the names of the registry in place of core's hashes. */
function plain(flow) {
  const names = new Map(Object.entries(registry).map(([name, implementation]) => [implementation, name]))
  const nameOf = (key) => names.get(flow.getFunctionRegistry().get(key)) ?? key
  const blueprint = JSON.parse(JSON.stringify(flow.toBlueprint()))
  for (const node of blueprint.nodes) {
    // A node that was added as work, and is core's own.
    node.uses = node.params?.uses ?? nameOf(node.uses)
    if (node.params?.workerUsesKey) node.params.workerUsesKey = nameOf(node.params.workerUsesKey)
  }
  return blueprint
}
