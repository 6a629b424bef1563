/** Steps of a migration, as they are shown. */
import { type MigrationStep, migrate } from '../api/migrate.js'
import type { Call } from './command.js'
import { confirm } from './confirm.js'
import { type Column, Rows, shownJson } from './output.js'
import { Servers } from './servers.js'
import { counted, formatOf } from './shown.js'

/** More steps than there will be. */
const MOST = 1_000

const COLUMNS: readonly Column<MigrationStep>[] = [
  { title: 'STEP', text: ({ step }) => String(step), isNumber: true },
  { title: 'NAME', text: ({ name }) => name },
  {
    title: '',
    text: ({ takenOver, notes }) => [...(takenOver ? ['was there already: recorded'] : []), ...notes].join('; '),
  },
]

/** Takes the steps up or down, or says which. */
export function migrateSteps(call: Call, direction: 'up' | 'down'): Promise<undefined> {
  return Servers.use(call, ['database'], async ({ settings }) => {
    const { parsed, io } = call
    const to = parsed.number('to', { from: 0, to: MOST })
    const { database: pgClient = '', contexts: contextTableName, statuses: statusTableName } = settings
    const options = { pgClient, contextTableName, statusTableName, direction, ...(to !== undefined && { to }) }
    const isDry = parsed.has('dry-run')
    if (direction === 'down' && !isDry) {
      const due = await migrate({ ...options, dryRun: true })
      const names = due.map(({ step, name }) => `${step} (${name})`).join(', ')
      if (due.length > 0) await confirm(call, `Take away ${due.length === 1 ? 'step' : 'steps'} ${names}?`)
    }
    if (!isDry) io.progress('migrating; an index of a large table takes minutes ...')
    const steps = await migrate({ ...options, dryRun: isDry })
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(steps)
    await rows.end()
    if (parsed.has('show-sql') && formatOf(parsed) === 'table') {
      for (const { step, sql } of steps)
        await io.write(`\n-- step ${step}\n${sql.map((each) => `${shown(each)};\n`).join('')}`)
    }
    const verb = { up: isDry ? 'would be taken' : 'taken', down: isDry ? 'would be taken away' : 'taken away' }[
      direction
    ]
    io.note(steps.length === 0 ? 'Nothing to do.' : `${counted(steps.length, 'step')} ${verb}.`)
    return undefined
  })
}

/** SQL as it can be copied; line breaks stay, whatever else moves the cursor does not. */
function shown(sql: string): string {
  return sql
    .split('\n')
    .map((line) => (shownJson(line).includes('\\u') ? shownJson(line) : line))
    .join('\n')
}
