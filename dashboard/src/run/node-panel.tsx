/** One node of a run: how it stands, why it failed, what it got and gave. */
import { type ReactNode, useEffect, useState } from 'react'
import { ApiError, type Run, type RunNode, read, type ValueView } from '../api.js'
import { exactLengthOf } from '../format.js'
import { says } from '../pages/approvals.js'
import { Copy, IconButton, Moment, Status } from '../parts/basics.js'
import { ResumeButtons } from '../parts/resume.js'
import { ofPlain, Tree } from '../parts/tree.js'
import { runHref } from '../route.js'
import { Executions } from './executions.js'
import { FailedAttempts } from './failed-attempts.js'
import { Rerun } from './rerun.js'

export function NodePanel({
  run,
  node,
  canRerun,
  close,
  done,
}: {
  run: Run
  node: RunNode
  canRerun: boolean
  close: () => void
  done: () => void
}) {
  const { nodeId, state, execution, attempt, dueAt, action, error, waitsFor, progress, replaced } = node
  return (
    <aside className="panel" aria-label={`Node ${nodeId}`}>
      <header>
        <h2>{nodeId}</h2>
        <Copy text={nodeId} what="the id of the node" />
        <IconButton icon="close" label="Close the node" act={close} />
      </header>
      <dl className="factList">
        <Fact name="State">
          <Status of={state} />
        </Fact>
        <Fact name="Execution">{execution}</Fact>
        {attempt > 1 && <Fact name="Attempt">{attempt}</Fact>}
        {dueAt !== undefined && (
          <Fact name={state === 'awaiting' ? 'Sleeps until' : 'Due'}>
            <Moment at={dueAt} />
          </Fact>
        )}
        <Times node={node} />
        {action !== undefined && (
          <Fact name="Decided">
            <code>{action}</code>
          </Fact>
        )}
        <WaitsFor node={node} />
        <WaitsForLimit node={node} />
        {replaced && <Fact name="Then">its fallback took its place</Fact>}
      </dl>
      {state === 'awaiting' && dueAt === undefined && waitsFor?.childRunId === undefined && (
        <ResumeButtons runId={run.runId} node={node} done={done} />
      )}
      {progress !== undefined && (
        <section>
          <h3>Progress</h3>
          <p className="dim">
            <Moment at={progress.at} /> on {progress.worker}, attempt {progress.attempt}
          </p>
          <Tree view={progress.exact ?? ofPlain(progress.value)} path={[]} isOpen />
        </section>
      )}
      {canRerun && <Rerun key={nodeId} runId={run.runId} nodeId={nodeId} />}
      {error !== undefined && (
        <section>
          <h3>
            Error <Copy text={error} what="the error" />
          </h3>
          <pre className="error">{error}</pre>
        </section>
      )}
      <FailedAttempts node={node} />
      {waitsFor?.childRunId === undefined && says(waitsFor?.details) && (
        <section>
          <h3>Details of the wait</h3>
          <Tree view={waitsFor?.exact ?? ofPlain(waitsFor?.details)} path={[]} isOpen />
        </section>
      )}
      <Stored key={`in ${nodeId} ${execution} ${state}`} title="Input" runId={run.runId} name={`_inputs.${nodeId}`} />
      <Stored
        key={`out ${nodeId} ${execution} ${state}`}
        title="Output"
        runId={run.runId}
        name={`_outputs.${nodeId}`}
      />
      <Executions key={nodeId} runId={run.runId} nodeId={nodeId} />
    </aside>
  )
}

function WaitsFor({ node: { waitsFor } }: { node: RunNode }) {
  if (waitsFor?.childRunId !== undefined) {
    return (
      <Fact name="Waits for">
        the end of its child run{' '}
        <a className="mono" href={runHref(waitsFor.childRunId)}>
          {waitsFor.childRunId}
        </a>
      </Fact>
    )
  }
  if (waitsFor?.event === undefined) return null
  return (
    <Fact name="Waits for">
      <code>{waitsFor.event}</code>
    </Fact>
  )
}

const WAITS_FOR = {
  concurrency: 'a free place of',
  rate: 'the rate of',
  paused: 'the end of a pause of',
}

/** Which limit lets it not begin yet. */
function WaitsForLimit({ node: { waitsForLimit: wait } }: { node: RunNode }) {
  if (wait === undefined) return null
  return (
    <>
      <Fact name="Waits for">
        {WAITS_FOR[wait.why]} {wait.key === undefined ? "its run's concurrency" : <code>{wait.key}</code>}
      </Fact>
      <Fact name="In line since">
        <Moment at={wait.since} />
      </Fact>
      <Fact name="Asks again">
        <Moment at={wait.until} />
      </Fact>
    </>
  )
}

/** When it was executed, how long that took, and who did it. */
function Times({ node: { reachedAt, startedAt, awaitingSince, resumedAt, endedAt, worker } }: { node: RunNode }) {
  const begun = startedAt ?? reachedAt
  const between = (from: string, to: string) => exactLengthOf(Date.parse(to) - Date.parse(from))
  return (
    <>
      {begun !== undefined && (
        <Fact name={startedAt === undefined ? 'Due since' : 'Started'}>
          <Moment at={begun} />
        </Fact>
      )}
      {reachedAt !== undefined && startedAt !== undefined && (
        <Fact name="In the queue">{between(reachedAt, startedAt)}</Fact>
      )}
      {awaitingSince !== undefined && resumedAt !== undefined && (
        <Fact name="Waited">{between(awaitingSince, resumedAt)}</Fact>
      )}
      {begun !== undefined && endedAt !== undefined && <Fact name="Took">{between(begun, endedAt)}</Fact>}
      {worker !== undefined && (
        <Fact name="Worker">
          <code>{worker}</code>
        </Fact>
      )}
    </>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What the context holds of the node's last execution. */
function Stored({ title, runId, name }: { title: string; runId: string; name: string }) {
  const [found, setFound] = useState<ValueView | string | undefined>()
  useEffect(() => {
    const controller = new AbortController()
    const path = JSON.stringify([name])
    read('run/context', { id: runId, path }, controller.signal).then(
      ({ value }) => setFound(value ?? 'none is stored'),
      (error) => {
        if (controller.signal.aborted) return
        setFound(error instanceof ApiError ? error.message : String(error))
      },
    )
    return () => controller.abort()
  }, [runId, name])
  return (
    <section>
      <h3>{title}</h3>
      {typeof found === 'object' ? (
        <Tree view={found} path={[name]} runId={runId} isOpen />
      ) : (
        <p className="dim">{found ?? 'Loading …'}</p>
      )}
    </section>
  )
}
