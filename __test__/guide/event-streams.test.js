// What an event bus hears of a run, put together from all workers, is what it hears of the run in memory: the same events,
// as often, in the same partial order; and core's replay makes of them the context that the run ended with.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FlowRuntime } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { FLOWS } from './event-flows.js'
import { distributed, inMemory, plain } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Said by each worker of its own work: nothing in memory is like it. */
const ofAJob = ({ type }) => type.startsWith('job:')
/** Said of the run as a whole. */
const ofTheWhole = ({ type }) => type.startsWith('workflow:')

const RESUMED =
  'core’s `resume` sets up what follows the pause a second time, and clears what was awaited in the context'
/** Where core’s documentation has a pause, its code ends the run, and says no more of it. */
const paused = (blueprintId) => ({
  inMemory: [`workflow:finish {"blueprintId":"${blueprintId}","status":"awaiting"}`],
  distributed: [
    `workflow:pause {"blueprintId":"${blueprintId}"}`,
    `workflow:resume {"blueprintId":"${blueprintId}"}`,
    `workflow:finish {"blueprintId":"${blueprintId}","status":"completed"}`,
  ],
})
const CLEARED = [
  'context:change {"key":"_awaitingDetails","op":"delete","sourceNode":"unknown"}',
  'context:change {"key":"_awaitingNodeIds","op":"delete","sourceNode":"unknown"}',
]

/** Where a stream differs from memory's today: the events that only one of them has. */
const KNOWN = {
  'retries through the queue, and a fallback': {
    because: 'a retry through the queue says of which blueprint, and after which error, as core’s own does not',
    onlyInMemory: [1, 2].map((attempt) => `node:retry {"attempt":${attempt},"blueprintId":"","nodeId":"p"}`),
    onlyDistributed: [1, 2].map(
      (attempt) =>
        `node:retry {"attempt":${attempt},"blueprintId":"queued","error":["FlowcraftError","Node 'p' execution failed",` +
        `["Error","attempt ${attempt}",null]],"nodeId":"p"}`,
    ),
  },
  'a wait': {
    because: `${RESUMED}; it tells an output of a waiting node before there is one, and not the one it is resumed with`,
    onlyInMemory: [
      ...paused('wait').inMemory,
      ...CLEARED,
      'context:change {"key":"_inputs.b","op":"set","sourceNode":"ask"}',
      'context:change {"key":"_inputs.b","op":"set","sourceNode":"unknown"}',
      'context:change {"key":"_outputs.ask","op":"set","sourceNode":"unknown"}',
      'context:change {"key":"ask","op":"set","sourceNode":"unknown"}',
    ],
    onlyDistributed: [
      'context:change {"key":"_outputs.ask","op":"set","sourceNode":"unknown","value":"yes"}',
      'context:change {"key":"ask","op":"set","sourceNode":"unknown","value":"yes"}',
      ...paused('wait').distributed,
    ],
  },
  'a sleep': {
    because: RESUMED,
    onlyInMemory: [
      ...CLEARED,
      'context:change {"key":"_inputs.b","op":"set","sourceNode":"nap","value":1}',
      'context:change {"key":"_inputs.b","op":"set","sourceNode":"unknown","value":1}',
      ...paused('sleep').inMemory,
    ],
    onlyDistributed: paused('sleep').distributed,
  },
}

const OF_SUBFLOWS =
  'the events of a subflow’s nodes name no subflow: core’s replay puts their outputs into the run’s context'

/** Where core's replay does not make the final context: the keys that it makes otherwise, as it does of memory's events. */
const KNOWN_REPLAYS = {
  'retries through the queue, and a fallback': {
    because: 'core’s replay takes the output of a fallback for that of its primary',
    keys: { '_outputs.p': 'saved' },
  },
  'a fallback': {
    because: 'core’s replay takes the output of a fallback for that of its primary',
    keys: { '_outputs.p': 'saved' },
  },
  'a subflow': {
    because: OF_SUBFLOWS,
    keys: { '_inputs.two': 'in', '_outputs.one': 'in', '_outputs.two': 'in' },
  },
  'a subflow in a subflow': {
    because: OF_SUBFLOWS,
    keys: { '_inputs.two': 'in', '_outputs.one': 'in', '_outputs.t': 'in', '_outputs.two': 'in' },
  },
  'a subflow that fails': { because: OF_SUBFLOWS, keys: { '_inputs.two': 1, '_outputs.one': 1 } },
}

/** An event as a line, but for who ran it and when: keys in order, as a column has them; errors as what they say. */
function line({ type, payload: { executionId, error, errors, ...payload } }) {
  const said = {
    ...payload,
    ...(error !== undefined && { error: words(error) }),
    // Their messages are an adapter’s: it says what failed, and why.
    ...(errors && { errors: errors.map(({ nodeId, isFatal }) => [nodeId, isFatal]) }),
  }
  return `${type} ${JSON.stringify(plain(said), inOrder)}`.replace(TIME, 'some time')
}
const TIME = /\d{4}-\d\d-\d\dT[\d:.]+Z/g
const words = (error) => (error ? [error.name, error.message, words(error.cause)] : null)
const inOrder = (_, value) => {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))) : value
}

const ofTheRun = (events) => events.filter((event) => !ofAJob(event))

/** The lines of one list that another does not have, as often as they are missing. */
function missing(lines, others) {
  const left = [...others]
  return lines.filter((each) => {
    const index = left.indexOf(each)
    if (index !== -1) left.splice(index, 1)
    return index === -1
  })
}

