/** Dead letters: messages that could not be processed, why, and what becomes of them. */
import { useState } from 'react'
import { change, type Letter } from '../api.js'
import { counted } from '../format.js'
import { Ask } from '../parts/ask.js'
import { Copy, Failure, Icon, Moment, Scroll, Stale } from '../parts/basics.js'
import { useRowKeys } from '../parts/shortcuts.js'
import { toast } from '../parts/toasts.js'
import { usePolled } from '../polled.js'
import { runHref, useQuery } from '../route.js'
import { useMay } from '../session.js'

type Kind = 'replay' | 'discard'

export function DeadLetters() {
  // Each look is a delivery, which a queue with a delivery limit counts: nobody looks by themselves.
  const { data, error, refresh, at } = usePolled('dead', {}, 0)
  const may = useMay()
  const [query, setQuery] = useQuery()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [asked, setAsked] = useState<{ kind: Kind; ids: string[] } | undefined>()
  useRowKeys()
  const wanted = (query.get('q') ?? '').toLowerCase()
  const letters = (data?.letters ?? []).filter(({ id, reason = '', queue, job }) =>
    [id, reason, queue, job?.runId, job?.blueprintId, job?.nodeId].join(' ').toLowerCase().includes(wanted),
  )
  const ids = letters.filter(({ id }) => chosen.has(id)).map(({ id }) => id)
  const scope = ids.length > 0 ? ids : letters.map(({ id }) => id)
  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    setChosen(next)
  }
  return (
    <>
      <div className="head">
        <h1>Dead letters</h1>
        <div className="views">
          {at > 0 && (
            <span className="dim">
              looked <Moment at={at} />
            </span>
          )}
          <button type="button" onClick={refresh}>
            Look again
          </button>
        </div>
        <label className="search">
          <span className="offscreen">Search reasons, runs, nodes</span>
          <input
            type="search"
            data-search
            placeholder="Search reasons, runs, nodes"
            value={query.get('q') ?? ''}
            onChange={(event) => setQuery({ q: event.target.value }, true)}
          />
        </label>
      </div>
      <Stale error={data ? error : undefined} />
      {!data && error && <Failure error={error} />}
      {!data && !error && <p className="empty">Loading …</p>}
      {data && letters.length === 0 && (
        <p className="empty">{wanted ? 'No dead letter matches.' : 'There is no dead letter.'}</p>
      )}
      {data?.isMore && (
        <p className="stale">There are more: these are the {counted(data.letters.length, 'oldest one', 'oldest')}.</p>
      )}
      {letters.length > 0 && may('operate') && (
        <div className="bulk">
          <span className="dim">
            {ids.length > 0 ? `${counted(ids.length, 'letter')} chosen` : 'All that are shown'}:
          </span>
          <button type="button" className="small" onClick={() => setAsked({ kind: 'replay', ids: scope })}>
            Replay …
          </button>
          {may('administer') && (
            <button type="button" className="small danger" onClick={() => setAsked({ kind: 'discard', ids: scope })}>
              Delete …
            </button>
          )}
        </div>
      )}
      <ul className="cards">
        {letters.map((letter) => (
          <LetterCard
            key={letter.id}
            letter={letter}
            isChosen={chosen.has(letter.id)}
            choose={() => toggle(letter.id)}
            ask={(kind) => setAsked({ kind, ids: [letter.id] })}
          />
        ))}
      </ul>
      {asked && (
        <AskLetters
          {...asked}
          close={() => setAsked(undefined)}
          done={() => {
            setChosen(new Set())
            refresh()
          }}
        />
      )}
    </>
  )
}

interface CardProps {
  letter: Letter
  isChosen: boolean
  choose: () => void
  ask: (kind: Kind) => void
}

function LetterCard({ letter, isChosen, choose, ask }: CardProps) {
  const { id, reason, queue, time, worker, body, job, isCut } = letter
  const [open, setOpen] = useState(false)
  const may = useMay()
  return (
    <li className="card letter" data-row>
      <div className="letterHead">
        <input type="checkbox" aria-label={`Choose ${id}`} checked={isChosen} onChange={choose} />
        <div className="grow">
          <p className="reason">{reason ?? 'Somebody else put it there, and says no reason.'}</p>
          <p className="dim facts">
            {job && (
              <span>
                node <strong>{job.nodeId}</strong> of <a href={runHref(job.runId)}>{job.runId}</a> ({job.blueprintId})
              </span>
            )}
            <span>queue {queue}</span>
            <Moment at={time} fallback="no time said" />
            {worker && <span>by {worker}</span>}
          </p>
          <button type="button" className="toggle" aria-expanded={open} onClick={() => setOpen(!open)} data-open>
            <Icon name="chevron" /> Body
          </button>
          {open && (
            <Scroll label="Body" className="body">
              <Copy text={body} what="the body" />
              <pre>
                {body}
                {isCut && '\n…'}
              </pre>
            </Scroll>
          )}
        </div>
        <div className="ways">
          {may('operate') && (
            <button type="button" className="small" onClick={() => ask('replay')}>
              Replay …
            </button>
          )}
          {may('administer') && (
            <button type="button" className="small danger" onClick={() => ask('discard')}>
              Delete …
            </button>
          )}
        </div>
      </div>
    </li>
  )
}

const WORDS: Record<Kind, { verb: string; done: string; words: string }> = {
  replay: {
    verb: 'Replay',
    done: 'put back',
    words:
      'They go back into their queues, and a run that ended because of one goes on. Mend first what the reason names.',
  },
  discard: {
    verb: 'Delete',
    done: 'deleted',
    words: 'Runs that ended because of them stay as they are. It cannot be undone.',
  },
}

function AskLetters({ kind, ids, close, done }: { kind: Kind; ids: string[]; close: () => void; done: () => void }) {
  const { verb, done: past, words } = WORDS[kind]
  const what = counted(ids.length, 'dead letter')
  const send = async () => {
    const { count } = await change<{ count: number }>(`dead/${kind}`, { ids })
    toast(`${counted(count, 'dead letter')} ${past}`)
    close()
    done()
  }
  return (
    <Ask title={`${verb} ${what}`} verb={`${verb} ${what}`} close={close} send={send} isGrave={kind === 'discard'}>
      <p>{words}</p>
    </Ask>
  )
}
