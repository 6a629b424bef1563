/** `paused`. */
import type { Paused } from '../../client/pausing.js'
import { oneLine } from '../../log.js'
import type { Run } from '../command.js'
import { lengthOf } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const COLUMNS: readonly Column<Paused>[] = [
  { title: 'PAUSED', text: ({ queue }) => (queue === undefined ? 'blueprint' : 'queue') },
  { title: 'NAME', text: ({ queue, blueprintId = '' }) => oneLine(queue ?? blueprintId) },
  { title: 'SINCE', text: ({ since }) => `${lengthOf(Math.max(0, Date.now() - since.getTime()))} ago`, isNumber: true },
  { title: 'REASON', text: ({ reason = '' }) => oneLine(reason) },
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(await servers.client().paused())
    await rows.end()
    if (rows.count === 0) io.note('No queue and no blueprint is paused. Of a run, runs show says it.')
    return undefined
  })
