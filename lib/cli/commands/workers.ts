/** `workers`. */

import { type RegisteredWorker, workersOf } from '../../client/workers.js'
import type { Run } from '../command.js'
import { lengthOf } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const COLUMNS: readonly Column<RegisteredWorker>[] = [
  { title: 'WORKER', text: ({ id }) => id },
  { title: 'VERSION', text: ({ version }) => version },
  { title: 'SLOTS', text: ({ slots }) => String(slots), isNumber: true },
  { title: 'UP', text: ({ since }) => lengthOf(Math.max(0, Date.now() - since)), isNumber: true },
  { title: 'HEARD', text: ({ age }) => `${lengthOf(age)} ago`, isNumber: true },
  { title: 'QUEUES', text: ({ queues }) => queues.join(', ') },
  { title: 'BLUEPRINTS', text: ({ blueprints }) => Object.keys(blueprints).sort().join(', ') },
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const workers = await workersOf(servers.host().engine)
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(workers)
    await rows.end()
    if (servers.settings.redis === undefined) {
      io.note('The address of Redis is not set (REDIS_URL): only workers in the table of workers are seen.', 'yellow')
    }
    if (rows.count === 0)
      io.note(
        'No worker is registered. Those of version 1 and 2.0.0 never are: flowcraft-rabbitmq queues counts consumers.',
      )
    return undefined
  })
