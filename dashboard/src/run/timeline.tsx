/** A run over time: a bar for each node, with what it waited set apart from what it was executed. */
import { memo, useCallback, useMemo, useState } from 'react'
import type { Run } from '../api.js'
import { counted, exactLengthOf, useNow } from '../format.js'
import { Icon, ROWS_AT_FIRST, ShowMore, Status } from '../parts/basics.js'
import { type Row, type SpanKind, ticksOf, timelineOf, tookOf, wordsOf } from './timeline-model.js'

/** So many marks at most, on a screen and on a phone. */
const TICKS = [6, 3] as const

const LEGEND: readonly [SpanKind, string][] = [
  ['queued', 'in the queue'],
  ['due', 'due: in the queue, or being executed'],
  ['executed', 'executed'],
  ['awaited', 'awaited'],
  ['inside', 'what is inside ran'],
]

interface Props {
  run: Run
  chosen: string | undefined
  choose: (id: string) => void
}

export function Timeline({ run, chosen, choose }: Props) {
  const isOver = run.status !== 'running' && run.status !== 'awaiting'
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set())
  const [most, setMost] = useState(ROWS_AT_FIRST)
  const present = useNow()
  const now = isOver ? 0 : present
  const { rows, from, to, unknown } = useMemo(() => timelineOf(run, turned, now), [run, turned, now])
  const turn = useCallback((id: string) => {
    setTurned((before) => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  }, [])
  if (rows.length === 0) return <p className="empty">No node was reached yet.</p>
  const shown = rows.slice(0, most)
  return (
    <>
      <Legend />
      {unknown > 0 && (
        <p className="dim">
          Of {counted(unknown, 'node')} no time is known: workers of version 2.0.0 or before executed what is not drawn.
        </p>
      )}
      <table className="timeline">
        <caption className="offscreen">The nodes of the run in the order in which they became due</caption>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col" className="axis">
              <span className="offscreen">Over time</span>
              <Axis length={to - from} />
            </th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <TimelineRow
              key={row.id}
              row={row}
              from={from}
              to={to}
              isChosen={row.id === chosen}
              choose={choose}
              turn={turn}
            />
          ))}
        </tbody>
      </table>
      <ShowMore shown={most} of={rows.length} one="row" set={setMost} />
    </>
  )
}

function Legend() {
  return (
    <ul className="legend" aria-label="What the bars say">
      {LEGEND.map(([kind, words]) => (
        <li key={kind}>
          <span className="span sample" data-kind={kind} aria-hidden="true" />
          {words}
        </li>
      ))}
      <li>
        <span className="tried sample" aria-hidden="true" />
        an attempt that failed
      </li>
    </ul>
  )
}

function Axis({ length }: { length: number }) {
  return (
    <span className="ticks" aria-hidden="true">
      {ticksOf(length, window.innerWidth > 720 ? TICKS[0] : TICKS[1]).map((at) => (
        <span key={at} style={{ left: `${(at / length) * 100}%` }}>
          {at === 0 ? '0' : `+${exactLengthOf(at)}`}
        </span>
      ))}
    </span>
  )
}

interface RowProps {
  row: Row
  from: number
  to: number
  isChosen: boolean
  choose: (id: string) => void
  turn: (id: string) => void
}

const TimelineRow = memo(function TimelineRow({ row, from, to, isChosen, choose, turn }: RowProps) {
  const { id, title, depth, state, node, spans, failed, group } = row
  const took = tookOf(row)
  const place = (moment: number) => ((moment - from) / (to - from)) * 100
  return (
    <tr data-row data-chosen={isChosen}>
      <th scope="row" style={{ paddingInlineStart: `${Math.min(depth, 6) * 16}px` }}>
        {!group && <span className="noFold" aria-hidden="true" />}
        {group && (
          <button
            type="button"
            className="fold"
            aria-expanded={!group.isFolded}
            aria-label={`${group.isFolded ? 'Unfold' : 'Fold'} ${title}: ${group.count} inside`}
            onClick={() => turn(id)}
          >
            <Icon name="chevron" />
          </button>
        )}
        {node ? (
          <button type="button" className="link" data-open title={id} onClick={() => choose(id)}>
            {title}
          </button>
        ) : (
          <span title={id}>{title}</span>
        )}
      </th>
      <td>
        <div className="lane" data-status={state} aria-hidden="true">
          {spans.map(({ kind, from: begun, to: ended }) => (
            <span
              key={`${kind} ${begun}`}
              className="span"
              data-kind={kind}
              style={{ left: `${place(begun)}%`, width: `${place(ended) - place(begun)}%` }}
            />
          ))}
          {failed.map((moment) => (
            <span key={moment} className="tried" style={{ left: `${place(moment)}%` }} />
          ))}
        </div>
        <span className="offscreen">{wordsOf(row, from)}</span>
      </td>
      <td className="took">
        {took === undefined ? '–' : exactLengthOf(took)} <Status of={state} />
      </td>
    </tr>
  )
})
