/** `schedules show`. */
import type { Run } from '../command.js'
import { showOne } from '../output.js'
import { linesOfSchedule } from '../schedule-view.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [id = ''] = parsed.args
    const schedule = await servers.client().schedules.describe(id)
    await showOne(io, formatOf(parsed), schedule, () => linesOfSchedule(io, schedule))
    return undefined
  })
