/** A reconciler: finds runs nobody has worked on for a while, and publishes again what of them is due. */
import { ConsoleLogger, type ILogger } from 'flowcraft'
import { openDatabase, type PostgresOptions } from '../connections/postgres.js'
import type { PgClientLike } from '../options/adapter.js'
import { invalidOption } from '../options/invalid.js'

/** Options of {@link createRabbitMqReconciler}. */
export interface RabbitMqReconcilerOptions {
  /** The adapter whose `reconcile` is called for each stalled run; it need not be started. */
  adapter: { reconcile(runId: string): Promise<Set<string>> }
  /** A connection string, a `pg` config object, or a live `pg` Client or Pool. */
  pgClient: PgClientLike | PostgresOptions | string
  /** The table of statuses; it needs `updated_at`. */
  statusTableName: string
  /** A run that is `running` and was not heard of for so many seconds is stalled. */
  stalledThresholdSeconds: number
  /** Default: the console. */
  logger?: ILogger
}

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

/** Makes a reconciler. Run it from a schedule; several processes may, and each takes on runs of its own. */
export function createRabbitMqReconciler(options: RabbitMqReconcilerOptions): { run(): Promise<ReconciliationStats> } {
  const { adapter, statusTableName, stalledThresholdSeconds, logger = new ConsoleLogger() } = options
  if (typeof adapter?.reconcile !== 'function') throw invalidOption('adapter', 'a RabbitMqAdapter')
  if (typeof statusTableName !== 'string' || statusTableName === '') {
    throw invalidOption('statusTableName', 'the name of a table')
  }
  if (!(typeof stalledThresholdSeconds === 'number' && stalledThresholdSeconds >= 0)) {
    throw invalidOption('stalledThresholdSeconds', 'a number of seconds')
  }
  const database = openDatabase(options.pgClient)

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
