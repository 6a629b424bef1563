/** One job as the engine reads its answer: a line, whatever happens. */
import type { Job } from '../bridge/channel.js'
import { answerLine, lackingLine, outdatedLine } from '../execution/answer.js'
import { blueprintOfJob } from '../execution/blueprints.js'
import type { JobHost } from '../execution/execution.js'
import { lackedByJob, runJob } from '../execution/job.js'
import { describeError } from '../thrown.js'
import type { Hearing } from './hearing.js'

/** What runs jobs, and who hears of their runs. */
export interface Working {
  readonly host: JobHost
  readonly hearing: Hearing
}

/** Runs a job by the blueprint it was admitted by. Never rejects: a run whose job has no answer would wait for ever. */
export async function jobLine(worker: Working, job: Job, controller: AbortController): Promise<string> {
  try {
    return await lineOf(worker, job, controller)
  } catch (error) {
    // What user code throws does not get here; what does is answered all the same.
    const message = describeError(error, job.nodeId)
    return answerLine(job.number, { outcome: 'failed', message, recoverable: false })
  }
}

async function lineOf({ host, hearing }: Working, job: Job, controller: AbortController): Promise<string> {
  const blueprint = blueprintOfJob(host.runtime.options.blueprints, job)
  if (!blueprint) return outdatedLine(job.number)
  const lacked = lackedByJob(host, job, blueprint)
  const missing = typeof lacked === 'object' ? await lacked : lacked
  if (missing !== undefined) return lackingLine(job.number, missing)
  if (job.onward) await hearing.tell(job.runId, job.onward.blueprintId, job.onward.milestones)
  const run = () => runJob(host, job, blueprint, controller)
  return answerLine(job.number, await (host.spans ? host.spans.job(job, run) : run()))
}
