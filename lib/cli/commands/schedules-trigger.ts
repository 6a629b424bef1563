/** `schedules trigger`. */
import type { Run } from '../command.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [id = ''] = parsed.args
    const { runId } = await servers.client().schedules.trigger(id)
    await showOne(io, formatOf(parsed), { runId }, () => [runId])
    return undefined
  })
