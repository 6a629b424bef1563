/** How the fleet stands: what needs attention, how many runs there are of each kind, who works, what waits. */
import type { Fleet, RunCount } from '../api.js'
import { lengthOf, numberOf, useNow } from '../format.js'
import { Columns, Failure, Icon, Scroll, Stale, Status } from '../parts/basics.js'
import { Due } from '../parts/due.js'
import { Limits } from '../parts/limits.js'
import { Throughput } from '../parts/throughput.js'
import { usePolled } from '../polled.js'
import { hrefOf } from '../route.js'

const STATUSES = ['running', 'awaiting', 'failed', 'completed', 'cancelled'] as const

export function Overview() {
  const fleet = usePolled('fleet', {}, 5_000)
  const counts = usePolled('runs/counts', {}, 10_000)
  const broken = (!fleet.data && fleet.error) || (!counts.data && counts.error)
  return (
    <>
      <div className="head">
        <h1>Overview</h1>
      </div>
      <Stale error={fleet.data ? (fleet.error ?? counts.error) : undefined} />
      {broken && <Failure error={broken} />}
      {fleet.data && <Warnings warnings={fleet.data.warnings} />}
      {counts.data && <Counts counts={counts.data.counts} />}
      <Throughput />
      <div className="columns">
        {counts.data && <ByBlueprint counts={counts.data.counts} running={fleet.data?.blueprints ?? []} />}
        {fleet.data && <Queues queues={fleet.data.queues} />}
      </div>
      <Limits />
      <Due />
      {fleet.data && <Workers workers={fleet.data.workers} />}
    </>
  )
}

const LEADS_TO: Record<string, string> = {
  DEAD_LETTERS: hrefOf('dead'),
  STALE: hrefOf('runs', { status: 'running', age: '600000' }),
}

function Warnings({ warnings }: { warnings: Fleet['warnings'] }) {
  if (warnings.length === 0) {
    return (
      <p className="calm">
        <Status of="completed" /> <span>Every queue has a worker, and nothing is stuck.</span>
      </p>
    )
  }
  return (
    <ul className="warnings" aria-label="What needs attention">
      {warnings.map(({ code, message }) => (
        <li key={message}>
          <Icon name="warning" />
          <span>{message}</span>
          {LEADS_TO[code] && <a href={LEADS_TO[code]}>Show</a>}
        </li>
      ))}
    </ul>
  )
}

function Counts({ counts }: { counts: RunCount[] }) {
  const of = (status: string) =>
    counts.filter((each) => each.status === status).reduce((sum, { count }) => sum + count, 0)
  return (
    <ul className="tiles" aria-label="Runs by status">
      {STATUSES.map((status) => (
        <li key={status}>
          <a href={hrefOf('runs', { status })}>
            <strong>{numberOf(of(status))}</strong>
            <Status of={status} />
          </a>
        </li>
      ))}
    </ul>
  )
}

function ByBlueprint({ counts, running }: { counts: RunCount[]; running: Fleet['blueprints'] }) {
  const oldest = new Map(running.map((each) => [each.blueprint, each.oldest]))
  const rows = new Map<string, Map<string, number>>()
  for (const { blueprintId = '', status = '?', count } of counts) {
    const row = rows.get(blueprintId) ?? new Map<string, number>()
    row.set(status, (row.get(status) ?? 0) + count)
    rows.set(blueprintId, row)
  }
  const sorted = [...rows].sort(([one], [other]) => one.localeCompare(other))
  return (
    <section className="card">
      <h2>By blueprint</h2>
      {sorted.length === 0 ? (
        <p className="empty">There is no run yet.</p>
      ) : (
        <Scroll label="Runs by blueprint">
          <table className="rows numbers">
            <Columns names={['Blueprint', ...STATUSES, 'oldest change']} />
            <tbody>
              {sorted.map(([id, row]) => (
                <tr key={id}>
                  <th scope="row" className="name">
                    {id === '' ? (
                      <span className="dim">not said</span>
                    ) : (
                      <a href={hrefOf('runs', { blueprint: id })}>{id}</a>
                    )}
                  </th>
                  {STATUSES.map((status) => {
                    const count = row.get(status) ?? 0
                    return (
                      <td key={status} data-status={count > 0 ? status : undefined}>
                        {count === 0 ? (
                          <span className="dim">0</span>
                        ) : (
                          <a href={hrefOf('runs', { blueprint: id, status })}>{numberOf(count)}</a>
                        )}
                      </td>
                    )
                  })}
                  <td>{oldest.has(id) ? `${lengthOf(oldest.get(id) ?? 0)} ago` : <span className="dim">–</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  )
}

function Queues({ queues }: { queues: Fleet['queues'] }) {
  return (
    <section className="card">
      <h2>Queues</h2>
      <Scroll label="Queues">
        <table className="rows numbers">
          <Columns names={['Queue', 'waiting', 'workers', 'dead', 'oldest change']} />
          <tbody>
            {queues.map(({ queue, exists, waiting, consumers, deadLetters, oldest }) => (
              <tr key={queue}>
                <th scope="row" className="name">
                  {queue}
                </th>
                <td>{exists ? numberOf(waiting) : 'none yet'}</td>
                <td data-status={consumers === 0 ? 'failed' : undefined}>{numberOf(consumers)}</td>
                <td data-status={deadLetters > 0 ? 'failed' : undefined}>{numberOf(deadLetters)}</td>
                <td>{oldest === undefined ? <span className="dim">–</span> : `${lengthOf(oldest)} ago`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

function Workers({ workers }: { workers: Fleet['workers'] }) {
  const now = useNow()
  return (
    <section className="card">
      <h2>Workers</h2>
      {workers.length === 0 ? (
        <p className="empty">No worker is registered. Those of version 1 and 2.0.0 never are: the queues count them.</p>
      ) : (
        <Scroll label="Workers">
          <table className="rows">
            <Columns names={['Worker', 'Version', 'Slots', 'Up', 'Heard', 'Queues', 'Blueprints']} />
            <tbody>
              {workers.map(({ id, version, slots, since, age, queues, blueprints }) => (
                <tr key={id}>
                  <td className="id">{id}</td>
                  <td>{version}</td>
                  <td>{slots}</td>
                  <td>{lengthOf(Math.max(0, now - since))}</td>
                  <td>{lengthOf(age)} ago</td>
                  <td className="name">{queues.join(', ')}</td>
                  <td className="name">{Object.keys(blueprints).sort().join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  )
}
