/** What can be done to a run. */
import { useState } from 'react'
import { ApiError, change, type DashboardRole, type Run } from '../api.js'
import { Dialog } from '../parts/basics.js'
import { toast } from '../parts/toasts.js'
import { go, hrefOf } from '../route.js'
import { useMay } from '../session.js'

type Kind = 'cancel' | 'retry' | 'delete' | 'send-event'

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
function kindsOf({ status }: Run): Kind[] {
  if (status === 'running' || status === 'awaiting') return ['send-event', 'cancel']
  return status === 'failed' ? ['retry', 'delete'] : ['delete']
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
            className={kind === 'cancel' || kind === 'delete' ? 'danger' : kind === 'retry' ? 'primary' : ''}
            onClick={() => setAsked(kind)}
          >
            {WORDS[kind].verb} …
          </button>
        ))}
      {asked && <Ask kind={asked} run={run} close={() => setAsked(undefined)} done={done} />}
    </div>
  )
}

function Ask({ kind, run, close, done }: { kind: Kind; run: Run; close: () => void; done: () => void }) {
  const { verb, done: past, words } = WORDS[kind]
  const { runId: id } = run
  const [reason, setReason] = useState('')
  const [event, setEvent] = useState(run.nodes.find(({ waitsFor }) => waitsFor?.event)?.waitsFor?.event ?? '')
  const [payload, setPayload] = useState('')
  const [failure, setFailure] = useState('')
  const send = async () => {
    try {
      const value: unknown = payload.trim() === '' ? undefined : JSON.parse(payload)
      await change(
        `run/${kind}`,
        kind === 'send-event' ? { id, event, payload: value } : { id, reason: reason || undefined },
      )
      toast(`${id} ${past}`)
      close()
      if (kind === 'delete') go(hrefOf('runs'))
      else done()
    } catch (error) {
      if (error instanceof SyntaxError) setFailure('The payload is no JSON: a text stands in quotation marks')
      else setFailure(error instanceof ApiError ? error.message : String(error))
    }
  }
  return (
    <Dialog title={`${verb}: ${id}`} close={close}>
      <p>{words}</p>
      {kind === 'cancel' && (
        <label className="field">
          <span>Why, for those who look later</span>
          <input value={reason} onChange={(change) => setReason(change.target.value)} placeholder="Cancelled" />
        </label>
      )}
      {kind === 'send-event' && (
        <>
          <label className="field">
            <span>Name of the event</span>
            <input value={event} onChange={(change) => setEvent(change.target.value)} />
          </label>
          <label className="field">
            <span>Payload, as JSON</span>
            <textarea
              rows={4}
              spellCheck={false}
              value={payload}
              onChange={(change) => setPayload(change.target.value)}
            />
          </label>
        </>
      )}
      {failure && (
        <p className="bad" role="alert">
          {failure}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Leave it
        </button>
        <button
          type="button"
          className={kind === 'cancel' || kind === 'delete' ? 'primary danger' : 'primary'}
          disabled={kind === 'send-event' && event.trim() === ''}
          onClick={() => void send()}
        >
          {verb}
        </button>
      </footer>
    </Dialog>
  )
}
