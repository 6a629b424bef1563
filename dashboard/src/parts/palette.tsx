/** Find and do: pages, blueprints, a run by its id. */
import { useMemo, useState } from 'react'
import { PAGES } from '../app.js'
import { go, hrefOf, runHref } from '../route.js'
import { useSession } from '../session.js'
import { toggleTheme } from '../theme.js'
import { Dialog } from './basics.js'

interface Entry {
  title: string
  kind: string
  act: () => void
}

const STATUSES = ['running', 'awaiting', 'failed', 'completed', 'cancelled']

export function Palette({ close }: { close: () => void }) {
  const { blueprints } = useSession()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const all = useMemo<Entry[]>(
    () => [
      ...PAGES.map(({ page, title }) => ({ title, kind: 'Page', act: () => go(hrefOf(page)) })),
      ...STATUSES.map((status) => ({
        title: `Runs that are ${status}`,
        kind: 'Runs',
        act: () => go(hrefOf('runs', { status })),
      })),
      ...blueprints.map((id) => ({ title: id, kind: 'Blueprint', act: () => go(hrefOf('runs', { blueprint: id })) })),
      { title: 'Dark or light', kind: 'Look', act: toggleTheme },
    ],
    [blueprints],
  )
  const wanted = text.trim()
  const found = [
    ...all.filter(({ title }) => title.toLowerCase().includes(wanted.toLowerCase())),
    ...(wanted === ''
      ? []
      : [
          { title: wanted, kind: 'Open the run', act: () => go(runHref(wanted)) },
          { title: `${wanted}…`, kind: 'Runs whose ids begin so', act: () => go(hrefOf('runs', { prefix: wanted })) },
        ]),
  ].slice(0, 40)
  const choose = (entry: Entry | undefined) => {
    if (!entry) return
    close()
    entry.act()
  }
  const press = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined) {
      event.preventDefault()
      setAt((at + step + found.length) % Math.max(1, found.length))
    } else if (event.key === 'Enter') {
      event.preventDefault()
      choose(found[at])
    }
  }
  return (
    <Dialog title="Find and do" close={close}>
      <input
        className="wideInput"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette"
        aria-activedescendant={found.length > 0 ? `palette-${at}` : undefined}
        aria-label="A page, a blueprint, or the id of a run"
        placeholder="A page, a blueprint, or the id of a run"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={press}
      />
      <div id="palette" className="palette" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the input's
          <div
            key={`${entry.kind} ${entry.title}`}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            onClick={() => choose(entry)}
          >
            <span>{entry.title}</span>
            <span className="dim">{entry.kind}</span>
          </div>
        ))}
      </div>
    </Dialog>
  )
}
