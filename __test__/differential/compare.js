// The outcome of a case, in memory and distributed, in a form in which the two are equal or different.
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { FlowRuntime, GraphTraverser, NullLogger, UnsafeEvaluator } from 'flowcraft'
import { dice, seedOf } from './generate.js'
import { registry } from './nodes.js'

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
/** What either side keeps for itself, and the engine's own key. */
const OWN = new Set(['_executionId', 'blueprintId', 'blueprintVersion', '_flowcraft'])

/** Notes which node ran how often, by run; and which edges led where. */
export class Recorder {
  runs = new Map()

  of(runId) {
    if (!this.runs.has(runId)) this.runs.set(runId, { executed: {}, arrivals: {} })
    return this.runs.get(runId)
  }

  emit({ type, payload }) {
    if (type === 'node:start') {
      const { executed } = this.of(payload.executionId)
      const name = `${payload.blueprintId} ${payload.nodeId}`.replace(UUID, '*')
      executed[name] = (executed[name] ?? 0) + 1
    } else if (type === 'context:change' && payload.key.startsWith('_inputs.') && payload.sourceNode !== 'unknown') {
      const { arrivals } = this.of(payload.executionId)
      const target = payload.key.slice('_inputs.'.length)
      arrivals[target] ??= []
      arrivals[target].push(payload.sourceNode)
    }
  }
}

/** Middleware that takes its time before and after a node: up to so many milliseconds, drawn from a seed. */
export function delays(longest, seed) {
  const cast = dice(seed)
  const wait = () => sleep(cast.upTo(longest + 1))
  return { beforeNode: wait, afterNode: wait }
}

/** Middleware under which any node may be much slower than any other; in half of the runs, even than a whole subflow. */
function hurdles(seed) {
  const cast = dice(seed)
  const wait = async (_context, nodeId) => {
    const inside = /^s\d+_/.test(nodeId)
    if (!(inside && seed % 2) && cast.chance(0.25)) await sleep(40)
  }
  return { beforeNode: wait, afterNode: wait }
}

/**
 * An event bus that takes its time whenever a node starts or ends. Workers are slow by it, and not by middleware: beside
 * middleware a subflow is executed whole.
 */
export function slowBus(longest, seed, bus) {
  const cast = dice(seed)
  return {
    emit: async (event) => {
      bus.emit(event)
      if (event.type === 'node:start' || event.type === 'node:finish') await sleep(cast.upTo(longest + 1))
    },
  }
}

export function runtimeOptions(blueprints, { middleware = [], eventBus }) {
  return { blueprints, registry, evaluator: new UnsafeEvaluator(), logger: new NullLogger(), middleware, eventBus }
}

export const blueprintsOf = (one) => Object.fromEntries([one.blueprint, ...one.subs].map((each) => [each.id, each]))

export const startsOf = ({ blueprint }) => new GraphTraverser(blueprint).getReadyNodes().map(({ nodeId }) => nodeId)

/** A case's outcome in memory; `seed` decides who is faster within a level. */
export async function inMemory(one, seed = 0, pace = delays(3, seedOf(one.name, 'memory', seed))) {
  const recorder = new Recorder()
  // Everything of one runtime is one run: subflows have its id, too.
  const bus = { emit: (event) => recorder.emit({ ...event, payload: { ...event.payload, executionId: 'this' } }) }
  const runtime = new FlowRuntime(runtimeOptions(blueprintsOf(one), { middleware: [pace], eventBus: bus }))
  try {
    const result = await runtime.run(one.blueprint, structuredClone(one.context), { concurrency: 100 })
    const { executed, arrivals } = recorder.of('this')
    const errors = (result.errors ?? []).map(({ nodeId }) => nodeId.replace(UUID, '*'))
    return {
      status: result.status,
      executed,
      context: comparable(result.context),
      errors: [...new Set(errors)].sort(),
      arrivals,
    }
  } catch (error) {
    return { status: `threw ${error.message}`, executed: {}, context: {}, errors: [], arrivals: {} }
  }
}

/** Outcomes in memory under so many orders of completion: all of them that differ. */
export async function memoryOutcomes(one, times) {
  const first = randomInt(2 ** 30)
  const all = await Promise.all(
    Array.from({ length: times }, (_, index) => inMemory(one, first + index, hurdles(first + index))),
  )
  return all.filter((each, index) => all.findIndex((other) => differences(one, other, each).length === 0) === index)
}

/** The outcome of a run's rows: its status, its final result, its context. */
export function distributedOutcome({ status, result, context }, executed) {
  const final = status === 'completed' ? result?.payload?.context : context
  const reason = status === 'failed' ? `${result?.reason}`.replace(UUID, '*') : undefined
  return { status, executed, context: comparable(final ?? {}), reason }
}

/** Outputs and user keys, as JSON, with the random ids of batches taken out. */
export function comparable(context) {
  // The random id of a batch gives way to the name of its scatter node.
  const batches = new Map()
  let text = JSON.stringify(context)
  for (const [, scatter, id] of text.matchAll(/"_batch\.([^"]*?)_([0-9a-f-]{36})_item_/g)) batches.set(id, scatter)
  text = text.replace(UUID, (id) => batches.get(id) ?? '*')
  const json = JSON.parse(text)
  const kept = Object.entries(json).filter(([key]) => {
    // In memory the output of a node stands under its id, too.
    return !key.startsWith('_inputs.') && !OWN.has(key) && !(`_outputs.${key}` in json)
  })
  return withoutIds(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))))
}

function withoutIds(value) {
  if (Array.isArray(value)) return value.map(withoutIds)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([key]) => key !== '_executionId')
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutIds(each)]))
}

/** How a second outcome differs from the one in memory: a sentence for each difference. */
export function differences(one, memory, other) {
  const found = []
  if (memory.status !== other.status) found.push(`status: ${memory.status} in memory, then ${other.status}`)
  const counted = !repeatsInMemory(one)
  const names = new Set([...Object.keys(memory.executed), ...Object.keys(other.executed)])
  for (const name of [...names].sort()) {
    const [here, there] = [memory.executed[name] ?? 0, other.executed[name] ?? 0]
    if (counted ? here !== there : !here !== !there)
      found.push(`executed: ${name} ${here} times in memory, then ${there}`)
  }
  const keys = new Set([...Object.keys(memory.context), ...Object.keys(other.context)])
  for (const key of [...keys].sort()) {
    const [here, there] = [memory.context[key], other.context[key]]
    if (!isDeepStrictEqual(here, there)) found.push(`context: ${key} is ${short(here)} in memory, then ${short(there)}`)
  }
  if (other.errors && !isDeepStrictEqual(memory.errors, other.errors)) {
    found.push(`errors: of ${memory.errors} in memory, then of ${other.errors}`)
  }
  if (other.reason !== undefined && memory.status === 'failed') {
    const missing = memory.errors.filter((node) => !other.reason.includes(`'${node}'`))
    if (missing.length > 0) found.push(`reason: does not name ${missing}: ${other.reason}`)
  }
  return found
}

/** In memory an `any` join runs once for every arrival, and what is behind it may, too: there, how often is not compared. */
function repeatsInMemory({ blueprint, subs }) {
  return [blueprint, ...subs].some(({ nodes }) =>
    nodes.some(
      ({ uses, config }) => uses !== 'loop-controller' && (config?.joinStrategy === 'any' || config?.fallback),
    ),
  )
}

export function short(value) {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
