/** The schedules that are due next, and those that pause. */
import type { Schedule } from '../api.js'
import { usePolled } from '../polled.js'
import { hrefOf } from '../route.js'
import { Columns, Moment, Scroll, Status } from './basics.js'

/** How many of either are shown. */
const SHOWN = 5

export function Due() {
  const { data } = usePolled('schedules', {}, 10_000)
  if (!data || data.schedules.length === 0) return undefined
  const shown = dueNext(data.schedules)
  return (
    <section className="card">
      <h2>Schedules</h2>
      <Scroll label="Schedules that are due next">
        <table className="rows">
          <Columns names={['Schedule', 'State', 'Blueprint', 'Next']} />
          <tbody>
            {shown.map(({ scheduleId, state, blueprintId, next }) => (
              <tr key={scheduleId}>
                <td className="id">{scheduleId}</td>
                <td>
                  <Status of={state} />
                </td>
                <td className="name">{blueprintId}</td>
                <td className="when">{state === 'active' ? <Moment at={next} /> : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p>
        <a href={hrefOf('schedules')}>
          {data.cursor === undefined ? `All ${data.schedules.length} schedules` : 'All schedules'}
        </a>
      </p>
    </section>
  )
}

/** Those that are due next, the soonest first, and behind them those that pause. */
export function dueNext(schedules: readonly Schedule[]): Schedule[] {
  const active = schedules.filter(({ state, next }) => state === 'active' && next !== undefined)
  const paused = schedules.filter(({ state }) => state === 'paused')
  const soonest = active.sort((one, other) => Date.parse(one.next ?? '') - Date.parse(other.next ?? ''))
  return [...soonest.slice(0, SHOWN), ...paused.slice(0, SHOWN)]
}
