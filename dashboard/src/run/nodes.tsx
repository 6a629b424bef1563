/** The nodes of a run as a table: every one that was ever reached. */
import { useState } from 'react'
import type { RunNode } from '../api.js'
import { Columns, Moment, ROWS_AT_FIRST, ShowMore, Status } from '../parts/basics.js'

const STATES = ['failed', 'awaiting', 'due', 'done', 'idle'] as const

export function Nodes({
  nodes,
  chosen,
  choose,
}: {
  nodes: RunNode[]
  chosen: string | undefined
  choose: (id: string) => void
}) {
  const [state, setState] = useState<string>('')
  const [text, setText] = useState('')
  const [most, setMost] = useState(ROWS_AT_FIRST)
  const found = nodes.filter(
    (node) => (state === '' || node.state === state) && node.nodeId.toLowerCase().includes(text.toLowerCase()),
  )
  const isOf = (of: string) => nodes.filter((node) => node.state === of).length
  return (
    <>
      <div className="filters">
        <label className="search">
          <span>Node</span>
          <input
            type="search"
            data-search
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder="any"
          />
        </label>
        <fieldset className="chips" aria-label="State">
          {STATES.filter((each) => isOf(each) > 0).map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={state === each}
              onClick={() => setState(state === each ? '' : each)}
            >
              <Status of={each} />
              <span className="count">{isOf(each)}</span>
            </button>
          ))}
        </fieldset>
      </div>
      {found.length === 0 ? (
        <p className="empty">{nodes.length === 0 ? 'No node was reached yet.' : 'No node matches.'}</p>
      ) : (
        <table className="rows">
          <Columns names={['Node', 'State', 'Execution', 'Attempt', 'What is said']} />
          <tbody>
            {found.slice(0, most).map((node) => (
              <tr key={node.nodeId} data-row data-chosen={node.nodeId === chosen}>
                <td className="id">
                  <button type="button" className="link" data-open onClick={() => choose(node.nodeId)}>
                    {node.nodeId}
                  </button>
                </td>
                <td>
                  <Status of={node.state} />
                </td>
                <td>{node.execution}</td>
                <td>{node.attempt}</td>
                <td className="said">
                  {node.error ??
                    (node.waitsFor?.childRunId && `waits for its child run ${node.waitsFor.childRunId}`) ??
                    (node.waitsFor?.event && `waits for ${node.waitsFor.event}`) ??
                    (node.action && `decided ${node.action}`)}
                  {node.dueAt !== undefined && (
                    <>
                      {' '}
                      due <Moment at={node.dueAt} />
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ShowMore shown={most} of={found.length} one="node" set={setMost} />
    </>
  )
}
