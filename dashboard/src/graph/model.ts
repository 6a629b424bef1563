/**
 * What is drawn of a run: its blueprint's nodes as the run reached them, with the executions of batches, the bodies of loops and
 * the insides of subflows folded into one box each, until somebody unfolds them. Pure.
 */
import type { DrawnBlueprint, RunNode } from '../api.js'
import { loopsOf } from './loops.js'

export type State = RunNode['state'] | 'unreached'

export interface Box {
  id: string
  title: string
  /** What the blueprint says it uses. */
  uses?: string
  state: State
  node?: RunNode
  /** It stands for several: a batch, a loop or a subflow that is folded, or could be. */
  group?: {
    kind: 'batch' | 'loop' | 'subflow'
    /** By which it is turned. */
    key: string
    isFolded: boolean
    states: Partial<Record<State, number>>
    count: number
  }
}

export interface Line {
  id: string
  source: string
  target: string
  label?: string
  /** It leads back, to the beginning of a loop. */
  isBack?: true
  /** The run went along it, as far as its nodes say. */
  isTaken?: true
  /** From a node to what stands inside it, or to what takes its place. */
  isInner?: true
}

export interface Drawing {
  boxes: Box[]
  lines: Line[]
}

/** A batch's executions: the worker, the batch's id, and the place of the item. */
const BATCHED = /^(.+)_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}_\d+$/

/** Names that core makes for functions that have none. */
export const MADE_UP = /^(fn|class)_(batch_worker_)?[0-9a-f]+$/

/** The worker of the batch that a node is an execution of, if it is one. */
export function batchOf(nodeId: string): string | undefined {
  return BATCHED.exec(nodeId)?.[1]
}

export interface Known {
  blueprints: readonly DrawnBlueprint[]
  blueprintId: string | undefined
  nodes: readonly RunNode[]
  /** Groups whose fold somebody changed: batches and subflows begin folded, loops unfolded. */
  turned: ReadonlySet<string>
}

export function drawingOf(known: Known): Drawing {
  const drawing = new Drafting(known)
  drawing.draw(known.blueprintId, '')
  return drawing.finished()
}

/** A batch of a blueprint: paths of its nodes, and ids of what it names. */
interface Batch {
  scatter: string
  worker: string
  gather: string | undefined
  pathOf: (id: string) => string
}

class Drafting {
  readonly #known: Known
  readonly #byId: ReadonlyMap<string, RunNode>
  readonly #boxes = new Map<string, Box>()
  readonly #lines = new Map<string, Line>()
  /** Nodes of the run that stand in a box already. */
  readonly #drawn = new Set<string>()

  constructor(known: Known) {
    this.#known = known
    this.#byId = new Map(known.nodes.map((node) => [node.nodeId, node]))
  }

