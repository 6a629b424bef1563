/** Everything that waits for a person, with its actions as buttons. */
import { Failure, Moment, Stale } from '../parts/basics.js'
import { ResumeButtons } from '../parts/resume.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { ofPlain, Tree } from '../parts/tree.js'
import { usePolled } from '../polled.js'
import { hrefOf, runHref, useQuery } from '../route.js'
import { useSession } from '../session.js'

export function Approvals() {
  const [query, setQuery] = useQuery()
  const { blueprints } = useSession()
  const blueprint = query.get('blueprint') ?? undefined
  const cursor = query.get('after') ?? undefined
  const { data, error, refresh } = usePolled('approvals', { blueprint, cursor }, 5_000)
  useRowKeys()
  return (
    <>
      <div className="head">
        <h1>Approvals</h1>
        {blueprints.length > 0 && (
          <select
            aria-label="Blueprint"
            value={blueprint ?? ''}
            onChange={(event) => setQuery({ blueprint: event.target.value || undefined, after: undefined })}
          >
            <option value="">All blueprints</option>
            {blueprints.map((id) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        )}
      </div>
      <Stale error={data ? error : undefined} />
      {!data && error && <Failure error={error} />}
      {!data && !error && <p className="empty">Loading …</p>}
      {data?.approvals.length === 0 && (
        <p className="empty">
          {data.cursor === undefined ? 'Nothing waits for a person.' : 'On this page everything waits for a time.'}
        </p>
      )}
      <ul className="cards">
        {data?.approvals.flatMap(({ runId, blueprintId, updatedAt, nodes }) =>
          nodes.map((node) => (
            <li key={`${runId} ${node.nodeId}`} className="card approval" data-row>
              <div>
                <h2>{node.nodeId}</h2>
                <p>
                  <a className="mono" href={runHref(runId)} data-open>
                    {runId}
                  </a>
                  <span className="dim"> of {blueprintId ?? 'an unknown blueprint'}, changed </span>
                  <Moment at={updatedAt} />
                </p>
                {node.waitsFor?.event !== undefined && (
                  <p>
                    waits for the event <code>{node.waitsFor.event}</code>
                  </p>
                )}
                {says(node.waitsFor?.details) && (
                  <Tree view={node.waitsFor?.exact ?? ofPlain(node.waitsFor?.details)} path={[]} />
                )}
              </div>
              <ResumeButtons runId={runId} node={node} done={refresh} />
            </li>
          )),
        )}
      </ul>
      <nav className="pages" aria-label="Pages of approvals">
        {cursor !== undefined && <a href={hrefOf('approvals', { blueprint })}>First page</a>}
        {data?.cursor !== undefined && (
          <a className="button" href={hrefOf('approvals', { blueprint, after: data.cursor })}>
            Next page
          </a>
        )}
      </nav>
    </>
  )
}

/** Whether the details say more than that it waits. */
export function says(details: unknown): boolean {
  if (typeof details !== 'object' || details === null) return details !== undefined
  return Object.entries(details).some(([key, value]) => key !== 'reason' || value !== 'external_event')
}
