/** Runs: filters that stand in the address, a page of them, and actions on many. */
import { useState } from 'react'
import type { RunCount, Summary } from '../api.js'
import { numberOf } from '../format.js'
import { Columns, Failure, Moment, Stale, Status, Tags } from '../parts/basics.js'
import { Bulk } from '../parts/bulk.js'
import { SavedViews } from '../parts/saved-views.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { usePolled } from '../polled.js'
import { hrefOf, type Query, runHref, useQuery } from '../route.js'
import { useMay, useSession } from '../session.js'

const STATUSES = ['running', 'awaiting', 'failed', 'completed', 'cancelled'] as const
const AGES: readonly (readonly [string, string])[] = [
  ['', 'any time'],
  ['600000', 'more than 10 minutes ago'],
  ['3600000', 'more than an hour ago'],
  ['86400000', 'more than a day ago'],
  ['604800000', 'more than a week ago'],
  ['2592000000', 'more than 30 days ago'],
]
const FILTERS = ['status', 'blueprint', 'tags', 'waitingAt', 'error', 'paused', 'prefix', 'order', 'age']

/** The filters as the server takes them. */
function filtersOf(query: URLSearchParams): Record<string, string | undefined> {
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]))
}

export function Runs() {
  const [query, setQuery] = useQuery()
  const may = useMay()
  const filters = filtersOf(query)
  const cursor = query.get('after') ?? undefined
  const { data, error, refresh } = usePolled('runs', { ...filters, cursor }, 2_000, true)
  const counts = usePolled('runs/counts', {}, 10_000)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  useRowKeys()
  const set = (change: Query) => {
    setChosen(new Set())
    setQuery({ after: undefined, ...change })
  }
  const runs = data?.runs ?? []
  const shown = runs.filter(({ runId }) => chosen.has(runId)).map(({ runId }) => runId)
  const [one, other] = shown.toSorted()
  const compare = shown.length === 2 && (
    <a className="button small" href={hrefOf('compare', { one, other })}>
      Compare the two
    </a>
  )
  return (
    <>
      <div className="head">
        <h1>Runs</h1>
        <SavedViews query={query} />
      </div>
      <StatusChips counts={counts.data?.counts} query={query} set={set} />
      <Filters query={query} set={set} counts={counts.data?.counts} />
      <Stale error={data ? error : undefined} />
      {!data && error ? (
        <Failure error={error} />
      ) : (
        <>
          {may('operate') || may('administer') ? (
            <Bulk
              ids={shown}
              filters={filters}
              done={() => {
                setChosen(new Set())
                refresh()
                counts.refresh()
              }}
            >
              {compare}
            </Bulk>
          ) : (
            compare && <div className="bulk">{compare}</div>
          )}
          <Table runs={runs} isLoading={!data} chosen={chosen} choose={setChosen} />
          <nav className="pages" aria-label="Pages of runs">
            {cursor !== undefined && (
              <a href={hrefOf('runs', { ...Object.fromEntries(query), after: undefined })}>First page</a>
            )}
            {data?.cursor !== undefined && (
              <a className="button" href={hrefOf('runs', { ...Object.fromEntries(query), after: data.cursor })}>
                Next page
              </a>
            )}
          </nav>
        </>
      )}
    </>
  )
}

interface FilterProps {
  query: URLSearchParams
  set: (change: Query) => void
  counts: RunCount[] | undefined
}

function StatusChips({ counts, query, set }: FilterProps) {
  const chosen = (query.get('status') ?? '').split(',').filter(Boolean)
  const blueprint = query.get('blueprint')
  const count = (status: string) =>
    counts
      ?.filter((each) => each.status === status && (!blueprint || each.blueprintId === blueprint))
      .reduce((sum, each) => sum + each.count, 0)
  const toggle = (status: string) => {
    const next = chosen.includes(status) ? chosen.filter((each) => each !== status) : [...chosen, status]
    set({ status: next.join(',') || undefined })
  }
  return (
    <fieldset className="chips" aria-label="Status">
      {STATUSES.map((status) => (
        <button key={status} type="button" aria-pressed={chosen.includes(status)} onClick={() => toggle(status)}>
          <Status of={status} />
          <span className="count">{numberOf(count(status) ?? 0)}</span>
        </button>
      ))}
    </fieldset>
  )
}

