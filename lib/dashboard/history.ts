/** The history of a node: its attempts, as they may be shown. */
import type { LogLine, NodeAttempt } from '../client/history.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import type { Redaction } from './redaction.js'

/** So many attempts are shown at a time. */
const PAGE = 10

export interface ShownHistory {
  attempts: NodeAttempt[]
  cursor?: string
}

/** A page of the attempts at a node. */
export async function historyOfNode({ client, redaction }: Board, input: Input): Promise<ShownHistory> {
  const [nodeId, cursor] = [input.required('node'), input.text('cursor')]
  const page = await client
    .run(input.required('id'))
    .history({ nodeId, limit: PAGE, ...(cursor !== undefined && { cursor }) })
  return { ...page, attempts: page.attempts.map((attempt) => shownAttempt(redaction, attempt)) }
}

/** Values are hidden as those of the context are that they were, the rest as what is known of the node. */
function shownAttempt(redaction: Redaction, attempt: NodeAttempt): NodeAttempt {
  const { nodeId, input, output, error, log } = attempt
  const shownLine = (line: LogLine): LogLine => ({
    ...line,
    message: redaction.value(line.message, [nodeId, 'log', 'message'], 'node'),
    ...(line.fields !== undefined && { fields: redaction.value(line.fields, [nodeId, 'log', 'fields'], 'node') }),
  })
  return {
    ...attempt,
    ...(input !== undefined && { input: redaction.value(input, [`_inputs.${nodeId}`], 'context') }),
    ...(output !== undefined && { output: redaction.value(output, [`_outputs.${nodeId}`], 'context') }),
    ...(error && {
      error: {
        message: redaction.value(error.message, [nodeId, 'error'], 'node'),
        ...(error.stack !== undefined && { stack: redaction.value(error.stack, [nodeId, 'error'], 'node') }),
      },
    }),
    ...(log && { log: log.map(shownLine) }),
  }
}
