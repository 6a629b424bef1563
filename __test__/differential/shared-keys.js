// Keys of one context that several nodes read, set, add to and delete: never two at once, if one of them writes. In memory
// the nodes of a level meet and those of different levels do not; distributed, any two do that no edge brings in an order.

const READS = { get: 4, has: 2, json: 2 }
const WRITES = { set: 5, add: 6, delete: 3, patch: 3, loose: 2 }
const WRITING = new Set(Object.keys(WRITES))
/** What says whether a key was there. */
const ASKING = new Set(['has', 'delete'])

/** Whether what a node does to a key changes it. */
export const isWrite = ({ op }) => WRITING.has(op)

export class SharedKeys {
  #cast
  /** By key, the nodes that read it and those that write it. */
  #readers = new Map()
  #writers = new Map()
  /** Keys that a subflow may set to undefined: in memory they are there, for who asks. */
  #given = new Set()
  /** Keys of which a node asks whether they are there. */
  #asked = new Set()

  constructor(cast, names) {
    this.#cast = cast
    for (const name of names) {
      this.#readers.set(name, [])
      this.#writers.set(name, [])
    }
  }

  /** What a node does, in this order; `known` are the nodes that are over, or never begin, when it begins. */
  touches(node, known) {
    const cast = this.#cast
    const over = new Set(known).add(node)
    const touches = []
    for (let count = cast.between(1, 3); count > 0; count--) {
      const key = cast.pick([...this.#writers.keys()])
      const op = cast.weighed({ ...READS, ...WRITES })
      if (ASKING.has(op) && this.#given.has(key)) continue
      if (isWrite({ op }) ? this.#mayWrite(key, over) : this.#mayRead(key, over)) touches.push({ op, key })
    }
    for (const { op, key } of touches) {
      ;(isWrite({ op }) ? this.#writers : this.#readers).get(key).push(node)
      if (ASKING.has(op)) this.#asked.add(key)
    }
    return touches
  }

  /** A key that a subflow may be given, or may set with what it gives, if there is one; it is noted that it does. */
  takeFor(node, known, isWriter) {
    const over = new Set(known).add(node)
    const free = [...this.#writers.keys()].filter((key) =>
      isWriter ? this.#mayWrite(key, over) && !this.#asked.has(key) : this.#mayRead(key, over),
    )
    if (free.length === 0) return undefined
    const key = this.#cast.pick(free)
    ;(isWriter ? this.#writers : this.#readers).get(key).push(node)
    if (isWriter) this.#given.add(key)
    return key
  }

  #mayRead(key, over) {
    return this.#writers.get(key).every((node) => over.has(node))
  }

  #mayWrite(key, over) {
    return this.#mayRead(key, over) && this.#readers.get(key).every((node) => over.has(node))
  }
}
