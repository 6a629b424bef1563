/** `runs list`. */
import type { RunSummary } from '../../client/listing.js'
import type { Run } from '../command.js'
import { filtersOf, pagesOf } from '../filters.js'
import { Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf, runColumns } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io, signal } = call
    const { list, limit } = filtersOf(parsed)
    const filters = { list: { ...list, order: parsed.has('desc') ? ('desc' as const) : ('asc' as const) }, limit }
    let rows: Rows<RunSummary> | undefined
    for await (const page of pagesOf(servers.client(), filters, signal)) {
      rows ??= new Rows(io, formatOf(parsed), runColumns(parsed.has('tag') || page.some(({ tags }) => tags)))
      await rows.add(page)
    }
    rows ??= new Rows(io, formatOf(parsed), runColumns(false))
    await rows.end()
    if (rows.count === 0) io.note('No run matches.')
    return undefined
  })
