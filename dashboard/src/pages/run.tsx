/** One run: what it is, its graph, its nodes, its context. */
import { useState } from 'react'
import type { Run } from '../api.js'
import { clock, counted, lengthOf } from '../format.js'
import { Graph } from '../graph/graph.js'
import { drawingOf } from '../graph/model.js'
import { Copy, Dialog, Failure, Moment, Scroll, Stale, Status, Tags } from '../parts/basics.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { isOurs, Tree } from '../parts/tree.js'
import { usePolled } from '../polled.js'
import { hrefOf, runHref, useQuery } from '../route.js'
import { Actions } from '../run/actions.js'
import { Activity, useActivity } from '../run/activity.js'
import { mermaidOf } from '../run/mermaid.js'
import { NodePanel } from '../run/node-panel.js'
import { Nodes } from '../run/nodes.js'
import { hasRun } from '../run/rerun.js'
import { Timeline } from '../run/timeline.js'

const TABS = ['graph', 'timeline', 'nodes', 'context', 'activity'] as const

export default function RunPage() {
  const [query] = useQuery()
  const id = query.get('id') ?? ''
  // Nothing that is known of one run is shown of another.
  return <OneRun key={id} id={id} />
}

function OneRun({ id }: { id: string }) {
  const [query, setQuery] = useQuery()
  const [isOver, setOver] = useState(false)
  const { data: run, error, refresh } = usePolled('run', id === '' ? undefined : { id }, isOver ? 15_000 : 1_000, true)
  const graph = usePolled('run/graph', run?.blueprintId === undefined ? undefined : { blueprint: run.blueprintId }, 0)
  const changes = useActivity(run)
  const [showsMermaid, setMermaid] = useState(false)
  useRowKeys()
  const over = run !== undefined && run.status !== 'running' && run.status !== 'awaiting'
  if (over !== isOver) setOver(over)
  if (!run) return error ? <Failure error={error} /> : <p className="empty">{id === '' ? 'Which run?' : 'Loading …'}</p>
  const tab = TABS.find((each) => each === query.get('tab')) ?? 'graph'
  const chosen = query.get('node') ?? undefined
  const choose = (node: string | undefined) => setQuery({ node }, true)
  const node = run.nodes.find(({ nodeId }) => nodeId === chosen)
  const blueprints = graph.data?.blueprints ?? []
  return (
    <>
      <Head run={run} refresh={refresh} />
      <Stale error={error} />
      <nav className="tabs" aria-label="Views of the run">
        {TABS.map((each) => (
          <a
            key={each}
            href={hrefOf('run', { id, tab: each, node: chosen })}
            aria-current={each === tab ? 'page' : undefined}
          >
            {each[0]?.toUpperCase() + each.slice(1)}
          </a>
        ))}
        {tab === 'graph' && (
          <button type="button" className="quiet" onClick={() => setMermaid(true)}>
            Mermaid
          </button>
        )}
      </nav>
      {tab === 'graph' && blueprints.length === 0 && graph.data && run.blueprintId !== undefined && (
        <p className="dim">
          This server does not know the blueprint {run.blueprintId}: the nodes that were reached are shown, without
          their edges.
        </p>
      )}
      <div className={node ? 'split' : undefined}>
        <div className="view" data-tab={tab}>
          {tab === 'graph' &&
            (graph.data || graph.error || run.blueprintId === undefined ? (
              <Graph run={run} blueprints={blueprints} chosen={chosen} choose={choose} />
            ) : (
              <p className="empty">Loading …</p>
            ))}
          {tab === 'timeline' && <Timeline run={run} chosen={chosen} choose={choose} />}
          {tab === 'nodes' && <Nodes nodes={run.nodes} chosen={chosen} choose={choose} />}
          {tab === 'context' && <Context id={id} isOver={over} />}
          {tab === 'activity' && <Activity changes={changes} />}
        </div>
        {node && (
          <NodePanel
            run={run}
            node={node}
            canRerun={hasRun(run, blueprints, node)}
            close={() => choose(undefined)}
            done={refresh}
          />
        )}
      </div>
      {showsMermaid && (
        <MermaidDialog
          text={mermaidOf(drawingOf({ blueprints, blueprintId: run.blueprintId, nodes: run.nodes, turned: new Set() }))}
          close={() => setMermaid(false)}
        />
      )}
    </>
  )
}

