// The outcome of a case, in memory and distributed, in a form in which the two are equal or different.
import { isDeepStrictEqual } from 'node:util'
import { deferred } from '../fixtures/deferred.js'
import { differencesHeard, lineOf, UUID } from './events.js'
import { plain, plainRow } from './odd-values.js'
import { isCores } from './totals.js'

/** What either side keeps for itself, and the engine's own key. */
const OWN = new Set(['_executionId', 'blueprintId', 'blueprintVersion', '_flowcraft'])

/** What edges brought, and what a run was resumed with: the adapter keeps the latter, core does not. */
const KEPT = /^_(inputs|resume)\./

/**
 * Notes of each run which node ran how often, and how many attempts that took; which failed, and which gave an output; which edges
 * led where; and what all listeners hear.
 */
export class Recorder {
  runs = new Map()
  #serializer

  constructor(serializer) {
    this.#serializer = serializer
  }

  of(runId) {
    if (!this.runs.has(runId)) {
      const counts = { executed: {}, attempts: {}, arrivals: {}, heard: [] }
      this.runs.set(runId, { ...counts, failed: new Set(), gave: new Set(), finished: deferred() })
    }
    return this.runs.get(runId)
  }

  /** What is noted of a run that has ended; it is kept no longer. */
  take(runId) {
    const noted = this.of(runId)
    this.runs.delete(runId)
    return noted
  }

  /** Notes an attempt, by where its node notes it. */
  attempted(runId, key) {
    const { attempts } = this.of(runId)
    attempts[key] = (attempts[key] ?? 0) + 1
  }

  emit(event) {
    const { type, payload } = event
    const { executed, failed, gave, heard, finished } = this.of(payload.executionId)
    const line = lineOf(event, this.#serializer)
    if (line) heard.push(line)
    if (type === 'workflow:finish') finished.resolve()
    const name = `${payload.blueprintId} ${payload.nodeId}`.replace(UUID, '*')
    if (type === 'node:start') {
      executed[name] = (executed[name] ?? 0) + 1
    } else if (type === 'node:error') {
      failed.add(name)
    } else if (type === 'node:finish') {
      if (payload.result?.output !== undefined) gave.add(name)
    } else if (type === 'context:change' && payload.key.startsWith('_inputs.') && payload.sourceNode !== 'unknown') {
      const { arrivals } = this.of(payload.executionId)
      const target = payload.key.slice('_inputs.'.length)
      arrivals[target] ??= []
      arrivals[target].push(payload.sourceNode)
    }
  }
}

/** The outcome of a run's rows: its status, its final result, its context. */
export function distributedOutcome({ status, result, context }, { executed, attempts, heard }, serializer) {
  const final = status === 'completed' ? result?.payload?.context : context
  const reason = status === 'failed' ? `${result?.reason}`.replace(UUID, '*') : undefined
  return { status, executed, attempts, heard, context: comparable(plainRow(final ?? {}, serializer)), reason }
}

/** Outputs and user keys, as JSON, with the random ids of batches taken out. */
export function comparable(context, serializer) {
  // The random id of a batch gives way to the name of its scatter node.
  const batches = new Map()
  let text = JSON.stringify(plain(context, serializer))
  for (const [, scatter, id] of text.matchAll(/"_batch\.([^"]*?)_([0-9a-f-]{36})_item_/g)) batches.set(id, scatter)
  text = text.replace(UUID, (id) => batches.get(id) ?? '*')
  const json = JSON.parse(text)
  const kept = Object.entries(json).filter(([key]) => {
    // In memory the output of a node stands under its id, too.
    return !KEPT.test(key) && !OWN.has(key) && !(`_outputs.${key}` in json)
  })
  return withoutCores(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))))
}

function withoutCores(value) {
  if (Array.isArray(value)) return value.map(withoutCores)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([key]) => !isCores(key))
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutCores(each)]))
}

/** How a second outcome differs from the one in memory: a sentence for each difference. */
export function differences(one, memory, other) {
  const found = []
  if (memory.status !== other.status) found.push(`status: ${memory.status} in memory, then ${other.status}`)
  const counted = !repeatsInMemory(one)
  for (const count of ['executed', 'attempts']) {
    for (const name of keysOf(memory[count], other[count])) {
      const [here, there] = [memory[count][name] ?? 0, other[count][name] ?? 0]
      if (counted ? here !== there : !here !== !there)
        found.push(`${count}: ${name} ${here} times in memory, then ${there}`)
    }
  }
  for (const key of keysOf(memory.context, other.context)) {
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
  return [...found, ...differencesHeard(one, memory, other)]
}

const keysOf = (one, other) => [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()

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
