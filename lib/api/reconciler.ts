/** A reconciler: finds runs nobody has worked on for a while, and publishes again what of them is due. */
import { ConsoleLogger } from 'flowcraft'
import { DEFAULT_LIMITS, openDatabase } from '../connections/postgres.js'
import { harmlessLogger } from '../harmless.js'
import { linesOf } from '../log.js'
import { type RabbitMqReconcilerOptions, RECONCILER_SCHEMA } from '../options/reconciler.js'
import { check, unknownOptions } from '../options/schema.js'

/** What one reconciliation found and did. */
export interface ReconciliationStats {
  /** Runs identified as stalled. */
  stalledRuns: number
  /** Runs of which at least one job was published again. */
  reconciledRuns: number
  /** Runs whose reconciliation failed; the logger has the reasons. */
  failedRuns: number
}

/** How many stalled runs are taken on at a time. */
const BATCH = 100

/**
 * Makes a reconciler. Run it from a schedule; several processes may, and each takes on runs of its own.
 *
 * @example
 * ```ts
 * const reconciler = createRabbitMqReconciler({
 *   adapter,
 *   pgClient,
 *   statusTableName: 'flowcraft_statuses',
 *   stalledThresholdSeconds: 300,
 * })
 * const { stalledRuns, reconciledRuns, failedRuns } = await reconciler.run()
 * ```
 */
export function createRabbitMqReconciler(options: RabbitMqReconcilerOptions): { run(): Promise<ReconciliationStats> } {
  const checked = check(RECONCILER_SCHEMA, options)
  const { adapter, statusTableName, stalledThresholdSeconds } = checked
  const logger = linesOf(harmlessLogger(checked.logger ?? new ConsoleLogger()))
  const database = openDatabase(checked.pgClient, 'pgClient', DEFAULT_LIMITS)
  for (const warning of unknownOptions(RECONCILER_SCHEMA, { ...options })) logger.warn(`[Reconciler] ${warning}`)

  async function run(): Promise<ReconciliationStats> {
    const stats: ReconciliationStats = { stalledRuns: 0, reconciledRuns: 0, failedRuns: 0 }
    let last = ''
    for (;;) {
      const batch = await database.claimStalled(statusTableName, stalledThresholdSeconds, last, BATCH)
      for (const runId of batch) {
        stats.stalledRuns++
        try {
          const published = await adapter.reconcile(runId)
          if (published.size > 0) stats.reconciledRuns++
        } catch (error) {
          stats.failedRuns++
          const reason = error instanceof Error ? error.message : String(error)
          logger.error(`[Reconciler] Run '${runId}' could not be reconciled: ${reason}`)
        }
      }
      if (batch.length < BATCH) break
      last = batch.at(-1) ?? last
    }
    database.letGo()
    return stats
  }

  return { run }
}
