/** How runs and moments are shown. */
import { isEncrypted } from '../bridge/sealing.js'
import type { RunStatus } from '../client/description.js'
import type { RunSummary } from '../client/listing.js'
import { clock, lengthOf } from './durations.js'
import type { Style } from './io.js'
import type { Column, Format } from './output.js'
import type { Parsed } from './parsed.js'

const STYLES: Record<string, Style> = { completed: 'green', failed: 'red', cancelled: 'yellow', awaiting: 'cyan' }

export function styleOf(status: RunStatus | undefined): Style | undefined {
  return status === undefined ? undefined : STYLES[status]
}

/** A moment, and how long ago it was or until it is. */
export function moment(at: Date | undefined, now = Date.now()): string {
  if (!at) return ''
  const ago = now - at.getTime()
  return `${clock(at)} (${ago < 0 ? `in ${lengthOf(-ago)}` : `${lengthOf(ago)} ago`})`
}

const RUN_COLUMNS: readonly Column<RunSummary>[] = [
  { title: 'RUN', text: ({ runId }) => runId },
  { title: 'STATUS', text: ({ status }) => status ?? '?', style: ({ status }) => styleOf(status) },
  { title: 'BLUEPRINT', text: ({ blueprintId }) => blueprintId ?? '?' },
  { title: 'LAST CHANGED', text: ({ updatedAt }) => moment(updatedAt) },
  { title: 'STARTED', text: ({ createdAt }) => (createdAt ? clock(createdAt) : '') },
]

/** A context, in which a value that is encrypted says so. */
export function withoutCiphers(context: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(context).map(([key, value]) => [key, isEncrypted(value) ? '[encrypted]' : value]),
  )
}

const TAGS_COLUMN: Column<RunSummary> = { title: 'TAGS', text: ({ tags = [] }) => tags.join(' ') }

/** The columns of a list; tags have one if they are asked for, or a run of the first page has any. */
export function runColumns(isTagged: boolean): readonly Column<RunSummary>[] {
  return isTagged ? [...RUN_COLUMNS, TAGS_COLUMN] : RUN_COLUMNS
}

export function formatOf(parsed: Parsed): Format {
  return (parsed.text('output') ?? 'table') as Format
}

/** A number and what it counts. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
