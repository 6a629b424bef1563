// What tests of paused runs, queues and blueprints share.
import { createFlow } from 'flowcraft'
import { hostOf } from '../../../dist/client/client.js'
import { depthOf } from '../../../dist/client/queue-facts.js'
import { deferred } from '../../fixtures/deferred.js'

/** Longer than a worker takes to hear of a pause. */
export const HEARD = 3_000

/** A flow of two nodes, the first of which ends when it is told to. */
export function gated(id = 'gated') {
  const [begun, gate] = [deferred(), deferred()]
  const executed = []
  const flow = createFlow(id)
    .node('first', async ({ context }) => {
      executed.push('first')
      begun.resolve()
      await gate.promise
      return { output: await context.get('word') }
    })
    .node('second', async ({ input }) => {
      executed.push('second')
      return { output: `${input} and on` }
    })
    .edge('first', 'second')
  return { flow, begun: begun.promise, open: gate.resolve, executed }
}

/** A flow that notes the number of each run. */
export const counting = (id, executed) =>
  createFlow(id).node('count', async ({ context }) => {
    executed.push(await context.get('n'))
    return {}
  })

/** So many runs, each with its number. */
export const numbered = (count) => Array.from({ length: count }, (_, n) => ({ context: { n } }))
export const byNumber = (a, b) => a - b

/** How many consume a queue. */
export async function consumersOf(client, queue) {
  return (await depthOf(hostOf(client).beside.broker, queue)).consumers
}
