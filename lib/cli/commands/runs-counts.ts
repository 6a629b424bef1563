/** `runs counts`. */
import type { RunCount } from '../../client/listing.js'
import type { Run } from '../command.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf, styleOf } from '../shown.js'

const COLUMNS: readonly Column<RunCount>[] = [
  { title: 'BLUEPRINT', text: ({ blueprintId }) => blueprintId ?? '?' },
  { title: 'STATUS', text: ({ status }) => status ?? '?', style: ({ status }) => styleOf(status) },
  { title: 'RUNS', text: ({ count }) => count.toLocaleString('en'), isNumber: true },
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const counts = await servers.client().counts()
    const sorted = counts.sort(
      (one, other) => compare(one.blueprintId, other.blueprintId) || compare(one.status, other.status),
    )
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(sorted)
    await rows.end()
    if (rows.count === 0) io.note('There are no runs.')
    return undefined
  })

function compare(one = '', other = ''): number {
  return one < other ? -1 : one > other ? 1 : 0
}
