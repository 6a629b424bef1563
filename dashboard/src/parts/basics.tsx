/** Small parts that every page uses. */
import { type ReactNode, useEffect, useId, useRef } from 'react'
import type { ApiError } from '../api.js'
import { ago, clock, copy, counted, lengthOf, useNow } from '../format.js'
import { usePolled } from '../polled.js'
import { taggedHref } from '../route.js'
import { toast } from './toasts.js'

const PATHS = {
  gauge: 'M3 12a9 9 0 1 1 18 0M12 12l4-4M5 18h14',
  list: 'M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01',
  hand: 'M9 11V5.5a1.5 1.5 0 0 1 3 0V11m0-5.5V4.5a1.5 1.5 0 0 1 3 0V11m0-4a1.5 1.5 0 0 1 3 0v7a7 7 0 0 1-7 7 7 7 0 0 1-6-3.5L3.5 14a1.6 1.6 0 0 1 2.6-1.8L9 15V7.5',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2',
  letter: 'M3 6.5h18v12H3zM3 7l9 6 9-6',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  chevron: 'M9 6l6 6-6 6',
  close: 'M6 6l12 12M18 6L6 18',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
} as const
export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

const MARKS: Record<string, string> = {
  running: '▶',
  due: '▶',
  awaiting: '❚❚',
  completed: '✓',
  done: '✓',
  failed: '✕',
  cancelled: '⊘',
  idle: '·',
  active: '▶',
  paused: '❚❚',
  ended: '✓',
}

/** A status of a run, or a state of a node or a schedule: its mark says it as well as its colour. */
export function Status({ of = '?' }: { of?: string | undefined }) {
  return (
    <span className="status" data-status={of}>
      <span aria-hidden="true">{MARKS[of] ?? '?'}</span>
      {of}
    </span>
  )
}

/** The tags of a run, each of which leads to all that have it. */
export function Tags({ of = [] }: { of?: readonly string[] | undefined }) {
  if (of.length === 0) return null
  return (
    <span className="tags">
      {of.map((tag) => (
        <a key={tag} className="tag" href={taggedHref([tag])} title={`Runs tagged ${tag}`}>
          {tag}
        </a>
      ))}
    </span>
  )
}

/** A moment, as how long ago it was; exactly, on a look. */
export function Moment({ at, fallback = '–' }: { at: string | number | undefined; fallback?: string }) {
  const now = useNow()
  if (at === undefined) return <span className="dim">{fallback}</span>
  const date = new Date(at)
  const passed = now - date.getTime()
  return (
    <time dateTime={date.toISOString()} title={`${clock(at)} (${date.toISOString()})`}>
      {passed < -1_000 ? `in ${lengthOf(-passed)}` : ago(passed)}
    </time>
  )
}

export function Copy({ text, what }: { text: string; what: string }) {
  const run = async () => {
    const isCopied = await copy(text)
    toast(isCopied ? `Copied ${what}` : `Your browser does not let ${what} be copied`, !isCopied)
  }
  return <IconButton icon="copy" label={`Copy ${what}`} act={run} />
}

/** A button that is a picture: its words are for those who hear it, and for a look. */
export function IconButton({ icon, label, act }: { icon: IconName; label: string; act: () => void }) {
  return (
    <button type="button" className="tiny" onClick={act} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  )
}

/** So many rows of a long table at first, and so many more with each press of `ShowMore`. */
export const [ROWS_AT_FIRST, MORE_ROWS] = [200, 1_000]

/** What leads to the rest of a long table; nothing where all of it is shown. */
export function ShowMore({
  shown,
  of,
  one,
  set,
}: {
  shown: number
  of: number
  one: string
  set: (shown: number) => void
}) {
  if (of <= shown) return null
  return (
    <button type="button" onClick={() => set(shown + MORE_ROWS)}>
      Show more of {counted(of, one)}
    </button>
  )
}

/** The head of a table: its columns, after what stands before them. */
export function Columns({ names, children }: { names: readonly string[]; children?: ReactNode }) {
  return (
    <thead>
      <tr>
        {children}
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  )
}

export function Dialog({
  title,
  close,
  children,
  isWide = false,
}: {
  title: string
  close: () => void
  children: ReactNode
  isWide?: boolean
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    // What is asked for comes first, not the button that closes.
    element?.querySelector<HTMLElement>('input, select, textarea')?.focus()
    return () => element?.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      className={isWide ? 'wide' : undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div className="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label="Close" act={close} />
        </header>
        {children}
      </div>
    </dialog>
  )
}

/** What may be wider or higher than its place: keys can scroll it too. */
export function Scroll({
  label,
  className = 'scroll',
  children,
}: {
  label: string
  className?: string
  children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll only what has the focus
    <section className={className} aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}

/** Why a page shows nothing: what went wrong, and how each server answers. */
export function Failure({ error }: { error: ApiError }) {
  const isServer = error.status === 503
  const health = usePolled('health', isServer ? {} : undefined, 3_000)
  return (
    <section className="failure" role="alert">
      <h2>
        <Icon name="warning" /> {isServer ? 'A server does not answer' : 'This cannot be shown'}
      </h2>
      <p>{error.message}</p>
      <p className="dim">
        <code>{error.code}</code>
        {isServer && ' · This page asks again by itself. flowcraft-rabbitmq doctor says what to do.'}
      </p>
      {health.data && (
        <ul className="servers">
          {health.data.servers.map(({ server, isUp, took, message }) => (
            <li key={server} data-status={isUp ? 'completed' : 'failed'}>
              <strong>{server}</strong>
              <span>{isUp ? `answers in ${took} ms` : message}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** What was shown before stays, with a line that says it is old. */
export function Stale({ error }: { error: ApiError | undefined }) {
  if (!error) return null
  return (
    <p className="stale" role="status">
      <Icon name="warning" /> {error.message}. What is shown is what was known before.
    </p>
  )
}
