/** Filters that somebody wants again, kept in their browser. */
import { useState } from 'react'
import { go } from '../route.js'

const KEY = 'flowcraft-views'
type Views = Record<string, string>

function stored(): Views {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    if (typeof read !== 'object' || read === null) return {}
    return Object.fromEntries(Object.entries(read).filter(([, query]) => typeof query === 'string'))
  } catch {
    return {}
  }
}

export function SavedViews({ query }: { query: URLSearchParams }) {
  const [views, setViews] = useState(stored)
  const own = new URLSearchParams(query)
  own.delete('after')
  const present = own.toString()
  const name = Object.keys(views).find((each) => views[each] === present)
  const keep = (next: Views) => {
    setViews(next)
    try {
      localStorage.setItem(KEY, JSON.stringify(next))
    } catch {
      // A browser that keeps nothing.
    }
  }
  const save = () => {
    const given = window.prompt('A name for these filters')?.trim()
    if (given) keep({ ...views, [given]: present })
  }
  return (
    <div className="views">
      {Object.keys(views).length > 0 && (
        <select
          aria-label="Saved views"
          value={name ?? ''}
          onChange={(event) => go(`#/runs?${views[event.target.value] ?? ''}`)}
        >
          <option value="">Saved views</option>
          {Object.keys(views)
            .sort()
            .map((each) => (
              <option key={each}>{each}</option>
            ))}
        </select>
      )}
      {name !== undefined && (
        <button
          type="button"
          className="quiet"
          onClick={() => keep(Object.fromEntries(Object.entries(views).filter(([each]) => each !== name)))}
        >
          Forget view
        </button>
      )}
      {name === undefined && present !== '' && (
        <button type="button" className="quiet" onClick={save}>
          Save view
        </button>
      )}
    </div>
  )
}
