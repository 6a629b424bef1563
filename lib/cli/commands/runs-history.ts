/** `runs history`. */
import type { NodeAttempt, RunHistory } from '../../client/history.js'
import type { Run } from '../command.js'
import { clock, lengthOf } from '../durations.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

/** So many are read at a time, and shown where no number is said. */
const PAGE = 100
/** As much of a value stands in a table: characters. */
const WIDTH = 40

const COLUMNS: readonly Column<NodeAttempt>[] = [
  { title: 'ENDED', text: ({ endedAt }) => clock(endedAt) },
  { title: 'NODE', text: ({ nodeId }) => nodeId },
  { title: 'EXECUTION', text: ({ execution, attempt }) => (attempt > 1 ? `${execution}/${attempt}` : `${execution}`) },
  {
    title: 'OUTCOME',
    text: ({ outcome }) => outcome,
    style: ({ outcome }) => (outcome === 'failed' || outcome === 'retried' ? 'red' : undefined),
  },
  { title: 'TOOK', text: ({ startedAt, endedAt }) => lengthOf(endedAt.getTime() - startedAt.getTime()) },
  { title: 'INPUT', text: ({ input, inputBytes }) => valueText(input, inputBytes) },
  {
    title: 'OUTPUT OR ERROR',
    text: ({ output, outputBytes, error }) => (error ? short(error.message) : valueText(output, outputBytes)),
  },
]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [runId = ''] = parsed.args
    const run = servers.client().run(runId)
    const most = parsed.number('limit', { from: 1 }) ?? PAGE
    const nodeId = parsed.text('node')
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    let cursor: string | undefined
    do {
      const limit = Math.min(PAGE, most - rows.count)
      const page: RunHistory = await run.history({
        limit,
        ...(nodeId !== undefined && { nodeId }),
        ...(cursor !== undefined && { cursor }),
      })
      await rows.add(page.attempts)
      cursor = page.cursor
    } while (cursor !== undefined && rows.count < most)
    await rows.end()
    if (rows.count === 0) io.note('Nothing is kept of it: workers keep a history by the option history.')
    return undefined
  })

function valueText(value: unknown, bytes: number | undefined): string {
  if (value !== undefined) return short(JSON.stringify(value) ?? '')
  return bytes === undefined ? '' : `${bytes.toLocaleString('en')} bytes`
}

function short(text: string): string {
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text
}
