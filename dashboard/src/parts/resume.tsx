/** Lets a paused node go on: by the actions that decide its edges, or by the event that it waits for. */
import { useId, useState } from 'react'
import { ApiError, change, type RunNode } from '../api.js'
import { useMay } from '../session.js'
import { Dialog } from './basics.js'
import { toast } from './toasts.js'

interface Props {
  runId: string
  node: Pick<RunNode, 'nodeId' | 'waitsFor' | 'actions'>
  done: () => void
}

/** One button for each way on. */
export function ResumeButtons({ runId, node, done }: Props) {
  const may = useMay()
  const [decision, setDecision] = useState<string | undefined>()
  if (!may('operate')) return null
  const { actions = [], waitsFor } = node
  const ways = actions.length > 0 ? actions : ['']
  return (
    <div className="ways">
      {ways.map((action, at) => (
        <button
          key={action}
          type="button"
          className={at === 0 ? 'primary small' : 'small'}
          onClick={() => setDecision(action)}
        >
          {action || (waitsFor?.event === undefined ? 'Resume' : 'Send the event')} …
        </button>
      ))}
      {decision !== undefined && (
        <ResumeDialog runId={runId} node={node} decision={decision} close={() => setDecision(undefined)} done={done} />
      )}
    </div>
  )
}

function ResumeDialog({ runId, node, decision, close, done }: Props & { decision: string; close: () => void }) {
  const { nodeId, waitsFor, actions } = node
  const event = decision === '' ? waitsFor?.event : undefined
  const id = useId()
  const [own, setOwn] = useState(decision)
  const [output, setOutput] = useState('')
  const [failure, setFailure] = useState('')
  const [isOn, setOn] = useState(false)
  const send = async () => {
    let value: unknown
    try {
      value = output.trim() === '' ? undefined : JSON.parse(output)
    } catch {
      setFailure('The output is no JSON: a text stands in quotation marks')
      return
    }
    setOn(true)
    try {
      if (event !== undefined) await change('run/send-event', { id: runId, event, payload: value })
      else await change('run/resume', { id: runId, nodeId, decision: own || undefined, output: value })
      toast(event === undefined ? `${nodeId} goes on${own ? ` by ${own}` : ''}` : `${nodeId} goes on by ${event}`)
      close()
      done()
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error))
      setOn(false)
    }
  }
  return (
    <Dialog title={event === undefined ? `Resume ${nodeId}` : `Send ${event}`} close={close}>
      <p className="dim">
        Run <code>{runId}</code>
      </p>
      {event === undefined && (
        <div className="field">
          <label htmlFor={id}>Action, which decides its edges</label>
          {actions && actions.length > 0 ? (
            <select id={id} value={own} onChange={(change) => setOwn(change.target.value)}>
              {actions.map((action) => (
                <option key={action}>{action}</option>
              ))}
            </select>
          ) : (
            <input id={id} value={own} onChange={(change) => setOwn(change.target.value)} placeholder="none" />
          )}
        </div>
      )}
      <label className="field">
        <span>{event === undefined ? 'Output of the node, as JSON' : 'Payload, as JSON'}</span>
        <textarea
          rows={4}
          spellCheck={false}
          value={output}
          placeholder={'{ "by": "ada" }'}
          onChange={(change) => setOutput(change.target.value)}
        />
      </label>
      {failure && (
        <p className="bad" role="alert">
          {failure}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Leave it
        </button>
        <button type="button" className="primary" disabled={isOn} onClick={() => void send()}>
          {event === undefined ? (own ? `Resume by ${own}` : 'Resume') : 'Send'}
        </button>
      </footer>
    </Dialog>
  )
}
