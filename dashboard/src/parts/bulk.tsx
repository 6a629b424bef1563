/** One action on many runs: those that are chosen, or all that the filters find, after a look at what they are. */
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { change, type DashboardRole, type Outcome, type Params, type Reads, read } from '../api.js'
import { counted, numberOf } from '../format.js'
import { useMay } from '../session.js'
import { JsonField, TextField, written } from './ask.js'
import { Dialog, Status } from './basics.js'
import { toast } from './toasts.js'

const ACTIONS = {
  cancel: {
    verb: 'Cancel',
    done: 'cancelled',
    role: 'operate',
    words: 'Nothing new of them starts. It cannot be undone.',
  },
  pause: {
    verb: 'Pause',
    done: 'paused',
    role: 'operate',
    words: 'No further node of them is executed until you unpause them.',
  },
  unpause: { verb: 'Unpause', done: 'unpaused', role: 'operate', words: 'What is due of them by now is executed.' },
  retry: {
    verb: 'Retry',
    done: 'retried',
    role: 'operate',
    words: 'They go on from the nodes that failed. One that fails again meanwhile is not retried again.',
  },
  resume: { verb: 'Resume', done: 'resumed', role: 'operate', words: 'Every node of them that awaits goes on.' },
  'send-event': {
    verb: 'Send event',
    done: 'told',
    role: 'operate',
    words: 'Nodes that wait for it go on. A run in which none waits keeps it for the first that will.',
  },
  delete: {
    verb: 'Delete',
    done: 'deleted',
    role: 'administer',
    words: 'Rows and journal are removed. It cannot be undone.',
  },
} as const satisfies Record<string, { verb: string; done: string; role: DashboardRole; words: string }>
type Action = keyof typeof ACTIONS

/** Those by which nothing stops or goes. */
const HARMLESS: readonly Action[] = ['unpause', 'retry', 'resume', 'send-event']

/** What some actions are asked with, as somebody writes it. */
interface Said {
  decision: string
  event: string
  value: string
}

/** The same, as the server takes it. */
function bodyOf(action: Action, { decision, event, value }: Said): object {
  if (action === 'resume') return { decision: decision.trim() || undefined, output: written(value, 'output') }
  return action === 'send-event' ? { event, payload: written(value, 'payload') } : {}
}

/** So many in a request: the bar moves, and whoever stops it waits for few. */
const BATCH = 50

interface BulkProps {
  ids: string[]
  filters: Params
  done: () => void
  /** What else can be done with those that are chosen. */
  children?: ReactNode
}

export function Bulk({ ids, filters, done, children }: BulkProps) {
  const may = useMay()
  const [asked, setAsked] = useState<{ action: Action; ids: string[] | undefined } | undefined>()
  const scope = ids.length > 0 ? `${counted(ids.length, 'run')} chosen` : 'All that the filters find'
  return (
    <div className="bulk">
      <span className="dim">{scope}:</span>
      {(Object.keys(ACTIONS) as Action[])
        .filter((action) => may(ACTIONS[action].role))
        .map((action) => (
          <button
            key={action}
            type="button"
            className={action === 'delete' ? 'small danger' : 'small'}
            onClick={() => setAsked({ action, ids: ids.length > 0 ? ids : undefined })}
          >
            {ACTIONS[action].verb} …
          </button>
        ))}
      {children}
      {asked && (
        <BulkDialog
          {...asked}
          filters={filters}
          close={() => {
            setAsked(undefined)
            done()
          }}
        />
      )}
    </div>
  )
}

interface Work {
  done: number
  refused: Outcome[]
  left: string[]
  isOn: boolean
}

