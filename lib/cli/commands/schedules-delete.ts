/** `schedules delete`. */
import { oneLine } from '../../log.js'
import type { Run } from '../command.js'
import { confirm } from '../confirm.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [id = ''] = parsed.args
    const { schedules } = servers.client()
    await schedules.describe(id)
    await confirm(call, `Remove the schedule ${oneLine(id)}?`)
    await schedules.delete(id)
    await showOne(io, formatOf(parsed), { removed: id }, () => [
      `The schedule ${oneLine(id)} is removed; its runs stay`,
    ])
    return undefined
  })
