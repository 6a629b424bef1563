/** How many runs ended when: bars of completed, failed and cancelled ones, for the last hour, day, week or month. */
import { useState } from 'react'
import type { Json, Span, Throughput as Told } from '../api.js'
import { numberOf } from '../format.js'
import { usePolled } from '../polled.js'
import { Failure, Status } from './basics.js'
import { type Bar, barsOf, ENDS, namesOf, totalOf } from './throughput-model.js'

const SPANS: Record<Span, string> = { hour: 'Last hour', day: 'Last day', week: 'Last week', month: 'Last 30 days' }

const HEIGHT = 72

export function Throughput() {
  const [span, setSpan] = useState<Span>('hour')
  const [by, setBy] = useState('blueprint')
  const [chosen, setChosen] = useState('')
  const told = usePolled('runs/throughput', { span, by }, 15_000)
  const names = told.data ? namesOf(told.data) : []
  const name = names.includes(chosen) ? chosen : undefined
  return (
    <section className="card">
      <div className="head">
        <h2>Runs that ended</h2>
        <span className="filters">
          <select aria-label="Time" value={span} onChange={({ target }) => setSpan(target.value as Span)}>
            {Object.entries(SPANS).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
          <select aria-label="By" value={by} onChange={({ target }) => setBy(target.value)}>
            <option value="blueprint">by blueprint</option>
            <option value="queue">by queue</option>
          </select>
          {names.length > 1 && (
            <select
              aria-label={by === 'queue' ? 'Queue' : 'Blueprint'}
              value={name ?? ''}
              onChange={({ target }) => setChosen(target.value)}
            >
              <option value="">All {by}s</option>
              {names.map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          )}
        </span>
      </div>
      {!told.data && told.error && <Failure error={told.error} />}
      {told.data && <Bars told={told.data} name={name} title={SPANS[span]} />}
    </section>
  )
}

function Bars({ told, name, title }: { told: Json<Told>; name: string | undefined; title: string }) {
  const bars = barsOf(told, name)
  const highest = Math.max(1, ...bars.map(({ sum }) => sum))
  const totals = ENDS.map((end) => [end, totalOf(bars, end)] as const)
  const said = totals.map(([end, total]) => `${numberOf(total)} ${end}`).join(', ')
  return (
    <>
      <svg
        className="throughput"
        role="img"
        aria-label={`${title}: ${said}; at most ${numberOf(highest)} in a step`}
        viewBox={`0 0 ${bars.length} ${HEIGHT}`}
        preserveAspectRatio="none"
      >
        {bars.map((bar, at) => (
          <Steps key={bar.from} bar={bar} at={at} highest={highest} />
        ))}
      </svg>
      <p className="between dim">
        <time>{momentOf(bars[0], told.withinMs)}</time>
        <span>at most {numberOf(highest)} in a step</span>
        <time>now</time>
      </p>
      <p className="legend">
        {totals.map(([end, total]) => (
          <span key={end}>
            <Status of={end} /> {numberOf(total)}
          </span>
        ))}
      </p>
    </>
  )
}

function Steps({ bar: { from, counts, sum }, at, highest }: { bar: Bar; at: number; highest: number }) {
  let top = HEIGHT
  const parts = ENDS.filter((end) => counts[end] > 0).map((end) => {
    // A single run among thousands is to be seen, too.
    const height = Math.max(1, (counts[end] / highest) * HEIGHT)
    top -= height
    return <rect key={end} data-status={end} x={at + 0.1} width={0.8} y={Math.max(0, top)} height={height} />
  })
  if (sum === 0) return null
  const said = ENDS.map((end) => `${numberOf(counts[end])} ${end}`).join(', ')
  return (
    <g>
      <title>{`${new Date(from).toLocaleString()}: ${said}`}</title>
      {parts}
    </g>
  )
}

function momentOf(first: Bar | undefined, withinMs: number): string {
  if (!first) return ''
  const date = new Date(first.from)
  return withinMs > 24 * 3_600_000 ? date.toLocaleDateString() : date.toLocaleTimeString([], { timeStyle: 'short' })
}
