/** The frame of every page: where one can go, who one is, what was just done. */
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { Approvals } from './pages/approvals.js'
import { DeadLetters } from './pages/dead.js'
import { Overview } from './pages/overview.js'
import { Runs } from './pages/runs.js'
import { SchedulesPage } from './pages/schedules.js'
import { Failure, Icon, type IconName } from './parts/basics.js'
import { Palette } from './parts/palette.js'
import { KeyHelp, useShortcuts } from './parts/shortcuts.js'
import { Toasts } from './parts/toasts.js'
import { usePolled } from './polled.js'
import { hrefOf, useRoute } from './route.js'
import { SessionContext } from './session.js'
import { toggleTheme } from './theme.js'

// The graph is most of what is loaded, and a list needs none of it.
const RunPage = lazy(() => import('./pages/run.js'))
const ComparePage = lazy(() => import('./pages/compare.js'))

export const PAGES: readonly { page: string; title: string; icon: IconName; key: string }[] = [
  { page: 'overview', title: 'Overview', icon: 'gauge', key: 'o' },
  { page: 'runs', title: 'Runs', icon: 'list', key: 'r' },
  { page: 'approvals', title: 'Approvals', icon: 'hand', key: 'a' },
  { page: 'schedules', title: 'Schedules', icon: 'clock', key: 's' },
  { page: 'dead', title: 'Dead letters', icon: 'letter', key: 'd' },
]

/** Pages that stand below the list of runs. */
const OF_RUNS: Record<string, string> = { run: 'Run', compare: 'Compare two runs' }

const SHOWN: Record<string, () => React.JSX.Element> = {
  overview: Overview,
  runs: Runs,
  run: () => <RunPage />,
  compare: () => <ComparePage />,
  approvals: Approvals,
  schedules: SchedulesPage,
  dead: DeadLetters,
}

export function App() {
  const session = usePolled('session', {}, 60_000)
  const { page } = useRoute()
  const [shows, setShows] = useState<'palette' | 'keys' | undefined>()
  useShortcuts({ palette: () => setShows('palette'), help: () => setShows('keys') })
  const main = useRef<HTMLElement>(null)
  const title = PAGES.find((each) => each.page === page)?.title ?? OF_RUNS[page] ?? 'Not found'
  useEffect(() => {
    document.title = `${title} · Flowcraft`
  }, [title])
  if (!session.data) {
    return (
      <main className="alone">
        {session.error ? <Failure error={session.error} /> : <p className="dim">Loading …</p>}
      </main>
    )
  }
  const Page = SHOWN[page]
  return (
    <SessionContext.Provider value={session.data}>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <div className="frame">
        <Sidebar page={page in OF_RUNS ? 'runs' : page} openPalette={() => setShows('palette')} />
        <main id="main" ref={main} tabIndex={-1}>
          <Suspense fallback={<p className="dim">Loading …</p>}>
            {Page ? <Page /> : <p className="empty">There is no such page.</p>}
          </Suspense>
        </main>
      </div>
      {shows === 'palette' && <Palette close={() => setShows(undefined)} />}
      {shows === 'keys' && <KeyHelp close={() => setShows(undefined)} />}
      <Toasts />
    </SessionContext.Provider>
  )
}

function Sidebar({ page, openPalette }: { page: string; openPalette: () => void }) {
  return (
    <header className="sidebar">
      <a className="brand" href={hrefOf('overview')} aria-label="Flowcraft, overview">
        <img src="./icon.svg" alt="" width="22" height="22" />
        <span>Flowcraft</span>
      </a>
      <nav aria-label="Pages">
        {PAGES.map((each) => (
          <a key={each.page} href={hrefOf(each.page)} aria-current={each.page === page ? 'page' : undefined}>
            <Icon name={each.icon} />
            <span>{each.title}</span>
          </a>
        ))}
      </nav>
      <div className="tools">
        <button type="button" className="quiet" onClick={openPalette}>
          <Icon name="search" />
          <span>Find</span>
          <kbd>Ctrl K</kbd>
        </button>
        <button type="button" className="quiet" onClick={toggleTheme}>
          <Icon name="moon" />
          <span>Dark or light</span>
        </button>
        <Who />
      </div>
    </header>
  )
}

function Who() {
  return (
    <SessionContext.Consumer>
      {({ user, role, readOnly, version }) => (
        <p className="who">
          {user && <strong>{user}</strong>}
          <span>{readOnly ? 'read only' : `may ${role}`}</span>
          <span>version {version}</span>
        </p>
      )}
    </SessionContext.Consumer>
  )
}
