/** `migrate status`. */
import { type MigrationStatus, migrationStatus } from '../../api/migrate.js'
import type { Run } from '../command.js'
import { clock } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

const COLUMNS: readonly Column<MigrationStatus>[] = [
  { title: 'STEP', text: ({ step }) => String(step), isNumber: true },
  { title: 'NAME', text: ({ name }) => name },
  { title: 'DONE', text: ({ done }) => (done ? 'yes' : 'no'), style: ({ done }) => (done ? 'green' : 'yellow') },
  { title: 'SINCE', text: ({ done, doneAt }) => (doneAt ? clock(doneAt) : done ? 'not recorded' : '') },
  { title: '', text: ({ notes }) => notes.join('; ') },
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async ({ settings }) => {
    const { parsed, io } = call
    const { database: pgClient = '', contexts: contextTableName, statuses: statusTableName } = settings
    const steps = await migrationStatus({ pgClient, contextTableName, statusTableName })
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(steps)
    await rows.end()
    const missing = steps.filter(({ done }) => !done)
    if (missing.length > 0)
      io.note('→ flowcraft-rabbitmq migrate up makes what is missing; docs/migrations.md says what it is for')
    return undefined
  })
