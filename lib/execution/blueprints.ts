/**
 * The user's blueprints: found in the runtime, cleaned as core cleans them, and described for the engine.
 */
import { createHash } from 'node:crypto'
import { GraphTraverser, sanitizeBlueprint, type WorkflowBlueprint } from 'flowcraft'
import { toJson } from '../bridge/json.js'
import { isObject } from '../is-object.js'
import { textOf } from '../thrown.js'
import { limitOf } from './limits.js'
import { INNER } from './paths.js'

/**
 * Copies of the user's blueprints, one per object. Core's edge transforms write into the blueprint they are
 * given; they get shallow copies of these nodes, and the user's own object is never touched.
 */
const cleaned = new WeakMap<object, WorkflowBlueprint>()

/** A blueprint of the runtime by its id; one added after the adapter was made is found too. */
export function findBlueprint(
  blueprints: Record<string, WorkflowBlueprint> | undefined,
  id: string,
): WorkflowBlueprint | undefined {
  const raw = blueprints && Object.hasOwn(blueprints, id) ? blueprints[id] : undefined
  if (raw === undefined) return undefined
  let blueprint = cleaned.get(raw)
  if (!blueprint) {
    blueprint = clean(id, raw)
    cleaned.set(raw, blueprint)
  }
  return blueprint
}

function clean(id: string, raw: WorkflowBlueprint): WorkflowBlueprint {
  if (!isObject(raw)) throw new TypeError(`Blueprint '${id}' is not an object`)
  try {
    return sanitizeBlueprint(raw)
  } catch (error) {
    throw new TypeError(`Blueprint '${id}' is malformed: ${textOf(error)}`)
  }
}

/** What the engine has to know of a blueprint, and the revision that this is: a hash of it. */
interface Described {
  readonly revision: string
  readonly description: object
}

/** One per object. A blueprint put in the place of another is another object; one that is changed in place stays as it
 * was first seen, here and in the engine. */
const described = new WeakMap<WorkflowBlueprint, Described>()

/**
 * What the engine has to know of a blueprint, as JSON.
 *
 * @throws TypeError saying why it cannot be run as it was meant.
 */
export function describeBlueprint(id: string, blueprint: WorkflowBlueprint): string {
  const { revision, description } = describedOnce(id, blueprint)
  return JSON.stringify({ id, revision, ...description })
}

/**
 * Which revision a blueprint is. Blueprints of one revision are the same to the engine.
 *
 * @throws TypeError as {@link describeBlueprint}.
 */
export function revisionOf(id: string, blueprint: WorkflowBlueprint): string {
  return describedOnce(id, blueprint).revision
}

/** The blueprints that can be run, each with its revision. */
export function revisionsOf(blueprints: Record<string, WorkflowBlueprint> | undefined): Record<string, string> {
  const found: [string, string][] = []
  for (const id of Object.keys(blueprints ?? {})) {
    try {
      const blueprint = findBlueprint(blueprints, id)
      if (blueprint) found.push([id, revisionOf(id, blueprint)])
    } catch {
      // Its jobs say why it cannot be run.
    }
  }
  return Object.fromEntries(found)
}

/** The blueprint of a job, if the runtime still has it in the revision by which the engine admitted the job. */
export function blueprintOfJob(
  blueprints: Record<string, WorkflowBlueprint> | undefined,
  { blueprintId, revision }: { blueprintId: string; revision: string },
): WorkflowBlueprint | undefined {
  try {
    const blueprint = findBlueprint(blueprints, blueprintId)
    return blueprint && revisionOf(blueprintId, blueprint) === revision ? blueprint : undefined
  } catch {
    // The engine asks for it anew, and hears why it cannot be run.
    return undefined
  }
}

function describedOnce(id: string, blueprint: WorkflowBlueprint): Described {
  let known = described.get(blueprint)
  if (!known) {
    const description = describe(id, blueprint)
    const revision = createHash('sha256').update(JSON.stringify(description)).digest('hex').slice(0, 16)
    known = { revision, description }
    described.set(blueprint, known)
  }
  return known
}

function describe(id: string, blueprint: WorkflowBlueprint): object {
  requireSound(id, blueprint)
  const starts = startsOf(id, blueprint)
  if (starts.length === 0) throw new TypeError(`Blueprint '${id}' has no start node`)
  return {
    version: blueprint.metadata?.version || null,
    nodes: blueprint.nodes.map((node) => ({
      id: node.id,
      uses: node.uses,
      any: node.config?.joinStrategy === 'any',
      fallback: node.config?.fallback,
      limit: limitOf(node),
      event: typeof node.params?.eventName === 'string' ? node.params.eventName : undefined,
    })),
    edges: blueprint.edges.map((edge) => ({
      source: edge.source,
      target: edge.target,
      action: edge.action,
      conditional: edge.condition !== undefined,
    })),
    starts,
  }
}

/** The nodes that a run begins with. Core's own traverser chooses them, so that the two cannot differ. */
export function startsOf(id: string, blueprint: WorkflowBlueprint): string[] {
  try {
    return new GraphTraverser(blueprint).getReadyNodes().map(({ nodeId }) => nodeId)
  } catch (error) {
    throw new TypeError(`Blueprint '${id}' cannot be run: ${textOf(error)}`)
  }
}

/** Refuses what is a mistake for certain: a run that went on all the same would leave out work and say nothing. */
function requireSound(id: string, { nodes, edges }: WorkflowBlueprint): void {
  const ids = new Set<string>()
  for (const { id: node } of nodes) {
    if (typeof node !== 'string' || node === '') throw new TypeError(`Blueprint '${id}' has a node without an id`)
    toJson(node, `A node's id in blueprint '${id}'`)
    if (node.startsWith(INNER)) {
      throw new TypeError(`Blueprint '${id}' has a node '${node}': ids that begin with '${INNER}' are the engine's own`)
    }
    if (ids.has(node)) throw new TypeError(`Blueprint '${id}' has several nodes with the id '${node}'`)
    ids.add(node)
  }
  for (const { source, target } of edges) {
    for (const end of [source, target]) {
      if (ids.has(end)) continue
      throw new TypeError(`Blueprint '${id}' has an edge from '${source}' to '${target}', but no node '${end}'`)
    }
  }
}
