/** `runs list`. */
import type { Run } from '../command.js'
import { filtersOf, pagesOf } from '../filters.js'
import { Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf, RUN_COLUMNS } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io, signal } = call
    const { list, limit } = filtersOf(parsed)
    const rows = new Rows(io, formatOf(parsed), RUN_COLUMNS)
    const filters = { list: { ...list, order: parsed.has('desc') ? ('desc' as const) : ('asc' as const) }, limit }
    for await (const page of pagesOf(servers.client(), filters, signal)) await rows.add(page)
    await rows.end()
    if (rows.count === 0) io.note('No run matches.')
    return undefined
  })
