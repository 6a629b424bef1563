/** What can be done to a run. */
import { useState } from 'react'
import { change, type DashboardRole, type Run } from '../api.js'
import { Ask, JsonField, TextField, written } from '../parts/ask.js'
import { toast } from '../parts/toasts.js'
import { go, hrefOf } from '../route.js'
import { useMay } from '../session.js'

type Kind = 'cancel' | 'pause' | 'unpause' | 'retry' | 'delete' | 'send-event'

const WORDS: Record<Kind, { verb: string; done: string; role: DashboardRole; words: string }> = {
  retry: {
    verb: 'Retry',
    done: 'goes on',
    role: 'operate',
    words: 'It goes on from the nodes that failed, and keeps what is done.',
  },
  'send-event': {
    verb: 'Send event',
    done: 'has the event',
    role: 'operate',
    words: 'Nodes that wait for it go on. While none waits, it is kept for the first that will.',
  },
  pause: {
    verb: 'Pause',
    done: 'is paused',
    role: 'operate',
    words: 'No further node of it is executed until you unpause it. What is being executed ends, and counts.',
  },
  unpause: { verb: 'Unpause', done: 'goes on', role: 'operate', words: 'What is due by now is executed.' },
  cancel: {
    verb: 'Cancel',
    done: 'is cancelled',
    role: 'operate',
    words: 'Nothing new of it starts, and nodes in flight get their AbortSignal. It cannot be undone.',
  },
  delete: {
    verb: 'Delete',
    done: 'is deleted',
    role: 'administer',
    words: 'Both rows, the journal, and what Redis keeps are removed. It cannot be undone.',
  },
}

/** Which are of use. */
function kindsOf({ status, paused }: Run): Kind[] {
  if (status === 'running' || status === 'awaiting') return [paused ? 'unpause' : 'pause', 'send-event', 'cancel']
  return status === 'failed' ? ['retry', 'delete'] : ['delete']
}

/** Whether the run goes on by it. */
function isWay(kind: Kind): boolean {
  return kind === 'retry' || kind === 'unpause'
}

export function Actions({ run, done }: { run: Run; done: () => void }) {
  const may = useMay()
  const [asked, setAsked] = useState<Kind | undefined>()
  return (
    <div className="ways">
      {kindsOf(run)
        .filter((kind) => may(WORDS[kind].role))
        .map((kind) => (
          <button
            key={kind}
            type="button"
            className={kind === 'cancel' || kind === 'delete' ? 'danger' : isWay(kind) ? 'primary' : ''}
            onClick={() => setAsked(kind)}
          >
            {WORDS[kind].verb} …
          </button>
        ))}
      {asked && <AskAction kind={asked} run={run} close={() => setAsked(undefined)} done={done} />}
    </div>
  )
}

function AskAction({ kind, run, close, done }: { kind: Kind; run: Run; close: () => void; done: () => void }) {
  const { verb, done: past, words } = WORDS[kind]
  const { runId: id } = run
  const [reason, setReason] = useState('')
  const [event, setEvent] = useState(run.nodes.find(({ waitsFor }) => waitsFor?.event)?.waitsFor?.event ?? '')
  const [payload, setPayload] = useState('')
  const send = async () => {
    const body =
      kind === 'send-event' ? { event, payload: written(payload, 'payload') } : { reason: reason || undefined }
    await change(`run/${kind}`, { id, ...body })
    toast(`${id} ${past}`)
    close()
    if (kind === 'delete') go(hrefOf('runs'))
    else done()
  }
  return (
    <Ask
      title={`${verb}: ${id}`}
      verb={verb}
      close={close}
      send={send}
      isGrave={kind === 'cancel' || kind === 'delete'}
      isReady={kind !== 'send-event' || event.trim() !== ''}
    >
      <p>{words}</p>
      {(kind === 'cancel' || kind === 'pause') && (
        <TextField
          label="Why, for those who look later"
          value={reason}
          set={setReason}
          placeholder={kind === 'cancel' ? 'Cancelled' : ''}
        />
      )}
      {kind === 'send-event' && (
        <>
          <TextField label="Name of the event" value={event} set={setEvent} />
          <JsonField label="Payload, as JSON" value={payload} set={setPayload} />
        </>
      )}
    </Ask>
  )
}