/** What an event is about: events about one thing follow each other. */
function subject({ type, payload }) {
  if (type === 'context:change') return `key ${plain(payload.key)}`
  if (type === 'edge:evaluate') return `edges of ${payload.source}`
  if (ofTheWhole({ type })) return 'the run'
  if (type.startsWith('batch:')) return `batch ${payload.batchId}`
  return `node ${payload.blueprintId || 'any'} ${plain(payload.nodeId)}`
}

/** The inputs of nodes with several predecessors: they come as those are done, and the last one stays. */
const inputsOfJoins = ({ nodes, edges }) =>
  nodes
    .map(({ id }) => id)
    .filter((id) => edges.filter(({ target }) => target === id).length > 1)
    .map((id) => `_inputs.${id}`)

/** The events of each subject, in their order. */
function bySubject(events, blueprint) {
  const groups = {}
  for (const event of ofTheRun(events)) {
    groups[subject(event)] ??= []
    groups[subject(event)].push(line(event))
  }
  for (const key of inputsOfJoins(blueprint)) groups[`key ${key}`]?.sort()
  return groups
}

/** What is before what, whoever is faster: each [earlier, later] is a pair of tests of events. */
function causes(blueprint) {
  const of = (type) => (each) => each.type === type
  const event = (type, nodeId) => (each) => each.type === type && each.payload.nodeId === nodeId
  const change = (key) => (each) => each.type === 'context:change' && each.payload.key === key
  const pairs = []
  const targets = new Set(blueprint.edges.map(({ target }) => target))
  const firsts = blueprint.nodes.filter(({ id }) => !targets.has(id)).length
  for (const { source, target } of blueprint.edges) {
    pairs.push([event('node:finish', source), event('node:start', target)])
    pairs.push([change(`_outputs.${source}`), event('node:start', target)])
    pairs.push([change(`_inputs.${target}`), event('node:start', target)])
  }
  for (const { id, config } of blueprint.nodes) {
    pairs.push([event('node:start', id), event('node:finish', id)])
    pairs.push([event('node:start', id), event('node:error', id)])
    pairs.push([event('node:finish', id), change(`_outputs.${id}`)])
    pairs.push([event('node:start', id), event('node:retry', id)])
    // Of several first nodes, one tells that the run starts: the others need not wait for it.
    if (firsts === 1) pairs.push([of('workflow:start'), event('node:start', id)])
    if (firsts === 1) pairs.push([of('workflow:resume'), event('node:start', id)])
    for (const last of [event('node:finish', id), event('node:error', id), change(`_outputs.${id}`)]) {
      pairs.push([last, of('workflow:finish')])
    }
    if (config?.fallback) pairs.push([event('node:fallback', id), event('node:start', config.fallback)])
  }
  return pairs
}

/** The pairs of causes that a stream has in another order than memory's: the first of one before the first of the other. */
function outOfOrder(blueprint, memory, there) {
  const first = (events, test) => events.findIndex(test)
  return causes(blueprint).filter(([earlier, later]) => {
    const isSo = (events) => {
      const [one, other] = [first(events, earlier), first(events, later)]
      return one !== -1 && other !== -1 && one < other
    }
    return isSo(memory) && !isSo(there)
  })
}

/** What nodes left in a context. In memory an output stands under its node's id, too. */
function own(context) {
  const all = plain(context)
  const isOwn = ([key]) =>
    !/^(_flowcraft|_executionId|blueprintId|blueprintVersion|_awaiting.*|_resume.*)$/.test(key) &&
    !(`_outputs.${key}` in all)
  return Object.fromEntries(
    Object.entries(all)
      .filter(isOwn)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

for (const [name, program] of Object.entries(FLOWS)) {
  describe(name, () => {
    const blueprint = program().flow.toBlueprint()
    const { onlyInMemory = [], onlyDistributed = [] } = KNOWN[name] ?? {}
    let memory
    let there
    before(async () => {
      memory = await inMemory(program())
      there = await distributed(servers, { ...program(), workers: 2 })
      assert.equal(there.status, memory.status)
    })

    it('has the events of memory, as often', () => {
      const [one, other] = [memory, there].map(({ events }) => ofTheRun(events).map(line).sort())
      assert.deepEqual(missing(one, other), [...onlyInMemory].sort(), 'told in memory only')
      assert.deepEqual(missing(other, one), [...onlyDistributed].sort(), 'told by workers only')
    })

    it('has them in the same order, where one is the cause of another', () => {
      const [one, other] = [memory, there].map(({ events }) => bySubject(events, blueprint))
      for (const about of Object.keys({ ...one, ...other })) {
        const differs = [...onlyInMemory, ...onlyDistributed].some((each) =>
          one[about]?.concat(other[about]).includes(each),
        )
        if (!differs) assert.deepEqual(other[about], one[about], about)
      }
      assert.deepEqual(outOfOrder(blueprint, ofTheRun(memory.events), ofTheRun(there.events)), [])
    })

    it('replays to the context it ended with', async () => {
      const { context } = await new FlowRuntime().replay(blueprint, there.events, there.seen.runId)
      // What a run starts with, no event tells.
      const replayed = own({ ...program().context, ...context })
      const ended = own(there.seen.context)
      // Two workers tell, and commit, in orders of their own.
      for (const key of inputsOfJoins(blueprint)) if (key in replayed) replayed[key] = ended[key]
      const { keys = {} } = KNOWN_REPLAYS[name] ?? {}
      for (const [key, value] of Object.entries(keys)) assert.notDeepEqual(ended[key], value, `${key} is replayed now`)
      assert.deepEqual(replayed, own({ ...ended, ...keys }))
    })
  })
}