function Head({ run, refresh }: { run: Run; refresh: () => void }) {
  const { runId, status, blueprintId, version, reason, createdAt, updatedAt, endedAt, nodes, tags, parent, paused } =
    run
  const origin = usePolled('run/origin', { id: runId }, 0).data?.origin
  const over = status !== 'running' && status !== 'awaiting'
  const end = endedAt ?? (over ? updatedAt : undefined)
  const took = createdAt !== undefined && end !== undefined ? Date.parse(end) - Date.parse(createdAt) : undefined
  const done = nodes.filter(({ state }) => state === 'done').length
  return (
    <div className="runHead">
      <div className="head">
        <h1>
          <span className="mono">{runId}</span> <Copy text={runId} what="the id of the run" />
        </h1>
        <div className="ways">
          <a className="button" href={hrefOf('compare', { other: runId })}>
            Compare with …
          </a>
          <Actions run={run} done={refresh} />
        </div>
      </div>
      <p className="facts">
        <Status of={status} />
        {blueprintId !== undefined && (
          <span>
            of <a href={hrefOf('runs', { blueprint: blueprintId })}>{blueprintId}</a>
            {version ? `, version ${version}` : ''}
          </span>
        )}
        <Tags of={tags} />
        <span>
          {done} of {nodes.length} reached nodes done
        </span>
        {createdAt !== undefined && (
          <span>
            started <Moment at={createdAt} />
          </span>
        )}
        {updatedAt !== undefined && (
          <span>
            changed <Moment at={updatedAt} />
          </span>
        )}
        {took !== undefined && <span>took {lengthOf(took)}</span>}
        <Bounds run={run} />
        {parent && (
          <span>
            child of <a href={hrefOf('run', { id: parent.runId, node: parent.nodeId })}>{parent.nodeId}</a> of{' '}
            <a href={runHref(parent.runId)}>{parent.runId}</a>
          </span>
        )}
        {origin && (
          <span>
            again from <a href={hrefOf('run', { id: origin.runId, node: origin.nodeId })}>{origin.nodeId}</a> of{' '}
            <a href={runHref(origin.runId)}>{origin.runId}</a>
          </span>
        )}
      </p>
      {paused && (
        <p className="reason">
          Paused since <Moment at={paused.since} />
          {paused.reason !== undefined && `: ${paused.reason}`}. No further node is executed until it is unpaused.
        </p>
      )}
      {reason !== undefined && <p className="reason">{reason}</p>}
    </div>
  )
}

/** What its start allows it: how long it may take, and how much of it goes on at a time. */
function Bounds({ run: { deadline, concurrency } }: { run: Run }) {
  return (
    <>
      {deadline !== undefined && (
        <span>
          fails if not over by {clock(deadline)} (<Moment at={deadline} />)
        </span>
      )}
      {concurrency !== undefined && <span>at most {counted(concurrency, 'node')} at a time</span>}
    </>
  )
}

function Context({ id, isOver }: { id: string; isOver: boolean }) {
  const { data, error } = usePolled('run/context', { id }, isOver ? 0 : 5_000)
  if (!data) return error ? <Failure error={error} /> : <p className="empty">Loading …</p>
  const { value } = data
  if (!value || value.children?.length === 0) return <p className="empty">The context is empty.</p>
  const children = value.children?.toSorted((one, other) => Number(isOurs(one.key)) - Number(isOurs(other.key)))
  return (
    <div className="card">
      <Tree view={{ ...value, ...(children && { children }) }} path={[]} runId={id} isOpen />
    </div>
  )
}

function MermaidDialog({ text, close }: { text: string; close: () => void }) {
  return (
    <Dialog title="The graph as Mermaid" close={close} isWide>
      <Scroll label="Mermaid" className="body">
        <Copy text={text} what="the graph" />
        <pre>{text}</pre>
      </Scroll>
    </Dialog>
  )
}
