// Flows of these tests.
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'

/** Two nodes, the second of which adds one. */
export const counting = createFlow('counting')
  .node('first', () => ({ output: 1 }))
  .node('second', ({ input }) => ({ output: input + 1 }))
  .edge('first', 'second')

/** One node that says where it ran. Written as a blueprint: a thread and its parent must name its function alike. */
export function threaded(where, ms) {
  const blueprint = { id: 'threaded', nodes: [{ id: 'only', uses: 'only' }], edges: [] }
  const only = () => sleep(ms, { output: where })
  return { toBlueprint: () => blueprint, getFunctionRegistry: () => new Map([['only', only]]) }
}