  /** Draws a blueprint; `prefix` is the path of the node that runs it. */
  draw(blueprintId: string | undefined, prefix: string): void {
    const blueprint = this.#known.blueprints.find(({ id }) => id === blueprintId)
    if (!blueprint) return
    const { nodes, edges } = blueprint
    const pathOf = (id: string) => (prefix === '' ? id : `${prefix}/${id.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    const folded = this.#foldLoops(blueprint, pathOf)
    for (const { id, uses, subflow, fallback, batchWorker, batchGather } of nodes) {
      const path = pathOf(id)
      if (!folded.has(path)) this.#box(path, { title: id, uses })
      this.#drawn.add(path)
      if (fallback !== undefined) this.#line(path, pathOf(fallback), { label: 'fallback', isInner: true }, folded)
      if (batchWorker !== undefined)
        this.#batch({ scatter: path, worker: batchWorker, gather: batchGather, pathOf }, folded)
      if (subflow !== undefined && !folded.has(path)) this.#subflow(path, subflow)
    }
    this.#openLoops(blueprint, pathOf)
    for (const { source, target, action, isConditional } of edges) {
      // The way from a batch's beginning to its end leads through its executions.
      const gather = nodes.find(({ id }) => id === source)?.batchGather
      if (gather === target && this.#boxes.has(`batch:${pathOf(source)}`)) continue
      const [from, to] = [this.#byId.get(pathOf(source)), this.#byId.get(pathOf(target))]
      const isTaken =
        from?.state === 'done' &&
        to !== undefined &&
        to.execution > 0 &&
        (action === undefined || from.action === action)
      this.#line(
        pathOf(source),
        pathOf(target),
        {
          ...(action !== undefined ? { label: action } : isConditional ? { label: 'if' } : {}),
          ...(isTaken && { isTaken }),
        },
        folded,
      )
    }
  }

  finished(): Drawing {
    this.#rest()
    const boxes = [...this.#boxes.values()]
    const lines = [...this.#lines.values()].filter(
      ({ source, target }) => this.#boxes.has(source) && this.#boxes.has(target),
    )
    return { boxes, lines: markBack(boxes, lines) }
  }

  /** The bodies of loops that are folded: by node, the box that stands for it. */
  #foldLoops({ nodes, edges }: DrawnBlueprint, pathOf: (id: string) => string): Map<string, string> {
    const folded = new Map<string, string>()
    for (const body of loopsOf(
      nodes.map(({ id }) => id),
      edges,
    )) {
      const first = body[0] ?? ''
      const id = `loop:${pathOf(first)}`
      if (!this.#known.turned.has(id)) continue
      const members = body.map(pathOf)
      for (const member of members) folded.set(member, id)
      this.#group(id, `${first} …`, 'loop', members, true)
    }
    return folded
  }

  /** The first node of each loop that is unfolded can fold it. */
  #openLoops({ nodes, edges }: DrawnBlueprint, pathOf: (id: string) => string): void {
    for (const body of loopsOf(
      nodes.map(({ id }) => id),
      edges,
    )) {
      const box = this.#boxes.get(pathOf(body[0] ?? ''))
      if (box && !box.group)
        box.group = { kind: 'loop', key: `loop:${box.id}`, isFolded: false, ...this.#statesOf(body.map(pathOf)) }
    }
  }

  #batch({ scatter, worker, gather, pathOf }: Batch, folded: ReadonlyMap<string, string>): void {
    const members = this.#known.nodes
      .filter(({ nodeId }) => batchOf(nodeId) === pathOf(worker))
      .map(({ nodeId }) => nodeId)
    if (members.length === 0 || folded.has(scatter)) return
    const id = `batch:${scatter}`
    for (const box of this.#members(id, 'each item', 'batch', members)) {
      this.#line(scatter, box, {}, folded)
      if (gather !== undefined) this.#line(box, pathOf(gather), {}, folded)
    }
  }

  #subflow(path: string, blueprintId: string): void {
    const members = this.#known.nodes.filter(({ nodeId }) => nodeId.startsWith(`${path}/`)).map(({ nodeId }) => nodeId)
    const inner = this.#known.blueprints.find(({ id }) => id === blueprintId)
    const box = this.#boxes.get(path)
    if (!box || (members.length === 0 && !inner)) return
    const isFolded = !this.#known.turned.has(`subflow:${path}`)
    box.group = { kind: 'subflow', key: `subflow:${path}`, isFolded, ...this.#statesOf(members, inner?.nodes.length) }
    for (const member of members) if (isFolded) this.#drawn.add(member)
    if (isFolded) return
    this.draw(blueprintId, path)
    const targets = new Set(inner?.edges.map(({ target }) => target))
    for (const { id } of inner?.nodes ?? []) {
      if (!targets.has(id)) this.#line(path, `${path}/${id}`, { isInner: true }, new Map())
    }
  }

  /** Nodes that no blueprint here has: batches among them are folded. */
  #rest(): void {
    const batches = new Map<string, string[]>()
    for (const { nodeId } of this.#known.nodes) {
      if (this.#drawn.has(nodeId)) continue
      const worker = batchOf(nodeId)
      if (worker === undefined) this.#box(nodeId, { title: nodeId })
      else batches.set(worker, [...(batches.get(worker) ?? []), nodeId])
    }
    for (const [worker, members] of batches) this.#members(`batch:${worker}`, worker, 'batch', members)
  }

  /** A group as one box, or as its members. */
  #members(id: string, title: string, kind: 'batch', members: readonly string[]): string[] {
    const isFolded = !this.#known.turned.has(id)
    for (const member of members) this.#drawn.add(member)
    this.#group(id, title, kind, members, isFolded)
    if (isFolded) return [id]
    members.forEach((member, at) => {
      this.#box(member, { title: `item ${at + 1}` })
      this.#line(id, member, { isInner: true }, new Map())
    })
    return members.length > 0 ? [id, ...members] : [id]
  }

  #group(id: string, title: string, kind: 'batch' | 'loop', members: readonly string[], isFolded: boolean): void {
    const { states, count } = this.#statesOf(members)
    this.#boxes.set(id, { id, title, state: worst(states), group: { kind, key: id, isFolded, states, count } })
  }

  #statesOf(members: readonly string[], atLeast = 0): { states: Partial<Record<State, number>>; count: number } {
    const states: Partial<Record<State, number>> = {}
    for (const member of members) {
      const state = this.#byId.get(member)?.state ?? 'unreached'
      states[state] = (states[state] ?? 0) + 1
    }
    return { states, count: Math.max(members.length, atLeast) }
  }

  #box(id: string, { title, uses }: { title: string; uses?: string }): void {
    const node = this.#byId.get(id)
    this.#boxes.set(id, {
      id,
      title,
      state: node?.state ?? 'unreached',
      ...(uses !== undefined && { uses }),
      ...(node && { node }),
    })
  }

  #line(from: string, to: string, more: Partial<Line>, folded: ReadonlyMap<string, string>): void {
    const [source, target] = [folded.get(from) ?? from, folded.get(to) ?? to]
    const id = `${source} → ${target} ${more.label ?? ''}`
    if (source !== target) this.#lines.set(id, { id, source, target, ...more })
  }
}

/** The state that one should look at first. */
function worst(states: Partial<Record<State, number>>): State {
  const order: State[] = ['failed', 'awaiting', 'due', 'idle', 'unreached', 'done']
  return order.find((state) => (states[state] ?? 0) > 0) ?? 'unreached'
}

/** Lines that lead to a box that stands on the way to where they begin. */
function markBack(boxes: readonly Box[], lines: readonly Line[]): Line[] {
  const next = new Map<string, Line[]>()
  const targets = new Set<string>()
  for (const line of lines) {
    next.set(line.source, [...(next.get(line.source) ?? []), line])
    targets.add(line.target)
  }
  const state = new Map<string, 'open' | 'done'>()
  const back = new Set<string>()
  for (const { id } of [...boxes.filter((box) => !targets.has(box.id)), ...boxes]) {
    if (state.has(id)) continue
    state.set(id, 'open')
    const stack = [{ id, at: 0 }]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const line = next.get(top.id)?.[top.at]
      top.at += 1
      if (!line) {
        state.set(top.id, 'done')
        stack.pop()
      } else if (state.get(line.target) === 'open') back.add(line.id)
      else if (!state.has(line.target)) {
        state.set(line.target, 'open')
        stack.push({ id: line.target, at: 0 })
      }
    }
  }
  return lines.map((line) => (back.has(line.id) ? { ...line, isBack: true as const } : line))
}