function BulkDialog({
  action,
  ids,
  filters,
  close,
}: {
  action: Action
  ids: string[] | undefined
  filters: Params
  close: () => void
}) {
  const { verb, done, words } = ACTIONS[action]
  const [found, setFound] = useState<Reads['runs/preview'] | undefined>(ids && { ids, first: [], isMore: false })
  const [work, setWork] = useState<Work | undefined>()
  const [failure, setFailure] = useState('')
  const [said, setSaid] = useState<Said>({ decision: '', event: '', value: '' })
  const isStopped = useRef(false)
  const request = useRef(filters)
  useEffect(() => {
    if (ids) return
    const controller = new AbortController()
    read('runs/preview', { ...request.current, action }, controller.signal).then(setFound, (error: Error) => {
      if (!controller.signal.aborted) setFailure(error.message)
    })
    return () => controller.abort()
  }, [action, ids])
  useEffect(
    () => () => {
      isStopped.current = true
    },
    [],
  )

  const start = async (all: string[]): Promise<void> => {
    isStopped.current = false
    setFailure('')
    let more: object
    try {
      more = bodyOf(action, said)
    } catch (error) {
      return setFailure((error as Error).message)
    }
    const state: Work = work ? { ...work, left: all, isOn: true } : { done: 0, refused: [], left: all, isOn: true }
    try {
      while (state.left.length > 0 && !isStopped.current) {
        setWork({ ...state })
        const { outcomes } = await change<{ outcomes: Outcome[] }>(`runs/${action}`, {
          ...more,
          ids: state.left.slice(0, BATCH),
        })
        state.left = state.left.slice(BATCH)
        state.refused = [...state.refused, ...outcomes.filter(({ code }) => code !== undefined)]
        state.done += outcomes.filter(({ code }) => code === undefined).length
      }
      if (state.left.length === 0) toast(`${counted(state.done, 'run')} ${done}`)
    } catch (error) {
      setFailure((error as Error).message)
    }
    setWork({ ...state, isOn: false })
  }

  const count = found?.ids.length ?? 0
  const total = work ? work.done + work.refused.length + work.left.length : count
  return (
    <Dialog title={`${verb} ${found ? counted(count, 'run') : 'runs'}`} close={close}>
      <p>{words}</p>
      {!found && !failure && <p className="dim">Looking which they are …</p>}
      {found && count === 0 && <p>No run that the filters find can be {done}.</p>}
      {found && found.first.length > 0 && !work && (
        <ul className="preview">
          {found.first.map(({ runId, status }) => (
            <li key={runId}>
              <code>{runId}</code> <Status of={status} />
            </li>
          ))}
          {count > found.first.length && <li className="dim">and {numberOf(count - found.first.length)} others</li>}
        </ul>
      )}
      {found?.isMore && (
        <p className="stale">There are more: these are the first {numberOf(count)}. Do it again for the rest.</p>
      )}
      {found && count > 0 && !work && <Fields action={action} said={said} set={setSaid} />}
      {work && (
        <>
          <progress max={total} value={total - work.left.length} aria-label="How far it is" />
          <p>
            {numberOf(work.done)} of {counted(total, 'run')} {done}
            {work.refused.length > 0 && `, ${numberOf(work.refused.length)} refused`}
          </p>
          {work.refused.length > 0 && (
            <ul className="preview">
              {work.refused.slice(0, 5).map(({ runId, message }) => (
                <li key={runId}>{message}</li>
              ))}
            </ul>
          )}
        </>
      )}
      {failure && (
        <p className="bad" role="alert">
          {failure}
        </p>
      )}
      <footer>
        {work?.isOn ? (
          <button
            type="button"
            onClick={() => {
              isStopped.current = true
            }}
          >
            Stop
          </button>
        ) : (
          <>
            <button type="button" onClick={close}>
              {work && work.left.length === 0 ? 'Close' : 'Leave it'}
            </button>
            {found && count > 0 && (!work || work.left.length > 0) && (
              <button
                type="button"
                className={HARMLESS.includes(action) ? 'primary' : 'primary danger'}
                disabled={action === 'send-event' && said.event.trim() === ''}
                onClick={() => void start(work?.left ?? found.ids)}
              >
                {work ? `Go on with ${numberOf(work.left.length)}` : `${verb} ${counted(count, 'run')}`}
              </button>
            )}
          </>
        )}
      </footer>
    </Dialog>
  )
}

/** What is asked for besides, where an action needs it. */
function Fields({ action, said, set }: { action: Action; said: Said; set: (said: Said) => void }) {
  if (action !== 'resume' && action !== 'send-event') return null
  return (
    <>
      {action === 'resume' ? (
        <TextField
          label="Action, which decides their edges"
          value={said.decision}
          set={(decision) => set({ ...said, decision })}
          placeholder="none"
        />
      ) : (
        <TextField label="Name of the event" value={said.event} set={(event) => set({ ...said, event })} />
      )}
      <JsonField
        label={action === 'resume' ? 'Output of the nodes, as JSON' : 'Payload, as JSON'}
        value={said.value}
        set={(value) => set({ ...said, value })}
      />
    </>
  )
}
