/** `reconcile`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createRabbitMqReconciler } from '../../api/reconciler.js'
import type { Run } from '../command.js'
import { clock } from '../durations.js'
import { EXIT, usage } from '../exit.js'
import { loadFlows } from '../modules.js'
import { type Column, Rows } from '../output.js'
import { loggerOf, Servers } from '../servers.js'
import { counted, formatOf } from '../shown.js'

const STALE = 5 * 60_000

interface Tick {
  at: Date
  stalled: number
  reconciled: number
  failed: number
}

const COLUMNS: readonly Column<Tick>[] = [
  { title: 'AT', text: ({ at }) => clock(at) },
  { title: 'STALE', text: ({ stalled }) => String(stalled), isNumber: true },
  { title: 'PUBLISHED AGAIN', text: ({ reconciled }) => String(reconciled), isNumber: true },
  {
    title: 'FAILED',
    text: ({ failed }) => String(failed),
    isNumber: true,
    style: ({ failed }) => (failed > 0 ? 'red' : undefined),
  },
]

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed, io, signal } = call
    const { blueprints, database = '', statuses } = servers.settings
    if (blueprints === undefined) {
      throw usage(
        'What is due is decided by the blueprints',
        'name a module that exports them: --blueprints ./flows.js',
      )
    }
    const [every, stale] = [parsed.duration('every'), parsed.duration('stale') ?? STALE]
    const { engine } = servers.host(await loadFlows(blueprints))
    let looked = 0
    const reconcile = async (runId: string) => {
      looked += 1
      io.progress(`${counted(looked, 'stale run')} looked at so far ...`)
      return new Set(await engine.reconcile(runId))
    }
    const reconciler = createRabbitMqReconciler({
      adapter: { reconcile },
      pgClient: database,
      statusTableName: statuses,
      stalledThresholdSeconds: stale / 1_000,
      logger: loggerOf(io),
    })
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    let failed = 0
    do {
      looked = 0
      const { stalledRuns, reconciledRuns, failedRuns } = await reconciler.run()
      io.endProgress()
      failed += failedRuns
      await rows.add([{ at: new Date(), stalled: stalledRuns, reconciled: reconciledRuns, failed: failedRuns }])
      if (every !== undefined) await sleep(every, undefined, { signal }).catch(() => {})
    } while (every !== undefined && !signal.aborted)
    await rows.end()
    return failed > 0 ? EXIT.notSo : EXIT.done
  })
