/** What a worker says at its start of nodes whose heartbeat timeout is none. */
import type { WorkflowBlueprint } from 'flowcraft'
import { heartbeatIn, isHeartbeat, LONGEST_HEARTBEAT } from '../execution/heartbeats.js'
import { textOf } from '../thrown.js'
import { nodesOf } from './implementations.js'

/** A sentence for each node with a `config.heartbeatMs` that is no time: nothing notices that it hangs. */
export function unusableHeartbeats(blueprints: Record<string, WorkflowBlueprint> | undefined): string[] {
  return Object.keys(blueprints ?? {}).flatMap((id) =>
    nodesOf(blueprints, id).flatMap((node) => {
      const heartbeatMs = heartbeatIn(node)
      if (heartbeatMs === undefined || isHeartbeat(heartbeatMs)) return []
      const takes = `milliseconds, a whole number from 1 to ${LONGEST_HEARTBEAT}`
      return [
        `Blueprint '${id}': config.heartbeatMs of node '${node.id}' takes ${takes}, not ${textOf(heartbeatMs)}. The node has no heartbeat timeout`,
      ]
    }),
  )
}
