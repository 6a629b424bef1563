// Programs of flowcraft's guide, each run twice: in memory by core's FlowRuntime, and distributed by the adapter. A page
// says what the outcome is; both runs must have it, and agree in all the rest.
//
// A program is a function, called once for each run, that makes
//   flow, also     the flow, and the flows it runs as subflows
//   context        what the run starts with
//   runtime        options of the FlowRuntime, in memory and in the worker
//   steps          what happens to the paused run, in order: { node, output, action }, or { timer } for a sleep that ends
//   ends           'awaiting' where the run stays paused
//   starts         the nodes a client starts with, where not those without a predecessor
//   workers        how many workers
//   concurrency    how many nodes run at a time, in memory and on each worker
//   adapter        further options of the adapter
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { FlowRuntime, NullLogger } from 'flowcraft'
import { ENDED } from '../fixtures/corner.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

/** Random ids, and those of runs here. */
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bt_[0-9a-f]{10}-\d+/g
/** A function is named after its text and a count of all functions of the process. */
const FUNCTION = /\b(fn|class)_(batch_worker_)?[0-9a-f]+/g
/** What either side keeps for itself. */
const OWN =
  /^(_executionId|blueprintId|blueprintVersion|_flowcraft(\/.*)?|_inputs\..*|_awaiting.*|_resume\..*|_subflowState\..*)$/

/** Hears all events of a run, and passes them on to the program's own bus. */
export class Recorder {
  events = []

  constructor(bus) {
    this.bus = { emit: (event) => this.#hear(event, bus) }
  }

  async #hear(event, bus) {
    // What a worker says of itself is not about a run: the runtime's bus, which this is as well, hears nothing of it.
    if (event.type.startsWith('worker:')) return
    this.events.push(event)
    await bus?.emit(event)
  }

  of(type) {
    return this.events.filter((event) => event.type === type)
  }

