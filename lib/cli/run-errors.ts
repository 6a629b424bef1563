/** Every attempt at the nodes of a run that failed, for people. */
import type { FailedAttempt, RunDescription } from '../client/description.js'
import { oneLine } from '../log.js'
import type { Io } from './io.js'
import { moment } from './shown.js'

/** The lines of the errors, by node, the oldest attempt first. */
export function linesOfErrors(io: Io, { nodes }: RunDescription): string[] {
  const lines = nodes.flatMap(({ nodeId, failedAttempts = [] }) =>
    failedAttempts.flatMap((failed) => linesOfAttempt(io, nodeId, failed)),
  )
  return lines.length > 0 ? ['', ...lines] : ['', io.paint('dim', 'No attempt failed.')]
}

function linesOfAttempt(io: Io, nodeId: string, failed: FailedAttempt): string[] {
  const { message, stack, execution, attempt, postponed, endedAt, worker } = failed
  const what = postponed ? 'asked to run again later' : `attempt ${attempt}`
  const which = execution > 1 ? `execution ${execution}, ${what}` : what
  const mark = postponed ? io.paint('dim', '·') : io.paint('red', '✖')
  const about = [which, moment(endedAt), worker && `on ${worker}`].filter(Boolean).join(', ')
  return [
    `${mark} ${oneLine(nodeId)}  ${io.paint('dim', oneLine(about))}`,
    `    ${oneLine(message)}`,
    ...(stack?.split('\n').map((frame) => io.paint('dim', `      ${oneLine(frame)}`)) ?? []),
  ]
}
