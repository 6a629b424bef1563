/** `schedules list`. */
import type { Run } from '../command.js'
import { Rows } from '../output.js'
import { SCHEDULE_COLUMNS } from '../schedule-view.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const PAGE = 500

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io, signal } = call
    const { schedules } = servers.client()
    const blueprintId = parsed.text('blueprint')
    const rows = new Rows(io, formatOf(parsed), SCHEDULE_COLUMNS)
    let cursor: string | undefined
    do {
      const page = await schedules.list({ limit: PAGE, ...(blueprintId && { blueprintId }), ...(cursor && { cursor }) })
      await rows.add(page.schedules)
      cursor = page.cursor
    } while (cursor !== undefined && !signal.aborted)
    await rows.end()
    if (rows.count === 0) io.note('There is no schedule.')
    return undefined
  })
