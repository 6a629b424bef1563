// A case in memory: run by core, and resumed by it where it pauses.
import { randomInt } from 'node:crypto'
import { FlowRuntime, GraphTraverser, NullLogger, UnsafeEvaluator } from 'flowcraft'
import { comparable, differences, Recorder } from './compare.js'
import { seedOf } from './dice.js'
import { UUID } from './events.js'
import { ITEM_FLOW, registry } from './nodes.js'
import { plain, revived, serializerOf } from './odd-values.js'
import { delays, hurdles } from './pace.js'

/** @param {(runId: string, key: string) => void} more.attempted hears of every attempt */
export function runtimeOptions(blueprints, { attempted, serializer, ...more }) {
  const dependencies = { attempted, plain: (value) => plain(value, serializer) }
  const evaluator = new UnsafeEvaluator()
  return { blueprints, registry, evaluator, logger: new NullLogger(), serializer, dependencies, ...more }
}

export const blueprintsOf = (one) =>
  Object.fromEntries([one.blueprint, ...one.subs, ITEM_FLOW].map((each) => [each.id, each]))

export const startsOf = ({ blueprint }) => new GraphTraverser(blueprint).getReadyNodes().map(({ nodeId }) => nodeId)

/** More than any case has. */
const MOST_PAUSES = 10

/** Core's runtime, but that an action with which a node is resumed routes, as core's documentation says. */
class Resuming extends FlowRuntime {
  #answer

  /** Runs a case until it pauses no more: each pause with its result, and in the end the result of the whole. */
  async runThrough({ blueprint, context, pauses }) {
    let result = await this.run(structuredClone(blueprint), revived(context), { concurrency: 100 })
    const errors = [...(result.errors ?? [])]
    for (let left = MOST_PAUSES; result.status === 'awaiting' && left > 0; left--) {
      const [id] = result.context._awaitingNodeIds
      this.#answer = pauses[id]
      const output = revived(this.#answer.output)
      // Core writes into the blueprint that it resumes.
      result = await this.resume(structuredClone(blueprint), result.serializedContext, { output }, id)
      errors.push(...(result.errors ?? []))
    }
    return { ...result, errors }
  }

  determineNextNodes(blueprint, nodeId, result, ...rest) {
    const { at, action } = this.#answer ?? {}
    return super.determineNextNodes(
      blueprint,
      nodeId,
      at === nodeId && action ? { ...result, action } : result,
      ...rest,
    )
  }

  /** As many nodes at a time as before the pause. */
  _setupResumedExecutionContext(...given) {
    return Object.assign(super._setupResumedExecutionContext(...given), { concurrency: 100 })
  }
}

/** A case's outcome in memory; `seed` decides who is faster within a level. */
export async function inMemory(one, seed = 0, pace = delays(3, seedOf(one.name, 'memory', seed))) {
  const serializer = serializerOf(one)
  const recorder = new Recorder(serializer)
  // Everything of one runtime is one run: subflows have its id, too.
  const bus = { emit: (event) => recorder.emit({ ...event, payload: { ...event.payload, executionId: 'this' } }) }
  const attempted = (_, key) => recorder.attempted('this', key)
  const options = { middleware: [pace], eventBus: bus, attempted, serializer }
  const runtime = new Resuming(runtimeOptions(structuredClone(blueprintsOf(one)), options))
  try {
    const result = await runtime.runThrough(one)
    const errors = result.errors.map(({ nodeId }) => nodeId.replace(UUID, '*'))
    return {
      status: result.status,
      ...recorder.of('this'),
      context: comparable(result.context, serializer),
      errors: [...new Set(errors)].sort(),
    }
  } catch (error) {
    return { status: `threw ${error.message}`, ...recorder.of('this'), context: {}, errors: [] }
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
