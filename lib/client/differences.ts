/** What tells two runs apart: their nodes, and the keys of their contexts. Pure. */
import { childrenOf, kindOf } from '../bridge/json-slices.js'
import { HIDDEN } from '../bridge/values.js'
import { goesOn, type NodeDescription, type RunDescription } from './description.js'
import { isEngines, type Keys, keysOf } from './rerun-context.js'

/** What of a node may differ. */
export type NodeAspect = 'presence' | 'state' | 'attempts' | 'duration' | 'worker' | 'error'

/** A node in two runs. */
export interface ComparedNode {
  nodeId: string
  /** Absent where that run has not reached it. */
  one?: ComparedSide
  other?: ComparedSide
  differs: NodeAspect[]
  /** Whether it differs by more than its worker. */
  isDifferent: boolean
}

/** A node as one of the two runs has it. */
export interface ComparedSide {
  state: NodeDescription['state']
  execution: number
  /** How many attempts are known of its present execution. */
  attempts: number
  /** From its start to its end, in milliseconds. */
  took?: number
  worker?: string
  error?: string
}

/** Times differ from run to run: only what is twice as long, and longer by so many milliseconds, is a difference. */
const NOTABLE = 100

/** The nodes of two runs, in the order in which the first reached them; then those that only the other has. */
export function comparedNodes(one: RunDescription, other: RunDescription): ComparedNode[] {
  const [ones, others] = [one, other].map(({ nodes }) => new Map(nodes.map((node) => [node.nodeId, sideOf(node)])))
  const ids = new Set([...(ones?.keys() ?? []), ...(others?.keys() ?? [])])
  return [...ids].map((nodeId) => comparedNode(nodeId, ones?.get(nodeId), others?.get(nodeId)))
}

function comparedNode(nodeId: string, one: ComparedSide | undefined, other: ComparedSide | undefined): ComparedNode {
  const differs = one && other ? aspectsOf(one, other) : (['presence'] as const)
  return {
    nodeId,
    ...(one && { one }),
    ...(other && { other }),
    differs: [...differs],
    isDifferent: differs.some((aspect) => aspect !== 'worker'),
  }
}

function aspectsOf(one: ComparedSide, other: ComparedSide): NodeAspect[] {
  const found: [NodeAspect, boolean][] = [
    ['state', one.state !== other.state],
    ['attempts', one.attempts !== other.attempts || one.execution !== other.execution],
    ['duration', isNotable(one.took, other.took)],
    ['worker', one.worker !== other.worker],
    ['error', one.error !== other.error],
  ]
  return found.flatMap(([aspect, is]) => (is ? [aspect] : []))
}

/** Whether two lengths of time, in milliseconds, differ by more than chance. */
export function isNotable(one: number | undefined, other: number | undefined): boolean {
  if (one === undefined || other === undefined) return one !== other
  const [short, long] = one < other ? [one, other] : [other, one]
  return long - short >= NOTABLE && long >= 2 * short
}

function sideOf(node: NodeDescription): ComparedSide {
  const {
    state,
    execution,
    attempt,
    startedAt,
    reachedAt,
    endedAt,
    worker,
    error,
    failedAttempts = [],
    replaced,
  } = node
  const begun = startedAt ?? reachedAt
  const ofThis = failedAttempts.filter((failed) => failed.execution === execution && !failed.postponed)
  const last = ofThis.at(-1)
  const isItsEnd = replaced || state === 'failed'
  const said = error ?? last?.message
  return {
    state,
    execution,
    attempts: Math.max(attempt, last ? last.attempt + (isItsEnd ? 0 : 1) : 0),
    ...(begun && endedAt && { took: endedAt.getTime() - begun.getTime() }),
    ...(worker !== undefined && { worker }),
    ...(said !== undefined && { error: said }),
  }
}

/** How long a run took, in milliseconds; absent while it goes on, and where no client started it. */
export function tookOf({ status, createdAt, updatedAt, endedAt }: RunDescription): number | undefined {
  const end = endedAt ?? (goesOn(status) ? undefined : updatedAt)
  return createdAt && end ? end.getTime() - createdAt.getTime() : undefined
}

/** A run without its nodes, and how long it took, in milliseconds. */
export type ComparedRun<R extends RunDescription = RunDescription> = Omit<R, 'nodes'> & { took?: number }

export function comparedRun<R extends RunDescription>(run: R): ComparedRun<R> {
  const { nodes: _, ...rest } = run
  const took = tookOf(run)
  return { ...rest, ...(took !== undefined && { took }) }
}

/** A key of two contexts whose values differ: of `added` only the other has it, of `removed` only the first. */
export interface KeyDifference {
  key: string
  change: 'added' | 'removed' | 'changed'
  /** The texts of the values. */
  one?: string
  other?: string
}

/**
 * The keys in which two contexts differ, by name; without what the engine keeps for itself. `hidden` are those whose values are
 * encrypted in both, and cannot be compared.
 */
export function keyDifferences(
  one: string,
  other: string,
  isSame: (one: string, other: string, key: string) => boolean = isSameJson,
): { differences: KeyDifference[]; same: number; hidden: string[] } {
  const [ones, others]: [Keys, Keys] = [keysOf(one), keysOf(other)]
  const keys = [...new Set([...ones.keys(), ...others.keys()])].filter((key) => !isEngines(key)).sort()
  const hidden = keys.filter((key) => ones.get(key) === HIDDEN && others.get(key) === HIDDEN)
  const rest = keys.filter((key) => !hidden.includes(key))
  const differences = rest.flatMap((key) => keyDifference(key, [ones.get(key), others.get(key)], isSame))
  return { differences, same: rest.length - differences.length, hidden }
}

function keyDifference(
  key: string,
  [one, other]: readonly [string | undefined, string | undefined],
  isSame: (one: string, other: string, key: string) => boolean,
): KeyDifference[] {
  if (one === undefined) return other === undefined ? [] : [{ key, change: 'added', other }]
  if (other === undefined) return [{ key, change: 'removed', one }]
  return isSame(one, other, key) ? [] : [{ key, change: 'changed', one, other }]
}

/** Whether two texts say the same value, whatever the order of keys. Numbers are compared as they are stored. */
export function isSameJson(one: string, other: string): boolean {
  if (one === other) return true
  const kind = kindOf(one)
  if (kind !== kindOf(other)) return false
  if (kind === 'string') return JSON.parse(one) === JSON.parse(other)
  if (kind !== 'object' && kind !== 'array') return one.trim() === other.trim()
  const rest = new Map([...childrenOf(other)].map(({ key, from, to }) => [key, other.slice(from, to)]))
  for (const { key, from, to } of childrenOf(one)) {
    const value = rest.get(key)
    if (value === undefined || !isSameJson(one.slice(from, to), value)) return false
    rest.delete(key)
  }
  return rest.size === 0
}
