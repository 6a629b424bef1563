/** `limits`. */
import type { LimitUse } from '../../client/limits.js'
import type { Run } from '../command.js'
import { clock, lengthOf } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const COLUMNS: readonly Column<LimitUse>[] = [
  { title: 'LIMIT', text: ({ key }) => key },
  {
    title: 'IN USE',
    text: ({ inUse, concurrency }) => (concurrency === undefined ? `${inUse}` : `${inUse} of ${concurrency}`),
    isNumber: true,
  },
  {
    title: 'STARTED',
    text: ({ rate }) => (rate ? `${rate.used} of ${rate.count} in ${lengthOf(rate.perMs)}` : '–'),
    isNumber: true,
  },
  { title: 'WAITING', text: ({ waiting }) => waiting.toLocaleString('en'), isNumber: true },
  { title: 'PAUSED UNTIL', text: ({ pausedUntil }) => (pausedUntil ? clock(pausedUntil) : '') },
]

export const run: Run = (call) =>
  Servers.use(call, ['redis'], async (servers) => {
    const { parsed, io } = call
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(await servers.client().limits())
    await rows.end()
    if (rows.count === 0) io.note('No node asked for a limit within a day.')
    return undefined
  })
