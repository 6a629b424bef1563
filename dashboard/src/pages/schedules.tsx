/** Schedules: when each is due next, and what is done to one. */
import { useState } from 'react'
import { change, type Schedule } from '../api.js'
import { lengthOf, numberOf } from '../format.js'
import { Ask, TextField } from '../parts/ask.js'
import { Columns, Failure, Moment, Stale, Status } from '../parts/basics.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { toast } from '../parts/toasts.js'
import { usePolled } from '../polled.js'
import { hrefOf, runHref, useQuery } from '../route.js'
import { useMay } from '../session.js'

const COLUMNS = ['Schedule', 'State', 'Blueprint', 'Due', 'Next', 'Last run', 'So far']

type Kind = 'trigger' | 'pause' | 'resume'

const WORDS: Record<Kind, { verb: string; words: string }> = {
  trigger: {
    verb: 'Start a run now',
    words: 'Whatever its due times are, and whatever goes on. The due times stay as they are.',
  },
  pause: { verb: 'Pause', words: 'What is due meanwhile passes.' },
  resume: { verb: 'Go on', words: 'It goes on from now; what was due meanwhile has passed.' },
}

export function SchedulesPage() {
  const [query] = useQuery()
  const cursor = query.get('after') ?? undefined
  const { data, error, refresh } = usePolled('schedules', { cursor }, 5_000)
  const [asked, setAsked] = useState<{ kind: Kind; schedule: Schedule } | undefined>()
  useRowKeys()
  const isMissing = error?.code === 'TABLE_MISSING'
  return (
    <>
      <div className="head">
        <h1>Schedules</h1>
      </div>
      <Stale error={data ? error : undefined} />
      {!data && isMissing && <p className="empty">{error.message}</p>}
      {!data && error && !isMissing && <Failure error={error} />}
      {!data && !error && <p className="empty">Loading …</p>}
      {data?.schedules.length === 0 && <p className="empty">There is no schedule.</p>}
      {data && data.schedules.length > 0 && (
        <Table schedules={data.schedules} ask={(kind, schedule) => setAsked({ kind, schedule })} />
      )}
      <nav className="pages" aria-label="Pages of schedules">
        {cursor !== undefined && <a href={hrefOf('schedules')}>First page</a>}
        {data?.cursor !== undefined && (
          <a className="button" href={hrefOf('schedules', { after: data.cursor })}>
            Next page
          </a>
        )}
      </nav>
      {asked && <AskSchedule {...asked} close={() => setAsked(undefined)} done={refresh} />}
    </>
  )
}

interface TableProps {
  schedules: Schedule[]
  ask: (kind: Kind, schedule: Schedule) => void
}

function Table({ schedules, ask }: TableProps) {
  const may = useMay()('operate')
  return (
    <table className="rows">
      <Columns names={may ? [...COLUMNS, 'Actions'] : COLUMNS} />
      <tbody>
        {schedules.map((schedule) => (
          <Row key={schedule.scheduleId} schedule={schedule} may={may} ask={(kind) => ask(kind, schedule)} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ schedule, may, ask }: { schedule: Schedule; may: boolean; ask: (kind: Kind) => void }) {
  const { scheduleId, state, blueprintId, note, next, last, waiting, counts } = schedule
  return (
    <tr data-row>
      <td className="id">{scheduleId}</td>
      <td>
        <Status of={state} />
        {note !== undefined && <p className="dim">{note}</p>}
      </td>
      <td className="name">
        <a href={hrefOf('runs', { blueprint: blueprintId })}>{blueprintId}</a>
      </td>
      <td className="name">{timing(schedule)}</td>
      <td className="when" data-label="next">
        {state === 'active' ? <Moment at={next} /> : '–'}
        {waiting > 0 && ` (${numberOf(waiting)} waiting)`}
      </td>
      <td className="when" data-label="last run">
        {last ? (
          <a href={runHref(last.runId)} data-open>
            <Moment at={last.startedAt} />
          </a>
        ) : (
          '–'
        )}
      </td>
      <td className="when">
        {numberOf(counts.started)} started
        {counts.skipped > 0 && `, ${numberOf(counts.skipped)} skipped`}
        {counts.missed > 0 && `, ${numberOf(counts.missed)} missed`}
      </td>
      {may && (
        <td>
          <div className="ways">
            {(['trigger', state === 'paused' ? 'resume' : 'pause'] as const)
              .filter((kind) => kind === 'trigger' || state !== 'ended')
              .map((kind) => (
                <button
                  key={kind}
                  type="button"
                  className="small"
                  aria-label={`${WORDS[kind].verb}: ${scheduleId}`}
                  onClick={() => ask(kind)}
                >
                  {WORDS[kind].verb} …
                </button>
              ))}
          </div>
        </td>
      )}
    </tr>
  )
}

/** When it is due, in words. */
function timing({ cron, timeZone, everyMs }: Schedule): string {
  return cron === undefined ? `every ${lengthOf(everyMs ?? 0)}` : `${cron} (${timeZone ?? 'UTC'})`
}

interface AskProps {
  kind: Kind
  schedule: Schedule
  close: () => void
  done: () => void
}

function AskSchedule({ kind, schedule: { scheduleId: id }, close, done }: AskProps) {
  const { verb, words } = WORDS[kind]
  const [reason, setReason] = useState('')
  const send = async () => {
    const { runId } = await change<{ runId?: string }>(`schedules/${kind}`, { id, reason: reason.trim() || undefined })
    toast(runId === undefined ? `${id} ${kind === 'pause' ? 'pauses' : 'goes on'}` : `${runId} starts`)
    close()
    done()
  }
  return (
    <Ask title={`${verb}: ${id}`} verb={verb} close={close} send={send}>
      <p>{words}</p>
      {kind === 'pause' && <TextField label="Why, for those who look later" value={reason} set={setReason} />}
    </Ask>
  )
}
