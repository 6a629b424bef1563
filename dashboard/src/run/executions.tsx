/** The attempts at a node that workers have kept: what each got, gave and logged. They are read when somebody asks for them. */
import { useState } from 'react'
import { ApiError, type KeptAttempt, read } from '../api.js'
import { exactLengthOf, sizeOf } from '../format.js'
import { Copy, Moment } from '../parts/basics.js'
import { ofPlain, Tree } from '../parts/tree.js'

const OUTCOMES: Record<KeptAttempt['outcome'], string> = {
  done: 'done',
  failed: 'failed',
  retried: 'failed, and was tried again',
  postponed: 'asked to run again later',
  awaiting: 'awaits',
}

export function Executions({ runId, nodeId }: { runId: string; nodeId: string }) {
  const [attempts, setAttempts] = useState<KeptAttempt[] | undefined>()
  const [cursor, setCursor] = useState<string | undefined>()
  const [problem, setProblem] = useState<string | undefined>()
  const ask = async (from?: string) => {
    try {
      const page = await read('run/history', { id: runId, node: nodeId, cursor: from })
      setAttempts(from === undefined ? page.attempts : [...(attempts ?? []), ...page.attempts])
      setCursor(page.cursor)
      setProblem(undefined)
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
    }
  }
  return (
    <section aria-label="Executions">
      <h3>Executions</h3>
      {problem !== undefined && <p className="dim">{problem}</p>}
      {attempts?.length === 0 && <p className="dim">None is kept: workers keep them by their option history.</p>}
      {attempts?.map((attempt, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two of them may have the same number
        <Attempt key={`${attempt.execution} ${attempt.attempt} ${at}`} attempt={attempt} />
      ))}
      {attempts === undefined && (
        <button type="button" className="small" onClick={() => void ask()}>
          Show executions
        </button>
      )}
      {attempts !== undefined && (
        <button type="button" className="small" onClick={() => void ask()}>
          Look again
        </button>
      )}
      {cursor !== undefined && (
        <button type="button" className="small" onClick={() => void ask(cursor)}>
          Earlier ones
        </button>
      )}
    </section>
  )
}

function Attempt({ attempt: kept }: { attempt: KeptAttempt }) {
  const { execution, attempt, outcome, startedAt, endedAt, worker, error, log, droppedLines } = kept
  return (
    <details>
      <summary>
        Execution {execution}
        {attempt > 1 && `, attempt ${attempt}`}: {OUTCOMES[outcome]}
      </summary>
      <p className="dim">
        <Moment at={startedAt} />, took {exactLengthOf(Date.parse(endedAt) - Date.parse(startedAt))}, on {worker}
      </p>
      <Value title="Input" value={kept.input} bytes={kept.inputBytes} />
      <Value title="Output" value={kept.output} bytes={kept.outputBytes} />
      {error !== undefined && (
        <>
          <h4>
            Error <Copy text={[error.message, error.stack].filter(Boolean).join('\n')} what="the error" />
          </h4>
          <pre className="error">{error.message}</pre>
          {error.stack !== undefined && <pre>{error.stack}</pre>}
        </>
      )}
      {log !== undefined && (
        <>
          <h4>Log</h4>
          {droppedLines !== undefined && <p className="dim">{droppedLines} earlier lines were not kept</p>}
          {log.map(({ at, level, message, fields }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no names
            <div key={index}>
              <p>
                <span className="dim">
                  <Moment at={at} /> {level}
                </span>{' '}
                {message}
              </p>
              {fields !== undefined && <Tree view={ofPlain(fields)} path={[]} />}
            </div>
          ))}
        </>
      )}
    </details>
  )
}

function Value({ title, value, bytes }: { title: string; value: unknown; bytes: number | undefined }) {
  if (bytes === undefined) return null
  return (
    <>
      <h4>{title}</h4>
      {value === undefined ? (
        <p className="dim">{sizeOf(bytes)}, more than is kept</p>
      ) : (
        <Tree view={ofPlain(value)} path={[]} isOpen />
      )}
    </>
  )
}
