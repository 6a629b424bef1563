/** Two runs side by side: what they are, their nodes, and the keys in which their contexts differ. */
import { useEffect, useState } from 'react'
import type { Compared, Params } from '../api.js'
import { ContextDifferences } from '../compare/context.js'
import { Different, PairHead } from '../compare/mark.js'
import { ComparedNodes } from '../compare/nodes.js'
import { exactLengthOf } from '../format.js'
import { Failure, Moment, Stale, Status } from '../parts/basics.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { usePolled } from '../polled.js'
import { hrefOf, useQuery } from '../route.js'

export default function ComparePage() {
  const [query, setQuery] = useQuery()
  const [one, other] = [query.get('one') ?? '', query.get('other') ?? '']
  const isAsked = one === '' && other !== ''
  const proposed = usePolled('run/comparable', isAsked ? { id: other } : undefined, 0)
  const found = isAsked ? proposed.data?.runId : undefined
  useEffect(() => {
    if (found !== undefined) setQuery({ one: found }, true)
  }, [found, setQuery])
  return (
    <>
      <div className="head">
        <h1>Compare two runs</h1>
      </div>
      <Choice key={`${one}\n${other}`} one={one} other={other} />
      {one !== '' && other !== '' ? (
        <Comparison key={`${one}\n${other}`} one={one} other={other} />
      ) : proposed.error ? (
        <Failure error={proposed.error} />
      ) : (
        <p className="empty">
          {!isAsked
            ? 'Which two runs?'
            : proposed.data
              ? 'No run before it is known of its blueprint: name the one to compare it with.'
              : 'Loading …'}
        </p>
      )}
    </>
  )
}

function Choice({ one, other }: { one: string; other: string }) {
  const [, setQuery] = useQuery()
  const [first, setFirst] = useState(one)
  const [second, setSecond] = useState(other)
  return (
    <form
      className="filters"
      aria-label="The two runs"
      onSubmit={(event) => {
        event.preventDefault()
        setQuery({ one: first.trim(), other: second.trim() })
      }}
    >
      <IdField label="Run" value={first} set={setFirst} />
      <IdField label="Compared with it" value={second} set={setSecond} />
      <button type="submit">Compare</button>
      {one !== '' && other !== '' && (
        <a className="button" href={hrefOf('compare', { one: other, other: one })}>
          Swap
        </a>
      )}
    </form>
  )
}

function IdField({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  return (
    <label className="search">
      <span>{label}</span>
      <input
        value={value}
        spellCheck={false}
        autoComplete="off"
        placeholder="the id of a run"
        onChange={(event) => set(event.target.value)}
      />
    </label>
  )
}

function Comparison({ one, other }: { one: string; other: string }) {
  const [isOver, setOver] = useState(false)
  const [isShort, setShort] = useState(false)
  const pair: Params = { one, other }
  const { data, error } = usePolled('runs/compare', pair, isOver ? 15_000 : 2_000)
  useRowKeys()
  const over = data !== undefined && [data.one, data.other].every(hasEnded)
  if (over !== isOver) setOver(over)
  if (!data) return error ? <Failure error={error} /> : <p className="empty">Loading …</p>
  return (
    <>
      <Stale error={error} />
      <label className="check">
        <input type="checkbox" checked={isShort} onChange={() => setShort(!isShort)} /> Only differences
      </label>
      <section aria-label="The runs">
        <Facts one={data.one} other={data.other} isShort={isShort} />
      </section>
      <ComparedNodes nodes={data.nodes} one={one} other={other} isShort={isShort} />
      <ContextDifferences one={one} other={other} turn={`${data.one.status} ${data.other.status}`} />
    </>
  )
}

function hasEnded({ status }: Compared['one']): boolean {
  return status !== 'running' && status !== 'awaiting'
}

/** A line about the two runs; `text` is what tells them apart, absent where they always differ. */
interface Fact {
  name: string
  text?: (run: Compared['one']) => string
  shown: (run: Compared['one']) => React.ReactNode
}

const FACTS: readonly Fact[] = [
  { name: 'Status', text: ({ status }) => status, shown: ({ status }) => <Status of={status} /> },
  { name: 'Reason', text: ({ reason = '' }) => reason, shown: ({ reason }) => reason ?? '–' },
  {
    name: 'Blueprint',
    text: ({ blueprintId = '' }) => blueprintId,
    shown: ({ blueprintId }) =>
      blueprintId === undefined ? '–' : <a href={hrefOf('runs', { blueprint: blueprintId })}>{blueprintId}</a>,
  },
  { name: 'Version', text: ({ version }) => String(version ?? ''), shown: ({ version }) => version ?? '–' },
  { name: 'Tags', text: ({ tags = [] }) => JSON.stringify(tags), shown: ({ tags = [] }) => tags.join(', ') || '–' },
  { name: 'Started', shown: ({ createdAt }) => <Moment at={createdAt} /> },
  { name: 'Took', shown: ({ took }) => (took === undefined ? '–' : exactLengthOf(took)) },
]

function Facts({ one, other, isShort }: { one: Compared['one']; other: Compared['one']; isShort: boolean }) {
  const differs = ({ text }: Fact) => text !== undefined && text(one) !== text(other)
  return (
    <table className="rows compared">
      <caption className="offscreen">What the two runs are</caption>
      <PairHead first="Run" one={one.runId} other={other.runId} />
      <tbody>
        {FACTS.filter((fact) => !isShort || differs(fact)).map((fact) => (
          <tr key={fact.name} data-different={differs(fact)}>
            <th scope="row">
              {fact.name} <Different is={differs(fact)} />
            </th>
            <td>{fact.shown(one)}</td>
            <td>{fact.shown(other)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
