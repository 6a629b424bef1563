/** What changed since the page was opened: what came before is not recorded anywhere, and is not made up here. */
import { useEffect, useRef, useState } from 'react'
import type { Run } from '../api.js'
import { clock } from '../format.js'
import { Status } from '../parts/basics.js'

interface Change {
  id: number
  at: number
  what: string
  state: string
  more: string
}

/** So many are kept. */
const MOST = 500

/** Watches a run for as long as its page is open. */
export function useActivity(run: Run | undefined): Change[] {
  const [changes, setChanges] = useState<Change[]>([])
  const before = useRef<Map<string, string> | undefined>(undefined)
  const count = useRef(0)
  useEffect(() => {
    if (!run) return
    const now = new Map<string, string>([['', run.status]])
    const seen: Change[] = []
    const note = (key: string, state: string, what: string, mark: string, more = '') => {
      now.set(key, mark)
      if (!before.current || before.current.get(key) === mark) return
      count.current += 1
      seen.push({ id: count.current, at: Date.now(), what, state, more })
    }
    for (const { nodeId, state, execution, attempt, error = '' } of run.nodes) {
      const times = [execution > 1 ? `execution ${execution}` : '', attempt > 1 ? `attempt ${attempt}` : '', error]
      note(`node ${nodeId}`, state, nodeId, `${state} ${execution} ${attempt}`, times.filter(Boolean).join(', '))
    }
    note('', run.status, 'the run', run.status, run.reason ?? '')
    before.current = now
    if (seen.length > 0) setChanges((known) => [...seen.reverse(), ...known].slice(0, MOST))
  }, [run])
  return changes
}

export function Activity({ changes }: { changes: Change[] }) {
  return (
    <>
      <p className="dim">What has changed since you opened this page. Times of earlier changes are not recorded.</p>
      {changes.length === 0 ? (
        <p className="empty">Nothing has changed yet.</p>
      ) : (
        <ol className="activity">
          {changes.map(({ id, at, what, state, more }) => (
            <li key={id}>
              <time>{clock(at)}</time>
              <Status of={state} />
              <strong>{what}</strong>
              <span className="dim">{more}</span>
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
