/** `schedules backfill`. */
import type { Run } from '../command.js'
import { usage } from '../exit.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { counted, formatOf } from '../shown.js'

/** How far this machine's clock may be ahead of PostgreSQL's, in milliseconds. */
const AHEAD = 2_000

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [id = ''] = parsed.args
    const from = parsed.moment('from')
    if (!from) throw usage('From when on? Say the first moment: --from 2026-11-01, or --from 7d')
    const to = parsed.moment('to') ?? new Date(Date.now() - AHEAD)
    const dueTimes = await servers.client().schedules.backfill(id, { from, to })
    await showOne(io, formatOf(parsed), { dueTimes }, () => [`${counted(dueTimes, 'due time')} to be started`])
    return undefined
  })
