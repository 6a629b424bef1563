// Whether the outcome of a case depends on who is faster. Cases are not generated so; while one is shrunk it may become so.
import { bodyOf, into, isLoop, reachable } from './graph.js'
import { isWrite } from './shared-keys.js'

/** Whether a node reads what nothing makes sure is done before it, or two nodes use one key at once and one of them writes. */
export function readsAhead({ blueprint, subs, context }) {
  return [blueprint, ...subs].some((each) => {
    const order = new Order(each)
    return waitsInVain(each, order) || readsTooEarly(each, order) || meetAtOneKey(accessesOf(each, context), order)
  })
}

/** The order in which nodes of a blueprint are done, as far as its edges say. */
class Order {
  #blueprint
  #loops

  constructor(blueprint) {
    this.#blueprint = blueprint
    this.#loops = blueprint.nodes.filter(isLoop).map((loop) => ({
      body: bodyOf(blueprint, loop),
      round: { ...blueprint, edges: blueprint.edges.filter(({ source }) => source !== loop.id) },
    }))
  }

  isDoneBefore(one, other) {
    const primaries = this.#blueprint.nodes.filter(({ config }) => config?.fallback === one).map(({ id }) => id)
    return [one, ...primaries].some((id) => isBefore(this.#blueprint, id, other) && !this.#areAtOnce(id, other))
  }

  /** Two of one round of a loop, with no order between them, are under way at once, though the way round connects them. */
  #areAtOnce(one, other) {
    const isOpen = ({ body, round }) =>
      body.has(one) && body.has(other) && !isBefore(round, one, other) && !isBefore(round, other, one)
    return this.#loops.some(isOpen)
  }
}

const isBefore = (graph, from, to) => from === to || reachable(graph, from).has(to)

const isShared = (key) => key.includes('shared_')

/** By key, who sets it, where it is one node only. */
function writersOf({ nodes }) {
  const writers = new Map()
  for (const { id, params = {} } of nodes) {
    const keys = [id, params.write, params.count, params.outputKey, ...Object.keys(params.outputs ?? {})]
    for (const key of keys) if (key && !isShared(key)) writers.set(key, id)
  }
  return writers
}

/** In memory a level ends before the next begins: a node that waits for a later one waits in vain. */
function waitsInVain(blueprint) {
  const writers = writersOf(blueprint)
  const isPlain = ({ action, condition }) => action === undefined && condition === undefined
  const alike = (one, other) => {
    const [edges, others] = [one, other].map((id) => into(blueprint, id))
    const sources = others.map(({ source }) => source)
    if (edges.length !== others.length || ![...edges, ...others].every(isPlain)) return false
    return edges.every(({ source }) => sources.includes(source))
  }
  return blueprint.nodes.some(
    ({ id, params = {} }) => params.until && !(writers.has(params.until) && alike(id, writers.get(params.until))),
  )
}

function readsTooEarly(blueprint, order) {
  const writers = writersOf(blueprint)
  return blueprint.nodes.some(({ id, inputs = {}, params = {} }) => {
    const mapped = typeof inputs === 'string' ? [inputs] : Object.values(inputs)
    const brought = into(blueprint, id).flatMap(({ transform = '' }) => [...transform.matchAll(/context\["(.*?)"\]/g)])
    const given = Object.values(params.inputs ?? {})
    const names = [...mapped, ...(params.read ?? []), ...given, ...brought.map(([, name]) => name)]
    // What is behind a node that waited for a key reads it after it was set.
    const seers = (name) => blueprint.nodes.filter((node) => node.params?.until === name).map((node) => node.id)
    const isThere = (name) => [writers.get(name), ...seers(name)].some((node) => order.isDoneBefore(node, id))
    return names.some((name) => writers.has(name) && !isThere(name))
  })
}

/** Who reads and writes the keys that several nodes use. */
function accessesOf({ nodes }, context) {
  return nodes.flatMap(({ id, inputs, params = {} }) => {
    const touched = (params.touches ?? []).map((touch) => ({ id, key: touch.key, writes: isWrite(touch) }))
    const given = Object.values(params.inputs ?? {}).map((key) => ({ id, key, writes: false }))
    const taken = Object.keys(params.outputs ?? {}).map((key) => ({ id, key, writes: true }))
    const items = params.workerUsesKey && Array.isArray(context[inputs]) ? context[inputs] : []
    const read = items
      .filter((item) => item.reads)
      .map(({ reads: key }) => ({ id: params.gatherNodeId, key, writes: false }))
    return [...touched, ...given, ...taken, ...read].filter(({ key }) => isShared(key))
  })
}

function meetAtOneKey(accesses, order) {
  return accesses.some((one) =>
    accesses.some(
      (other) =>
        one.writes &&
        one.key === other.key &&
        one.id !== other.id &&
        !order.isDoneBefore(one.id, other.id) &&
        !order.isDoneBefore(other.id, one.id),
    ),
  )
}
