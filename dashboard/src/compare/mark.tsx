/** What every table of a comparison has: the two runs as columns, and the mark of a difference. */
import { runHref } from '../route.js'

export interface Pair {
  one: string
  other: string
}

export function PairHead({ first, one, other }: Pair & { first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        <th scope="col" className="id">
          <a href={runHref(one)}>{one}</a>
        </th>
        <th scope="col" className="id">
          <a href={runHref(other)}>{other}</a>
        </th>
      </tr>
    </thead>
  )
}

/** A sign that is seen, and a word that is heard. */
export function Different({ is }: { is: boolean }) {
  if (!is) return null
  return (
    <span className="different" title="differs">
      <span aria-hidden="true">≠</span>
      <span className="offscreen">differs</span>
    </span>
  )
}
