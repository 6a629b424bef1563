/** The answer of a node that failed: another attempt, its fallback, or the failure. */
import { FlowcraftError } from 'flowcraft'
import { fieldsOf } from '../log.js'
import { describeError, textOf } from '../thrown.js'
import type { JobAnswer } from './answer.js'
import { tellTakeOver } from './attempts.js'
import { ChildRunError } from './child-runs.js'
import { tell, tellOutput } from './events.js'
import { busOf, type Execution, isLastAttempt } from './execution.js'
import { placeOfError } from './failed-tries.js'
import { pathBeside } from './paths.js'
import { waitAfter } from './retries.js'
import { retryAfterOf } from './retry-after.js'
import { missingKeyOf } from './unreadable.js'

export async function failed(execution: Execution, thrown: unknown, isLate: boolean): Promise<JobAnswer> {
  const { host, job, blueprint, node, context } = execution
  const { runId, blueprintId, nodeId } = job
  const message = describeError(thrown, nodeId)
  // Of a node that took too long, and of a subflow, the error was made here.
  const stack = isLate || job.failed ? undefined : placeOfError(thrown)
  const why = { message, ...(stack !== undefined && { stack }) }
  const about = { ...fieldsOf({ run: runId, node: pathBeside(job, nodeId) }) }
  const asked = isLate ? undefined : retryAfterOf(thrown)
  if (node && asked) {
    const { afterMs, message: reason } = asked
    host.logger.info(`[Adapter] Run '${runId}', node '${nodeId}' runs again in ${afterMs} ms: ${reason}`, about)
    const writes = context.writes(`_outputs.${nodeId}`)
    return { outcome: 'retry', message: reason, waitMs: afterMs, postponed: true, ...writes }
  }
  const missing = isLate ? undefined : missingKeyOf(thrown)
  if (node && missing) {
    const waitMs = host.keyWaits.next(job)
    const line = `[Adapter] Run '${runId}', node '${nodeId}' waits ${waitMs} ms for a worker that has the key. ${missing.message}`
    host.logger.error(line, { ...about, code: missing.code })
    return { outcome: 'retry', waitMs, postponed: true, ...context.writes(`_outputs.${nodeId}`) }
  }
  const recoverable = !(thrown instanceof FlowcraftError && thrown.isFatal)
  if (
    node &&
    recoverable &&
    !(thrown instanceof ChildRunError) &&
    !isLastAttempt(execution) &&
    (isLate || mayTryAgain(execution))
  ) {
    const error = asError(thrown)
    const payload = { nodeId, attempt: job.attempt, executionId: runId, blueprintId, error }
    await tell(host.runtime.eventBus, { type: 'node:retry', payload })
    const after = host.shouldRetryInProcess(node)
      ? 0
      : waitAfter(job.attempt, node, host.getQueueRetryOptions(node), host.retryMaxDelay)
    host.logger.warn(
      `[Adapter] Run '${runId}': attempt ${job.attempt} failed, the next follows in ${after} ms. ${message}`,
      about,
    )
    return { outcome: 'retry', ...why, waitMs: after, ...context.writes(`_outputs.${nodeId}`) }
  }
  const fallback = recoverable ? execution.fallback : undefined
  if (fallback !== undefined && blueprint.nodes.some((each) => each.id === fallback)) {
    host.logger.warn(`[Adapter] Node '${nodeId}' of run '${runId}' failed; its fallback '${fallback}' takes over`, {
      ...about,
      error: message,
    })
    const takeOver = execution.takeOver ?? { fallback }
    await tellTakeOver(host.runtime.eventBus, takeOver, { nodeId, executionId: runId, blueprintId })
    await tellFailedInside(execution, thrown)
    await tellOutput(busOf(host), job, null)
  } else {
    host.logger.error(`[Adapter] Run '${runId}': ${message}`, about)
    await tellFailedInside(execution, thrown)
    const error =
      thrown instanceof FlowcraftError
        ? thrown
        : new FlowcraftError(message, { cause: asError(thrown), nodeId, blueprintId })
    const payload = { runId, executionId: runId, blueprintId, nodeId, error }
    // Inside a subflow it is the container that fails the run, if nothing takes its place.
    if (job.inside === undefined) await tell(host.eventBus, { type: 'job:failed', payload })
  }
  return { outcome: 'failed', ...why, recoverable, ...context.writes(`_outputs.${nodeId}`) }
}

/** Tells of the error of a container, whose nodes were other jobs. Core tells of it where the node's code fails here. */
async function tellFailedInside({ host, job }: Execution, thrown: unknown): Promise<void> {
  if (!job.failed || !(thrown instanceof FlowcraftError)) return
  const payload = { nodeId: job.nodeId, error: thrown, executionId: job.runId, blueprintId: job.blueprintId }
  await tell(host.runtime.eventBus, { type: 'node:error', payload })
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(textOf(thrown))
}

/** Core tries a node's own code again, and nothing around it. What failed before the node began is nobody's mistake. */
function mayTryAgain({ attempt }: Execution): boolean {
  return attempt?.hasBegun === undefined || attempt.hasFailed === true
}