function Filters({ query, set, counts }: FilterProps) {
  const { blueprints } = useSession()
  const ids = new Set([...blueprints, ...(counts ?? []).flatMap(({ blueprintId }) => blueprintId ?? [])])
  const chosen = query.get('blueprint') ?? ''
  if (chosen !== '') ids.add(chosen)
  return (
    <form className="filters" onSubmit={(event) => event.preventDefault()}>
      <Search
        key={query.get('prefix') ?? ''}
        name="Id begins with"
        placeholder="order-17"
        value={query.get('prefix') ?? ''}
        set={(prefix) => set({ prefix })}
        isFirst
      />
      <Search
        key={`tags ${query.get('tags') ?? ''}`}
        name="Tags"
        placeholder="customer:42, region:eu"
        value={query.get('tags') ?? ''}
        set={(tags) => set({ tags })}
      />
      <Search
        key={`waitingAt ${query.get('waitingAt') ?? ''}`}
        name="Waits at node"
        placeholder="approval"
        value={query.get('waitingAt') ?? ''}
        set={(waitingAt) => set({ waitingAt })}
      />
      <Search
        key={`error ${query.get('error') ?? ''}`}
        name="Reason contains"
        placeholder="card declined"
        value={query.get('error') ?? ''}
        set={(error) => set({ error })}
      />
      <label>
        <span>Paused</span>
        <select
          value={query.get('paused') ?? ''}
          onChange={(event) => set({ paused: event.target.value || undefined })}
        >
          <option value="">any</option>
          <option value="true">by a person</option>
          <option value="false">not paused by a person</option>
        </select>
      </label>
      <label>
        <span>Blueprint</span>
        <select value={chosen} onChange={(event) => set({ blueprint: event.target.value || undefined })}>
          <option value="">any</option>
          {[...ids].sort().map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Last changed</span>
        <select value={query.get('age') ?? ''} onChange={(event) => set({ age: event.target.value || undefined })}>
          {AGES.map(([age, words]) => (
            <option key={age} value={age}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Order</span>
        <select value={query.get('order') ?? ''} onChange={(event) => set({ order: event.target.value || undefined })}>
          <option value="">newest ids first</option>
          <option value="asc">oldest ids first</option>
        </select>
      </label>
      {query.size > 0 && (
        <a className="reset" href={hrefOf('runs')}>
          Reset
        </a>
      )}
    </form>
  )
}

interface SearchProps {
  name: string
  placeholder: string
  value: string
  set: (text: string | undefined) => void
  /** The one that a key leads to. */
  isFirst?: boolean
}

/** Searches once the letters have come to rest. */
function Search({ name, placeholder, value, set, isFirst }: SearchProps) {
  const [text, setText] = useState(value)
  const search = () => text !== value && set(text.trim() || undefined)
  return (
    <label className="search">
      <span>{name}</span>
      <input
        type="search"
        data-search={isFirst}
        value={text}
        spellCheck={false}
        autoComplete="off"
        placeholder={placeholder}
        onChange={(event) => setText(event.target.value)}
        onBlur={search}
        onKeyDown={(event) => {
          if (event.key === 'Enter') search()
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
    </label>
  )
}

interface TableProps {
  runs: Summary[]
  isLoading: boolean
  chosen: ReadonlySet<string>
  choose: (chosen: ReadonlySet<string>) => void
}

function Table({ runs, isLoading, chosen, choose }: TableProps) {
  const isAll = runs.length > 0 && runs.every(({ runId }) => chosen.has(runId))
  const toggle = (runId: string) => {
    const next = new Set(chosen)
    if (!next.delete(runId)) next.add(runId)
    choose(next)
  }
  if (isLoading) return <p className="empty">Loading …</p>
  if (runs.length === 0) return <p className="empty">No run matches.</p>
  return (
    <table className="rows">
      <Columns names={['Run', 'Status', 'Blueprint', 'Last changed', 'Started']}>
        <th className="pick">
          <input
            type="checkbox"
            aria-label="Choose all of this page"
            checked={isAll}
            onChange={() => choose(isAll ? new Set() : new Set(runs.map(({ runId }) => runId)))}
          />
        </th>
      </Columns>
      <tbody>
        {runs.map(({ runId, status, blueprintId, updatedAt, createdAt, tags }) => (
          <tr key={runId} data-row data-chosen={chosen.has(runId)}>
            <td className="pick">
              <input
                type="checkbox"
                aria-label={`Choose ${runId}`}
                checked={chosen.has(runId)}
                onChange={() => toggle(runId)}
              />
            </td>
            <td className="id">
              <a href={runHref(runId)} data-open>
                {runId}
              </a>
              <Tags of={tags} />
            </td>
            <td>
              <Status of={status} />
            </td>
            <td className="name">{blueprintId ?? <span className="dim">–</span>}</td>
            <td className="when">
              <Moment at={updatedAt} />
            </td>
            <td className="when started">
              <Moment at={createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
