/** The attempts at a node that failed: why, when, on which worker, and where in the code. */
import type { RunNode } from '../api.js'
import { Copy, Moment } from '../parts/basics.js'

export function FailedAttempts({ node: { failedAttempts = [], execution } }: { node: RunNode }) {
  if (failedAttempts.length === 0) return null
  return (
    <section>
      <h3>{failedAttempts.length === 1 ? 'The attempt that failed' : 'Attempts that failed'}</h3>
      {failedAttempts.map((failed, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two of them may have the same number
        <div key={`${failed.execution} ${failed.attempt} ${at}`}>
          <h4>
            {failed.postponed ? 'Asked to run again later, attempt' : 'Attempt'} {failed.attempt}
            {failed.execution !== execution && ` of execution ${failed.execution}`}{' '}
            <Copy text={[failed.message, failed.stack].filter(Boolean).join('\n')} what="the error" />
          </h4>
          <p className="dim">
            <Moment at={failed.endedAt} fallback="Nobody noted when" />
            {failed.worker !== undefined && ` on ${failed.worker}`}
          </p>
          <pre className="error">{failed.message}</pre>
          {failed.stack !== undefined && (
            <details>
              <summary>Stack</summary>
              <pre>{failed.stack}</pre>
            </details>
          )}
        </div>
      ))}
    </section>
  )
}
