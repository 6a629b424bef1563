/** The answer of a node that is done: its output, the edges that follow from it, the nodes it adds. */
import type { IAsyncContext, NodeDefinition, NodeResult, WorkflowBlueprint } from 'flowcraft'
import { toJson } from '../bridge/json.js'
import type { AddedNode, JobAnswer, TakenEdge } from './answer.js'
import { tellOutput } from './events.js'
import { busOf, type Execution } from './execution.js'
import { withLimit } from './limits.js'
import { atOneMoment } from './moments.js'
import { INNER } from './paths.js'

export async function finished(execution: Execution, tracked: IAsyncContext, result: NodeResult): Promise<JobAnswer> {
  const { job, blueprint, context } = execution
  const output = context.json(result.output, `The output of node '${job.nodeId}'`, `_outputs.${job.nodeId}`)
  const action = actionOf(result, job.nodeId)
  const again = scatterAgain(blueprint, job.nodeId, result)
  if (again !== undefined) {
    return { outcome: 'finished', again, ...context.writes(`_outputs.${job.nodeId}`) }
  }
  const added = dynamicNodes(result, execution.node)
  context.showOutput(job.nodeId, result.output, output)
  await tellOutput(busOf(execution.host), job, result.output)
  const taken = await takenEdges(execution, tracked, result)
  return {
    outcome: 'finished',
    ...(output !== undefined && { output }),
    ...(action && { action }),
    taken,
    added,
    ...context.writes(`_outputs.${job.nodeId}`),
  }
}

/** The action a node decided on, if it is one that can be stored. */
function actionOf({ action }: NodeResult, nodeId: string): string | undefined {
  if (!action) return undefined
  toJson(String(action), `The action of node '${nodeId}'`)
  return String(action)
}

async function takenEdges(
  { host, job, onward, context }: Execution,
  tracked: IAsyncContext,
  result: NodeResult,
): Promise<TakenEdge[]> {
  const moment = atOneMoment(tracked)
  const matched = await host.runtime.determineNextNodes(onward, job.nodeId, result, moment, job.runId)
  const taken: TakenEdge[] = []
  for (const { node, edge } of matched) {
    // A copy: core notes in the target that its input comes from an edge, and the blueprint is shared.
    await host.runtime.applyEdgeTransform(edge, result, { ...node }, moment, undefined, job.runId)
    const input = context.takeWrite(`_inputs.${node.id}`)
    const fed = edge.transform !== undefined && node.inputs !== undefined
    taken.push({ source: edge.source, target: node.id, fed, ...(input !== undefined && { input }) })
  }
  return taken
}

/**
 * A gatherer with chunks left sends its scatterer for the next one. (Core adds a second scatterer, which starts
 * from the first item again and fails on its input; its documentation promises the chunks.)
 */
function scatterAgain(blueprint: WorkflowBlueprint, nodeId: string, result: NodeResult): string | undefined {
  const next = result.dynamicNodes?.[0]
  if (next?.uses !== 'batch-scatter' || next.id !== `${nodeId}_scatter_next`) return undefined
  return blueprint.nodes.find((node) => node.uses === 'batch-scatter' && node.params?.gatherNodeId === nodeId)?.id
}

function dynamicNodes(result: NodeResult, by: NodeDefinition | undefined): AddedNode[] {
  const gather = (result.output as { gatherNodeId?: unknown } | null | undefined)?.gatherNodeId
  return (result.dynamicNodes ?? []).map((node) => {
    if (typeof node.id !== 'string')
      throw new TypeError(`The id of a dynamic node is a string, not a ${typeof node.id}`)
    const definition = toJson(withLimit(node, by), `The dynamic node '${node.id}'`) ?? 'null'
    if (node.id.startsWith(INNER)) throw new TypeError(`The id of a dynamic node does not begin with '${INNER}'`)
    return { id: node.id, definition, ...(typeof gather === 'string' && { gather }) }
  })
}
