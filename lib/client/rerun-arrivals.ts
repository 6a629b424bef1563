/**
 * What workers go by where outputs stand in a run's first context. Such outputs may be of version 1, whose workers count arrivals at
 * an `all` join in the coordination store. So a join of something that stays done and something that runs again becomes due
 * when its count is full; the arrivals of what stays done are counted here. Without the count, recovery finds the join.
 */
import { textOf } from '../thrown.js'
import type { ClientHost } from './host.js'
import type { RerunGraph } from './rerun-graph.js'
import { isTaken, type RerunPlan } from './rerun-plan.js'

/** How long the keys of version 1 live, in seconds. */
const TTL = 3_600

/** The joins that wait for something and have arrivals already, once for each arrival. */
export function arrivalsOf(graph: RerunGraph, plan: RerunPlan): string[] {
  const { kept } = plan
  const joins = [...graph.nodes.keys()].filter((id) => !kept.has(id) && !graph.joinsAny(id))
  return joins.flatMap((id) => {
    const edges = graph.edgesTo(id)
    if (edges.every(({ source }) => kept.has(source))) return []
    return edges.filter((edge) => kept.has(edge.source) && isTaken(plan, edge)).map(() => id)
  })
}

/** Counts arrivals at the joins of a run. */
export async function countArrivals({ beside }: ClientHost, runId: string, joins: readonly string[]): Promise<void> {
  const { store, logger } = beside
  try {
    await Promise.all(joins.map((join) => store?.increment(`flowcraft:fanin:${runId}:${join}`, TTL)))
  } catch (error) {
    logger.debug(`[Client] The arrivals at joins of run '${runId}' were not counted: recovery finds them`, {
      error: textOf(error),
    })
  }
}
