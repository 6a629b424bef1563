/** Runs again from a node: a new run, to which the page goes. */
import { useState } from 'react'
import { change, type DrawnBlueprint, type Run, type RunNode } from '../api.js'
import { Ask, JsonField, TextField, written } from '../parts/ask.js'
import { toast } from '../parts/toasts.js'
import { go, runHref } from '../route.js'
import { useMay } from '../session.js'

/** Whether there is something to run again: a node of the run's own blueprint that has run. */
export function hasRun(run: Run, blueprints: readonly DrawnBlueprint[], { nodeId, execution }: RunNode): boolean {
  const own = blueprints.find(({ id }) => id === run.blueprintId)
  return execution > 0 && own !== undefined && own.nodes.some(({ id }) => id === nodeId)
}

export function Rerun({ runId, nodeId }: { runId: string; nodeId: string }) {
  const may = useMay()
  const [isAsked, setAsked] = useState(false)
  if (!may('operate')) return null
  return (
    <div className="ways">
      <button type="button" className="small" onClick={() => setAsked(true)}>
        Run again from here …
      </button>
      {isAsked && <RerunDialog runId={runId} nodeId={nodeId} close={() => setAsked(false)} />}
    </div>
  )
}

function RerunDialog({ runId, nodeId, close }: { runId: string; nodeId: string; close: () => void }) {
  const [input, setInput] = useState('')
  const [context, setContext] = useState('')
  const [id, setId] = useState('')
  const send = async () => {
    const started = await change<{ runId: string }>('run/rerun', {
      id: runId,
      nodeId,
      input: written(input, 'input'),
      context: written(context, 'context'),
      runId: id.trim() || undefined,
    })
    toast(`${started.runId} runs again from ${nodeId}`)
    close()
    go(runHref(started.runId))
  }
  return (
    <Ask title={`Run again from ${nodeId}`} verb="Run again" close={close} send={send}>
      <p>
        A new run begins here. What was done before stays done; the node and all that depends on it run again. This run
        stays as it is.
      </p>
      <JsonField label="Input of the node, as JSON" value={input} set={setInput} placeholder="the one it had" />
      <JsonField
        label="Keys of the context to change, as JSON"
        value={context}
        set={setContext}
        placeholder={'{ "amount": 40 }'}
      />
      <TextField label="Id of the new run" value={id} set={setId} placeholder="a new one" />
    </Ask>
  )
}
