/** Where in the page one is: it stands behind the `#` of the address, so that any prefix may stand before it. */
import { useCallback, useSyncExternalStore } from 'react'

export interface Route {
  /** The page: `runs`, `run`, … */
  readonly page: string
  readonly query: URLSearchParams
}

function subscribe(changed: () => void): () => void {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return routeOf(hash)
}

export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { page: path === '' ? 'overview' : path, query: new URLSearchParams(query) }
}

export type Query = Record<string, string | undefined>

/** The address of a page. */
export function hrefOf(page: string, query: Query = {}): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  )
  const text = new URLSearchParams(given).toString()
  return `#/${page}${text === '' ? '' : `?${text}`}`
}

/** Runs with these tags; a comma in one of them is none between two. */
export function taggedHref(tags: readonly string[]): string {
  const isPlain = tags.every((tag) => !tag.includes(',') && !tag.startsWith('[') && tag.trim() === tag)
  return hrefOf('runs', { tags: isPlain ? tags.join() : JSON.stringify(tags) })
}

export const runHref = (id: string) => hrefOf('run', { id })

export function go(href: string): void {
  window.location.hash = href
}

/** Changes parts of the address; `replace` leaves no step to go back to. */
export function useQuery(): [URLSearchParams, (change: Query, replace?: boolean) => void] {
  const { page, query } = useRoute()
  const set = useCallback(
    (change: Query, replace = false) => {
      const href = hrefOf(page, { ...Object.fromEntries(query), ...change })
      if (!replace) return go(href)
      window.history.replaceState(null, '', href)
      window.dispatchEvent(new HashChangeEvent('hashchange'))
    },
    [page, query],
  )
  return [query, set]
}
