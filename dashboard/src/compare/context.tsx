/** The keys in which two contexts differ. Large values are asked for when they are opened. */
import { useState } from 'react'
import type { Reads, ValueView } from '../api.js'
import { counted } from '../format.js'
import { Failure, Stale } from '../parts/basics.js'
import { isOurs, Tree } from '../parts/tree.js'
import { usePolled } from '../polled.js'
import { type Pair, PairHead } from './mark.js'

type Difference = Reads['runs/compare-contexts']['differences'][number]

const SIGNS = { added: '+', removed: '−', changed: '≠' } as const

interface Props extends Pair {
  /** What changes when the contexts may have changed for good: they are read whole, and not again and again. */
  turn: string
}

export function ContextDifferences({ one, other, turn }: Props) {
  const [from, setFrom] = useState(0)
  return (
    <section aria-labelledby="context">
      <h2 id="context">Context</h2>
      <Page key={`${turn} ${from}`} one={one} other={other} from={from} go={setFrom} />
    </section>
  )
}

interface PageProps extends Pair {
  from: number
  go: (from: number) => void
}

function Page({ one, other, from, go }: PageProps) {
  const { data, error, refresh } = usePolled('runs/compare-contexts', { one, other, from }, 0)
  if (!data) return error ? <Failure error={error} /> : <p className="empty">Loading …</p>
  const { differences, total, same, hidden, next } = data
  const sorted = differences.toSorted((a, b) => Number(isOurs(a.key)) - Number(isOurs(b.key)))
  return (
    <>
      <Stale error={error} />
      <p className="dim">
        {total === 0 ? 'No key differs' : `${counted(total, 'key')} ${total === 1 ? 'differs' : 'differ'}`},{' '}
        {counted(same, 'key')} {same === 1 ? 'is' : 'are'} the same. What the engine keeps for itself is left out.{' '}
        {hidden > 0 && `${counted(hidden, 'key')} ${hidden === 1 ? 'is' : 'are'} encrypted, and not compared. `}
        <button type="button" className="small" onClick={refresh}>
          Read again
        </button>
      </p>
      {sorted.length > 0 && (
        <table className="rows compared">
          <caption className="offscreen">The keys in which the contexts differ</caption>
          <PairHead first="Key" one={one} other={other} />
          <tbody>
            {sorted.map((difference) => (
              <Row key={difference.key} difference={difference} one={one} other={other} />
            ))}
          </tbody>
        </table>
      )}
      <nav className="pages" aria-label="Pages of keys">
        {from > 0 && (
          <button type="button" onClick={() => go(0)}>
            First keys
          </button>
        )}
        {next !== undefined && (
          <button type="button" onClick={() => go(next)}>
            Next of {counted(total, 'key')}
          </button>
        )}
      </nav>
    </>
  )
}

function Row({ difference, one, other }: Pair & { difference: Difference }) {
  const { key, change } = difference
  return (
    <tr data-different="true" data-change={change}>
      <th scope="row" className="id">
        {key}{' '}
        <span className="change">
          <span aria-hidden="true">{SIGNS[change]}</span> {change}
        </span>
      </th>
      <Value view={difference.one} name={key} runId={one} />
      <Value view={difference.other} name={key} runId={other} />
    </tr>
  )
}

function Value({ view, name, runId }: { view: ValueView | undefined; name: string; runId: string }) {
  return <td>{view ? <Tree view={view} path={[name]} runId={runId} /> : <span className="dim">not there</span>}</td>
}
