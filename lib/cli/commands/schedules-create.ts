/** `schedules create`. */
import type { Overlap, ScheduleOptions, ScheduleTiming } from '../../client/schedule.js'
import { isObject } from '../../is-object.js'
import type { Call, Run } from '../command.js'
import { usage } from '../exit.js'
import { jsonOf } from '../json-input.js'
import { showOne } from '../output.js'
import { linesOfSchedule } from '../schedule-view.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const schedule = await servers.client().schedules.create(await optionsOf(call))
    await showOne(io, formatOf(parsed), schedule, () => linesOfSchedule(io, schedule))
    return undefined
  })

async function optionsOf({ parsed }: Call): Promise<ScheduleOptions> {
  const [id = '', blueprintId = ''] = parsed.args
  const context = await jsonOf(parsed, 'context')
  if (context !== undefined && (!isObject(context) || Array.isArray(context))) throw usage('--context is a JSON object')
  const [overlap, note, onConflict] = [parsed.text('overlap'), parsed.text('note'), parsed.text('on-conflict')]
  const [maxQueued, catchUpWindow] = [parsed.number('max-queued', { from: 1, to: 100 }), parsed.duration('catch-up')]
  const [startAt, endAt] = [parsed.moment('start-at'), parsed.moment('end-at')]
  const tags = parsed.texts('tag')
  return {
    ...(tags.length > 0 && { tags }),
    id,
    blueprintId,
    ...timingOf({ parsed }),
    ...(context !== undefined && { context: context as Record<string, unknown> }),
    ...(overlap !== undefined && { overlap: overlap as Overlap }),
    ...(maxQueued !== undefined && { maxQueued }),
    ...(catchUpWindow !== undefined && { catchUpWindow }),
    ...(startAt && { startAt }),
    ...(endAt && { endAt }),
    ...(parsed.has('paused') && { paused: true }),
    ...(note !== undefined && { note }),
    ...(onConflict !== undefined && { onConflict: onConflict as 'reject' | 'update' }),
  }
}

function timingOf({ parsed }: Pick<Call, 'parsed'>): ScheduleTiming {
  const [cron, timeZone, everyMs] = [parsed.text('cron'), parsed.text('time-zone'), parsed.duration('every')]
  if (cron !== undefined && everyMs === undefined) return { cron, ...(timeZone !== undefined && { timeZone }) }
  if (everyMs !== undefined && cron === undefined && timeZone === undefined) return { everyMs }
  throw usage("When is it due? Give either --cron '30 2 * * *' (and --time-zone), or --every 5m")
}
