/** Lets a paused node go on: by the actions that decide its edges, or by the event that it waits for. */
import { useId, useState } from 'react'
import { change, type RunNode } from '../api.js'
import { useMay } from '../session.js'
import { Ask, JsonField, written } from './ask.js'
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
  const send = async () => {
    const value = written(output, 'output')
    if (event !== undefined) await change('run/send-event', { id: runId, event, payload: value })
    else await change('run/resume', { id: runId, nodeId, decision: own || undefined, output: value })
    toast(event === undefined ? `${nodeId} goes on${own ? ` by ${own}` : ''}` : `${nodeId} goes on by ${event}`)
    close()
    done()
  }
  return (
    <Ask
      title={event === undefined ? `Resume ${nodeId}` : `Send ${event}`}
      verb={event === undefined ? (own ? `Resume by ${own}` : 'Resume') : 'Send'}
      close={close}
      send={send}
    >
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
      <JsonField
        label={event === undefined ? 'Output of the node, as JSON' : 'Payload, as JSON'}
        value={output}
        set={setOutput}
        placeholder={'{ "by": "ada" }'}
      />
    </Ask>
  )
}
