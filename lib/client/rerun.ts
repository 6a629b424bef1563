/** A run again from one of its nodes: a new run that begins where another one has been. */
import { fromJson, jsonObject } from '../bridge/json.js'
import { ContextTable } from '../bridge/native.js'
import { placeOf } from '../bridge/places.js'
import { errorOf, mistake, RunNotFoundError } from '../errors.js'
import { startsOf } from '../execution/blueprints.js'
import { callOptions, type Names } from '../options/call-options.js'
import { type RunDescription, readDescription, withoutHeartbeat } from './description.js'
import type { ClientHost } from './host.js'
import { newRunId } from './ids.js'
import { arrivalsOf, countArrivals } from './rerun-arrivals.js'
import { carriedKeys, isEngines, type Keys, keysOf, RERUN_OF } from './rerun-context.js'
import { RerunGraph } from './rerun-graph.js'
import { isInside, planRerun, type RerunPlan } from './rerun-plan.js'
import { conflictPolicy, contextToJson, type OnConflict, type StartOutcome, startJson, startRuns } from './starting.js'

/** How a run is run again from a node. */
export interface RerunOptions<Context = Record<string, unknown>> {
  /** Keys of the context that are to have another value than the record has. */
  context?: Partial<Context>
  /** The node's input. Default: the one that it had. */
  input?: unknown
  /** The new run's id. Default: a new UUID, which later ones come after. */
  runId?: string
  /** What becomes of it where there is a run of that id already. Default: `reject`. */
  onConflict?: OnConflict
}

const OF_RERUN: Names<RerunOptions> = { context: true, input: true, runId: true, onConflict: true }

/** Where a run comes from that was run again from a node. */
export interface RunOrigin {
  runId: string
  nodeId: string
}

/** Which node of which run. */
interface Place {
  readonly runId: string
  readonly nodeId: string
}

/** How often a run is read until it has stood still meanwhile. */
const READINGS = 10
/** How many ids of nodes an error lists. */
const LISTED = 20
/** How many nodes upstream are asked whether the run can be run again from there. */
const ASKED = 100

/** A run as it is to be started. */
interface Rerun {
  readonly runId: string
  /** The run as it crosses to the engine. */
  readonly json: string
  /** The joins at which something has arrived already. */
  readonly arrivals: readonly string[]
}

/** Starts a new run at a node of another. */
export async function rerunFrom(
  host: ClientHost,
  place: Place,
  options: RerunOptions<object>,
  traceparent: string | undefined,
): Promise<{ runId: string; outcome: StartOutcome }> {
  const onConflict = conflictPolicy(callOptions<RerunOptions<object>>('run.rerunFrom', OF_RERUN, options).onConflict)
  const { runId, json, arrivals } = await newRun(host, place, options, traceparent)
  // Before it starts: a worker may be at the join at once.
  const isNew = options.runId === undefined || arrivals.length === 0 || !(await isThere(host, runId))
  if (isNew) await countArrivals(host, runId, arrivals)
  const [started] = await startRuns(host, [json], onConflict)
  if (!started) throw errorOf('The run was not started', { code: 'INTERNAL' })
  // Beginning anew forgets what was counted.
  if (started.outcome === 'restarted') await countArrivals(host, started.runId, arrivals)
  return started
}

async function isThere({ engine, answer }: ClientHost, runId: string): Promise<boolean> {
  try {
    await answer(engine.describe(runId))
    return true
  } catch (error) {
    if (error instanceof RunNotFoundError) return false
    throw error
  }
}

async function newRun(
  host: ClientHost,
  place: Place,
  options: RerunOptions<object>,
  traceparent: string | undefined,
): Promise<Rerun> {
  const { runId, nodeId } = place
  if (typeof nodeId !== 'string') throw mistake('INVALID_ARGUMENT', 'The id of a node is a text')
  if (options.runId === runId) {
    throw mistake('INVALID_ARGUMENT', `Running run '${runId}' again from a node is a new run, with an id of its own`)
  }
  const { description, keys } = await readAtRest(host, runId)
  const { blueprintId, graph, version } = graphOf(host, description)
  const plan = planFor(graph, description, place)
  const started = options.runId ?? newRunId()
  const context = sealedFor(host, started, carriedKeys(graph, plan, openedOf(host, runId, keys)))
  const whose = { of: `the new run of '${runId}'`, place: (key: string) => placeOf(started, key) }
  const changed = contextToJson(options.context ?? {}, host.values, whose)
  for (const [key, json] of keysOf(changed)) context.set(checkedKey(key, graph, plan), json)
  if (options.input !== undefined) {
    const json = inputJson(host, graph, { ...place, started }, options.input)
    context.set(`_inputs.${nodeId}`, json)
  }
  context.set(RERUN_OF, JSON.stringify({ runId, nodeId } satisfies RunOrigin))
  const { tags, concurrency } = description
  const kept = { ...(tags && { tags }), ...(concurrency && { concurrency }) }
  const led = Object.fromEntries(plan.decided)
  const begun = { blueprintId, context: jsonObject(context), runId: started, led, ...kept }
  const json = startJson(begun, { version, traceparent })
  return { runId: started, json, arrivals: arrivalsOf(graph, plan) }
}

