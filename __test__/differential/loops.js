// Loops: a controller, and a body of one of several forms.

const FORMS = { one: 20, chain: 25, diamond: 20, branch: 15, batch: 8, subflow: 7, inner: 5 }

/** @param {Record<string, Function>} blocks the kinds of blocks a body may have */
export const loopOf = (blocks) => (maker, block) => {
  const { cast, flow } = maker
  const id = maker.id('L')
  const counter = `count_${id}`
  maker.put(counter, 0)
  block.entry = id
  block.exit = id
  const body = new Body(maker, block, counter)
  const first = body.add(maker.id(), { more: { count: counter } })
  // What no round ran, core runs when it goes on after a pause.
  const form = cast.weighed({ ...FORMS, ...(maker.isBeforePause && { inner: 0 }) })
  const last = forms(blocks)[form](body, first)
  const rounds = maker.isBeforePause ? cast.between(1, 4) : cast.upTo(5)
  flow.loop(id, { startNodeId: first, endNodeId: last, condition: `context.${counter} < ${rounds}` })
  block.members.push(id)
  block.writes.push(counter)
}

/** The nodes between a loop's controller and itself. */
class Body {
  constructor(maker, block, counter) {
    Object.assign(this, { maker, block, counter, known: [...block.known] })
  }

  add(id, { more, inputs, any, seen = this.known } = {}) {
    const { maker, block, counter } = this
    const options = any ? { config: { joinStrategy: 'any' } } : {}
    const job = maker.job(seen, { id, more, options, mayFail: 0 })
    if (!maker.isBeforePause && maker.cast.chance(0.04))
      job.params.fails = { key: counter, is: maker.cast.between(1, 3) }
    maker.node(block, id, inputs ? { ...job, inputs } : job)
    this.known.push(id)
    return id
  }
}

/** Each adds what is behind the first node of a body, and answers with the last. */
const forms = (blocks) => ({
  one: (_, first) => first,

  chain(body, first) {
    const { maker } = body
    let last = first
    for (let index = maker.cast.between(1, 2); index > 0; index--) {
      const next = body.add(maker.id(), maker.cast.chance(0.4) ? { inputs: maker.inputs(body.known) } : {})
      maker.flow.edge(last, next)
      last = next
    }
    return last
  },

  /** Two sides that run at once. */
  diamond(body, first) {
    const { maker, known } = body
    const before = [...known]
    const left = body.add(maker.id())
    const right = body.add(maker.id(), { seen: before })
    const last = body.add(maker.id(), { inputs: { a: left, b: right } })
    maker.flow.edge(first, left).edge(first, right).edge(left, last).edge(right, last)
    return last
  },

  /** Two sides of which one runs. */
  branch(body, first) {
    const { maker, counter } = body
    const [left, right] = [body.add(maker.id()), body.add(maker.id())]
    const last = body.add(maker.id(), { inputs: { a: first }, any: true })
    const condition = `context.${counter} % 2 == 0`
    maker.flow.edge(first, left, { condition }).edge(first, right, { condition: `!(${condition})` })
    maker.flow.edge(left, last).edge(right, last)
    return last
  },

  batch: (body, first) => around(body, first, blocks.batch),
  subflow: (body, first) => around(body, first, blocks.subflow),

  /** The inner loop is the end of the outer one's body. */
  inner(body, first) {
    const { maker, block } = body
    const inner = maker.id('L')
    maker.put(`count_${inner}`, 0)
    const only = body.add(maker.id(), { more: { count: `count_${inner}` } })
    maker.flow.edge(first, inner)
    maker.flow.loop(inner, { startNodeId: only, endNodeId: only, condition: `context.count_${inner} % 3 != 0` })
    block.members.push(inner)
    return inner
  },
})

/** A block of another kind, and a node behind it. */
function around(body, first, make) {
  const { maker, block, known } = body
  const inner = { behind: [], known, members: [], writes: [] }
  make(maker, inner)
  maker.flow.edge(first, inner.entry)
  block.members.push(...inner.members)
  block.writes.push(...inner.writes)
  const last = body.add(maker.id())
  maker.flow.edge(inner.exit, last)
  return last
}
