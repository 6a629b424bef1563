// From what was measured to the figures of a shape.
import { inParts } from './parts.js'
import { median } from './statistics.js'

const WINDOW = 100

/** @returns {Record<string, number | undefined>} */
export function figuresOf({ load, measured, base, setting }) {
  const { jobs, seconds, before, after, half, marks } = measured
  const perJob = (key) => (after[key] === undefined ? undefined : (after[key] - before[key]) / jobs)
  return {
    jobs,
    seconds,
    jobsPerSecond: jobs / seconds,
    costRatio: base && seconds / jobs / (base.seconds / base.jobs),
    perHopMs: load.oneByOne && hop(marks, load.flow.size),
    growth: load.flow.marks && !load.oneByOne ? medianGrowth(load.flow, measured, setting) : undefined,
    // Without an event loop, the main thread is not what does the work.
    ...(after.loopMs !== null && { mainThreadMsPerJob: perJob('mainThreadMs'), loopMsPerJob: perJob('loopMs') }),
    cpuMsPerJob: perJob('cpuMs'),
    maxRssMb: after.maxRssMb,
    rssGrowthMb: half === undefined ? undefined : after.rssMb - half,
  }
}

/** Chains that ran one after another: the time from a node's call to the next one's. */
function hop(marks, size) {
  const hops = []
  for (let i = 0; i + size <= marks.length; i += size) hops.push((marks[i + size - 1] - marks[i]) / (size - 1))
  return median(hops)
}

/** The median over the runs, which follow one another. */
function medianGrowth({ kind }, { marks, runs }, { concurrency = 0 }) {
  const size = marks.length / runs.length
  if (!Number.isInteger(size)) throw new Error(`${marks.length} calls are not those of ${runs.length} runs`)
  return median(inParts(marks, size).map((run) => growth(run, kind === 'fan' ? concurrency : 0)))
}

/**
 * The time of the last hundred calls by that of the first hundred. In a fan, the worker calls as many nodes at once as
 * it may have in flight; each later call follows on a job that was finished, so counting begins there.
 */
function growth(marks, inFlight) {
  const from = marks.length > WINDOW * 4 + inFlight ? Math.max(1, inFlight) : 1
  const first = marks[from + WINDOW] - marks[from]
  const last = marks[marks.length - 2] - marks[marks.length - 2 - WINDOW]
  return last / first
}
