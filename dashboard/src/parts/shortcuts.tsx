/** Keys that work everywhere, and the page that says them. */
import { useEffect, useRef } from 'react'
import { PAGES } from '../app.js'
import { go, hrefOf } from '../route.js'
import { Dialog } from './basics.js'

/** How long after `g` a page may be named, in milliseconds. */
const AFTER_G = 1_200

const KEYS: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'find a page, a run or a blueprint'],
  ['/', 'search'],
  ['j  k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['x', 'choose the row'],
  ['g o · g r · g a · g s · g d', 'go to Overview, Runs, Approvals, Schedules, Dead letters'],
  ['?', 'these keys'],
]

/** Whether somebody is writing: letters are letters then. */
export function isWriting(target: EventTarget | null): boolean {
  // In a box to check there is nothing to write.
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox'
  return target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName))
}

export function useShortcuts({ palette, help }: { palette: () => void; help: () => void }): void {
  const g = useRef(0)
  const acts = useRef({ palette, help })
  acts.current = { palette, help }
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { key } = event
      if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'k') {
        event.preventDefault()
        acts.current.palette()
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
      if (document.querySelector('dialog[open]')) return
      const page = performance.now() - g.current < AFTER_G ? PAGES.find((each) => each.key === key) : undefined
      g.current = key === 'g' ? performance.now() : 0
      if (page) go(hrefOf(page.page))
      else if (key === '?') acts.current.help()
      else if (key === '/') {
        const search = document.querySelector<HTMLInputElement>('[data-search]')
        if (!search) return
        event.preventDefault()
        search.focus()
        search.select()
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}

/** j and k go through rows, Enter opens one, x chooses one. */
export function useRowKeys(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
      if (document.querySelector('dialog[open]')) return
      const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
      const at = rows.findIndex((row) => row.contains(document.activeElement))
      if (event.key === 'j' || event.key === 'k') {
        const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + (event.key === 'j' ? 1 : -1)))]
        next?.querySelector<HTMLElement>('[data-open]')?.focus()
        next?.scrollIntoView({ block: 'nearest' })
      } else if (event.key === 'x' && at >= 0) {
        rows[at]?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click()
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}

export function KeyHelp({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl className="keys">
        {KEYS.map(([keys, words]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
