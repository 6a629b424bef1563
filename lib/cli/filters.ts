/** Which runs are meant: the filters of `runs list`, and of every action on many runs. */
import type { RabbitMqClient } from '../client/client.js'
import type { RunStatus } from '../client/description.js'
import type { ListOptions, RunSummary } from '../client/listing.js'
import { usage } from './exit.js'
import type { Parsed } from './parsed.js'

const STATUSES = ['running', 'awaiting', 'completed', 'failed', 'cancelled']
const FILTERS = [
  'status',
  'blueprint',
  'tag',
  'waiting-at',
  'error',
  'paused',
  'not-paused',
  'prefix',
  'created-before',
  'updated-before',
]
/** Runs of a page. */
const PAGE = 1_000

export interface Filters {
  readonly list: ListOptions
  readonly limit: number
}

/** The filters of a call. */
export function filtersOf(parsed: Parsed, otherwise: readonly RunStatus[] = []): Filters {
  const given = parsed.list('status')
  const unknown = given.find((status) => !STATUSES.includes(status))
  if (unknown !== undefined) throw usage(`--status takes ${STATUSES.join(', ')}, not '${unknown}'`)
  const status = given.length > 0 ? given : otherwise
  const [blueprintId, idPrefix] = [parsed.text('blueprint'), parsed.text('prefix')]
  const tags = parsed.texts('tag')
  const [waitingAt, error] = [parsed.text('waiting-at'), parsed.text('error')]
  const paused = parsed.has('paused')
  if (paused && parsed.has('not-paused')) throw usage('--paused and --not-paused exclude each other')
  const [createdBefore, updatedBefore] = [parsed.moment('created-before'), parsed.moment('updated-before')]
  const list = {
    ...(status.length > 0 && { status }),
    ...(blueprintId !== undefined && { blueprintId }),
    ...(tags.length > 0 && { tags }),
    ...(waitingAt !== undefined && { waitingAt }),
    ...(error !== undefined && { error }),
    ...((paused || parsed.has('not-paused')) && { paused }),
    ...(idPrefix !== undefined && { idPrefix }),
    ...(createdBefore && { createdBefore }),
    ...(updatedBefore && { updatedBefore }),
  }
  return { list, limit: parsed.number('limit', { from: 1 }) ?? Number.POSITIVE_INFINITY }
}

/** Whether any filter was given. */
export function hasFilter(parsed: Parsed): boolean {
  return FILTERS.some((name) => parsed.has(name))
}

/** Every run that the filters find, page by page. */
export async function* pagesOf(
  client: RabbitMqClient,
  { list, limit }: Filters,
  signal: AbortSignal,
): AsyncGenerator<RunSummary[]> {
  let left = limit
  let cursor: string | undefined
  while (left > 0 && !signal.aborted) {
    const page = await client.list({ ...list, limit: Math.min(PAGE, left), ...(cursor !== undefined && { cursor }) })
    if (page.runs.length > 0) yield page.runs
    left -= page.runs.length
    if (page.cursor === undefined) return
    cursor = page.cursor
  }
}