  /** How often each node was executed; one of a subflow is named after that. */
  executed(top) {
    const counts = {}
    for (const { payload } of this.of('node:start')) {
      const name = plain(payload.blueprintId === top ? payload.nodeId : `${payload.blueprintId}.${payload.nodeId}`)
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }
}

/** As JSON has it, without random names. */
export function plain(value) {
  const text = JSON.stringify(value)
  return text === undefined ? undefined : JSON.parse(text.replace(UUID, '*').replace(FUNCTION, '$1_*'))
}

/** An outcome in the form in which a page's promise is written, and two runs are compared. */
function outcome(status, context, recorder, top, errors) {
  const all = Object.entries(plain(context))
  const isOutput = ([key]) => key.startsWith('_outputs.')
  const outputs = Object.fromEntries(all.filter(isOutput).map(([key, value]) => [key.slice('_outputs.'.length), value]))
  // In memory an output stands under its node's id, too.
  const isKey = ([key]) => !OWN.test(key) && !key.startsWith('_outputs.') && !(key in outputs)
  const awaiting = (context._awaitingNodeIds ?? []).map((id) => [id, context._awaitingDetails?.[id]?.reason])
  return {
    status,
    outputs: plain(outputs),
    keys: Object.fromEntries(all.filter(isKey)),
    executed: recorder.executed(top),
    awaiting: Object.fromEntries(awaiting),
    errors: plain([...new Set(errors)]).sort(),
  }
}

const built = ({ flow, also = [] }) => [flow, ...also]

/** The program in memory: its outcome, the result, and all events. */
export async function inMemory(program) {
  const { flow, context = {}, runtime = {}, steps = [], concurrency } = program
  const recorder = new Recorder(runtime.eventBus)
  const blueprint = flow.toBlueprint()
  const core = new FlowRuntime({
    logger: new NullLogger(),
    ...runtime,
    blueprints: Object.fromEntries(built(program).map((each) => [each.toBlueprint().id, each.toBlueprint()])),
    registry: {
      ...Object.fromEntries(built(program).flatMap((each) => [...each.getFunctionRegistry()])),
      ...runtime.registry,
    },
    eventBus: recorder.bus,
  })
  let result
  try {
    result = await core.run(blueprint, structuredClone(context), { concurrency })
    for (const { node, output, action, timer } of steps) {
      // What the scheduler does when a timer has expired.
      const resumption = timer ? { output: undefined } : { output, action }
      result = await core.resume(blueprint, result.serializedContext, resumption, timer ?? node)
    }
  } catch (error) {
    result = { status: 'threw', error, context: result?.context ?? {} }
  }
  const errors = (result.errors ?? []).map(({ nodeId }) => nodeId)
  return { ...outcome(result.status, result.context, recorder, blueprint.id, errors), result, events: recorder.events }
}

/** The program on workers of its own: its outcome, what its rows say, and all events. */
export async function distributed(servers, program) {
  const { flow, context = {}, runtime = {}, steps = [], ends, starts, workers = 1, concurrency, adapter } = program
  const recorder = new Recorder(runtime.eventBus)
  await servers.freshQueue()
  const adapters = Array.from({ length: workers }, () =>
    servers.adapter(built(program), {
      runtime: { ...runtime, eventBus: recorder.bus },
      eventBus: recorder.bus,
      ...(concurrency && { concurrency }),
      ...adapter,
    }),
  )
  try {
    const runId = await servers.begin(flow, context, { starts })
    for (const { node, output, action, timer } of steps) {
      if (timer) continue
      await until(() => isAwaiting(servers, runId, node), { what: `${node ?? 'a node'} to wait` })
      await adapters[0].resumeWithAction(runId, action ?? '', output, node)
    }
    const last = steps.findLast(({ timer }) => !timer)?.node
    const settled = await servers.settled(runId, ends ? [...ENDED, ends] : ENDED)
    // A run that paused once more says so when the resumed node is done.
    if (ends && last) await until(async () => !(await isAwaiting(servers, runId, last)), { what: `${last} to go on` })
    const seen = ends ? await servers.settled(runId, [...ENDED, ends]) : settled
    const errors = recorder.of('job:failed').map(({ payload }) => payload.nodeId)
    const id = flow.toBlueprint().id
    return { ...outcome(seen.status, seen.context, recorder, id, errors), seen, events: recorder.events }
  } finally {
    await Promise.all(adapters.map((each) => each.stop()))
    await servers.deleteQueue(servers.queue)
  }
}

async function isAwaiting(servers, runId, node) {
  const { status, context } = await servers.look(runId)
  const ids = context._awaitingNodeIds ?? []
  return status === 'awaiting' && (node === undefined ? ids.length > 0 : ids.includes(node))
}

const FIELDS = ['status', 'outputs', 'keys', 'executed', 'awaiting', 'errors']
const pick = (from, fields) => Object.fromEntries(fields.map((field) => [field, from[field]]))

/** Asserts that both runs have the outcome that the page promises, but for what is known of one of them. */
function compare(promised, known, runs) {
  for (const [side, run] of Object.entries(runs)) {
    const today = known?.[side]
    const expected = { ...promised, ...today }
    assert.deepEqual(pick(run, Object.keys(expected)), expected, `${side}, as the page says`)
    if (!today) continue
    const mended = pick(promised, Object.keys(today))
    assert.notDeepEqual(today, mended, `${side} does what the page says: take it from the list`)
  }
  const differing = new Set([...Object.keys(known?.memory ?? {}), ...Object.keys(known?.distributed ?? {})])
  const same = FIELDS.filter((field) => !differing.has(field))
  assert.deepEqual(pick(runs.distributed, same), pick(runs.memory, same), 'distributed, as in memory')
}

/**
 * A page of the guide. `known` lists, by the names of tests, where one of the two does not do what the page says: why, and
 * exactly what it does today (`memory`, `distributed`: the fields that differ; `fails`: the error), so that the test fails
 * when that is mended.
 */
export function openPage(known = {}) {
  const page = { servers: undefined, runs, it: test }
  const shown = new Set()
  before(async () => {
    page.servers = await openSharedServers()
  })
  after(async () => {
    await page.servers.close()
    const stale = Object.keys(known).filter((name) => !shown.has(name))
    assert.deepEqual(stale, [], 'Differences are listed that no test is about')
  })

  /** A test: the program ends so in memory and distributed; `more` looks closer at both runs. */
  function runs(name, promised, program, more) {
    shown.add(name)
    it(name, async () => {
      const memory = await inMemory(program())
      const there = await distributed(page.servers, program())
      compare(promised, known[name], { memory, distributed: there })
      await more?.({ memory, distributed: there })
    })
  }

  /** A test of any other kind. Where a difference is listed, it fails with that, and with nothing else. */
  function test(name, body) {
    shown.add(name)
    const { fails } = known[name] ?? {}
    it(name, async (t) => {
      if (!fails) return body(t)
      await assert.rejects(async () => body(t), fails, 'does what the page says: take it from the list')
    })
  }

  return page
}

/** A node that passes on what it was given, and one that answers with a value. */
export const pass = async ({ input }) => ({ output: input })
export const value =
  (output, more = {}) =>
  async () => ({ output, ...more })
