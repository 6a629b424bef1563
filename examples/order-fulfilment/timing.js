// Middleware that notes, in the run's context, which worker ran a node, when, and for how long. It writes one
// key per node, so nodes that run in parallel do not write over each other.

export const PREFIX = 'timing.'

/** @param {string} worker the name to note */
export function timing(worker) {
  return {
    async aroundNode(context, nodeId, next) {
      const startedAt = Date.now()
      const begin = performance.now()
      let failed = true
      try {
        const result = await next()
        failed = false
        return result
      } finally {
        // Stored together with the node's output, or with its failure.
        await context.set(PREFIX + nodeId, { worker, startedAt, ms: Math.round(performance.now() - begin), failed })
      }
    },
  }
}
