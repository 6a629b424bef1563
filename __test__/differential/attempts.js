// Attempts of one execution of a node, told apart without a clock: each notes itself in a context key of the node's own. What
// an attempt wrote that failed stays, so the next one, which may be another job on another worker, finds it there.

/**
 * Begins an attempt: which of its execution it is, from 1. `tries` is `{ key, of }`: where attempts are noted, and how many an
 * execution has at most. `dependencies.attempted` hears of each, by its run and its key.
 */
export async function beginAttempt({ params: { tries }, context, dependencies }) {
  if (!tries) return 1
  const now = (await context.get(tries.key)) ?? 0
  // The one before was the last of an execution that failed.
  const attempt = now >= tries.of ? 1 : now + 1
  await context.set(tries.key, attempt)
  dependencies.attempted(dependencies.runtime.executionId, tries.key)
  return attempt
}

/** No other attempt follows this one, whatever number it has: the next is the first of another execution. */
export async function endAttempts({ params: { tries }, context }) {
  if (tries) await context.set(tries.key, 0)
}

/** Draws how many attempts a node has, and which of them fail. Before a pause no node fails all: core cannot resume such a run. */
export function drawFailures({ cast, isBeforePause }, { id, params, config }, mayFail) {
  if (!isBeforePause && cast.chance(mayFail)) {
    params.fails = true
    if (cast.chance(0.2)) params.fatal = true
    if (cast.chance(0.4)) drawTries(cast, { id, params, config })
  } else if (cast.chance(0.08)) {
    drawTries(cast, { id, params, config })
    params.fails = cast.between(1, config.maxRetries - 1)
  }
}

function drawTries(cast, { id, params, config }) {
  config.maxRetries = cast.between(2, 4)
  config.retryDelay = cast.between(0, 30)
  params.tries = { key: `tries_${id}`, of: config.maxRetries }
}
