// Environments of these tests, closed with them, and flows to run in them.
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'

/** An environment that is closed with the test. */
export async function environmentFor(t, flows, options) {
  const env = await createTestEnvironment({ flows, ...options })
  t.after(() => env.close())
  return env
}

/** `first -> second`, which adds one. */
export const counting = createFlow('counting')
  .node('first', () => ({ output: 1 }))
  .node('second', ({ input }) => ({ output: input + 1 }))
  .edge('first', 'second')

/** A node that waits to be let go, and one behind it. */
export function held() {
  const waiting = []
  const flow = createFlow('held')
    .node('hold', () => new Promise((resolve) => waiting.push(resolve)))
    .node('after', ({ input }) => ({ output: input }))
    .edge('hold', 'after')
  return { flow, executions: waiting, letGo: (output) => waiting.at(-1)({ output }) }
}

/** `before -> <node> -> after`, around a built-in node; `after` gives its input. */
export function around(id, uses, params) {
  return {
    id,
    nodes: [
      { id: 'before', uses: 'before' },
      { id: uses, uses, params },
      { id: 'after', uses: 'after' },
    ],
    edges: [
      { source: 'before', target: uses },
      { source: uses, target: 'after' },
    ],
  }
}

export const AROUND = { before: () => ({ output: 'before' }), after: ({ input }) => ({ output: input }) }
