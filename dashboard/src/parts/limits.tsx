/** How limits by key stand: those that jobs wait for first. */
import { lengthOf, numberOf } from '../format.js'
import { usePolled } from '../polled.js'
import { Columns, Moment, Scroll } from './basics.js'

/** So many are shown. */
const SHOWN = 20

export function Limits() {
  const { data } = usePolled('limits', {}, 5_000)
  if (!data || data.limits.length === 0) return undefined
  const sorted = [...data.limits].sort((one, other) => other.waiting - one.waiting || other.inUse - one.inUse)
  return (
    <section className="card">
      <h2>Limits</h2>
      <Scroll label="Limits by key">
        <table className="rows numbers">
          <Columns names={['Limit', 'in use', 'started', 'waiting', 'paused until']} />
          <tbody>
            {sorted.slice(0, SHOWN).map(({ key, inUse, concurrency, rate, waiting, pausedUntil }) => (
              <tr key={key}>
                <th scope="row" className="name">
                  {key}
                </th>
                <td>
                  {concurrency === undefined ? numberOf(inUse) : `${numberOf(inUse)} of ${numberOf(concurrency)}`}
                </td>
                <td>{rate ? `${numberOf(rate.used)} of ${numberOf(rate.count)} in ${lengthOf(rate.perMs)}` : '–'}</td>
                <td data-status={waiting > 0 ? 'awaiting' : undefined}>{numberOf(waiting)}</td>
                <td>{pausedUntil ? <Moment at={pausedUntil} /> : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {sorted.length > SHOWN && <p className="dim">{numberOf(sorted.length - SHOWN)} more are not shown.</p>}
    </section>
  )
}
