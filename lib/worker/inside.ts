/** What a test environment does to a worker, beside what users do. */
import type { Job } from '../bridge/channel.js'

export interface WorkerInside {
  /** Its jobs that have no answer yet. */
  readonly executing: readonly Job[]
  /** Hears of every job that is begun. */
  watch(begun: (job: Job) => void): void
  /** Lets the process end although it is started. */
  unref(): void
  /** Starts what its schedules have due, as it does by itself within a second. */
  lookAtSchedules(): Promise<void>
  /** Removes what is old by its options `retention` and `history`, as it does by itself within minutes; how many runs and attempts. */
  removeOld(): Promise<number>
  /** Ends it, in memory, as a signal does that kills its process. */
  kill(): void
}