/** The values of a run's own keys, without what a codec made of them: in the new run they stand at other places. */
function openedOf({ values }: ClientHost, runId: string, keys: Keys): Keys {
  const own = [...keys].filter(([key]) => !isEngines(key))
  return new Map(own.map(([key, json]) => [key, values.opened(json, placeOf(runId, key))]))
}

/** Values as the new run stores them. */
function sealedFor({ values }: ClientHost, runId: string, keys: Keys): Map<string, string> {
  return new Map([...keys].map(([key, json]) => [key, values.sealed(json, placeOf(runId, key))]))
}

/** Where a run comes from; undefined if it was not run again from a node of another. */
export async function originOf({ answer, beside }: ClientHost, runId: string): Promise<RunOrigin | undefined> {
  const json = await answer(new ContextTable(beside.database, beside.contexts).get(runId, RERUN_OF))
  return json === null ? undefined : (fromJson(json) as RunOrigin)
}

/** A run and its context, as they are at one moment: the run has not changed while both were read. */
async function readAtRest(host: ClientHost, runId: string): Promise<{ description: RunDescription; keys: Keys }> {
  const { engine, answer, beside } = host
  const table = new ContextTable(beside.database, beside.contexts)
  const look = async () => readDescription(await answer(engine.describe(runId)))
  let before = await look()
  for (let reading = 0; reading < READINGS; reading += 1) {
    const json = await answer(table.toJSON(runId))
    const description = await look()
    if (withoutHeartbeat(before) === withoutHeartbeat(description)) return { description, keys: keysOf(json) }
    before = description
  }
  const message = `Running again from a node (run '${runId}'): the run changes faster than it can be read`
  throw errorOf(message, { code: 'RUN_BUSY', retryable: true, runId })
}

/** The blueprint that the run follows, in the version that it began with. */
function graphOf({ beside }: ClientHost, { runId, blueprintId, version }: RunDescription) {
  const blueprint = blueprintId === undefined ? undefined : beside.blueprint(blueprintId)
  if (blueprintId === undefined || !blueprint) {
    const what =
      blueprintId === undefined ? 'the run names no blueprint' : `the blueprint '${blueprintId}' is not known here`
    throw errorOf(`Running again from a node (run '${runId}'): ${what}`, { code: 'BLUEPRINT_UNKNOWN', runId })
  }
  const here = blueprint.metadata?.version || null
  if (version !== undefined && version !== here) {
    const what = `the blueprint '${blueprintId}' is of version ${here} here, and the run follows version ${version}`
    throw errorOf(`Running again from a node (run '${runId}'): ${what}`, { code: 'BLUEPRINT_VERSION', runId })
  }
  const graph = new RerunGraph(blueprint, startsOf(blueprintId, blueprint))
  return { blueprintId, graph, version: here === null ? undefined : String(here) }
}

function planFor(graph: RerunGraph, { nodes }: RunDescription, { runId, nodeId }: Place): RerunPlan {
  const which = `Node '${nodeId}' of run '${runId}'`
  if (!graph.nodes.has(nodeId)) {
    const isNode = isInside(graph, nodeId) || nodes.some((node) => node.nodeId === nodeId)
    const code = isNode ? 'NODE_NOT_RERUNNABLE' : 'NODE_UNKNOWN'
    const why = isNode ? 'stands inside a subflow or a batch, which is run as a whole' : 'is not there'
    throw errorOf(`${which} ${why}. The nodes of its blueprint are: ${listed(graph)}`, { code, runId, nodeId })
  }
  const plan = planRerun(graph, nodes, nodeId)
  if ('kept' in plan) return plan
  const other = graph
    .upstream(nodeId)
    .slice(1, ASKED)
    .find((id) => 'kept' in planRerun(graph, nodes, id))
  const advice = other === undefined ? '' : `. It can be run again from '${other}'`
  throw errorOf(`${which} ${plan.why}${advice}`, { code: 'NODE_NOT_RERUNNABLE', runId, nodeId })
}

function listed({ nodes }: RerunGraph): string {
  const ids = [...nodes.keys()]
  const more = ids.length - LISTED
  return `'${ids.slice(0, LISTED).join("', '")}'${more > 0 ? ` and ${more} more` : ''}`
}

/** A key that may be changed: an output says that its node is done. */
function checkedKey(key: string, { nodes }: RerunGraph, { kept }: RerunPlan): string {
  const id = key.startsWith('_outputs.') ? key.slice('_outputs.'.length) : undefined
  if (id === undefined || !nodes.has(id) || kept.has(id)) return key
  throw mistake(
    'INVALID_ARGUMENT',
    `The context key '${key}' would take the node '${id}' as done, which is to run again`,
  )
}

function inputJson(
  { values }: ClientHost,
  { nodes }: RerunGraph,
  { runId, nodeId, started }: Place & { readonly started: string },
  input: unknown,
): string {
  const inputs = nodes.get(nodeId)?.inputs
  if (inputs !== undefined && inputs !== `_inputs.${nodeId}`) {
    const message = `Node '${nodeId}' takes its input from the context, as the \`inputs\` of its definition say: change that by \`context\``
    throw mistake('INVALID_ARGUMENT', message)
  }
  const what = `The input of node '${nodeId}' of the new run of '${runId}'`
  const place = placeOf(started, `_inputs.${nodeId}`)
  return values.toJson(input, { what, giver: 'rerunFrom', place }) ?? 'null'
}
