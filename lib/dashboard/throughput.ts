/** How many runs ended when: the last hour, day, week or month, in steps that fit on a page. */
import type { EndedRuns } from '../client/listing.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { Refusal } from './refusal.js'
import { WHOLE_TABLES } from './shared.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The spans of time that are shown, in milliseconds: how long each is, and how long its steps are. */
export const SPANS = {
  hour: { withinMs: HOUR, stepMs: MINUTE },
  day: { withinMs: 24 * HOUR, stepMs: 20 * MINUTE },
  week: { withinMs: 7 * 24 * HOUR, stepMs: 2 * HOUR },
  month: { withinMs: 30 * 24 * HOUR, stepMs: 12 * HOUR },
} as const
export type Span = keyof typeof SPANS

export interface Throughput {
  withinMs: number
  stepMs: number
  /** Now, in milliseconds since 1970. */
  at: number
  ended: EndedRuns[]
}

/** Without its table it reads the status table whole: all viewers share it. */
export function throughput({ client, shared }: Board, input: Input): Promise<Throughput> {
  const span = input.text('span') ?? 'hour'
  if (!Object.hasOwn(SPANS, span)) {
    throw new Refusal('INVALID_ARGUMENT', `span is one of ${Object.keys(SPANS).join(', ')}`)
  }
  const { withinMs, stepMs } = SPANS[span as Span]
  const by = input.text('by') === 'queue' ? 'queue' : 'blueprint'
  return shared.get(
    `throughput ${span} ${by}`,
    10_000,
    async () => {
      const ended = await client.throughput({ withinMs, stepMs, by })
      return { withinMs, stepMs, at: Date.now(), ended }
    },
    WHOLE_TABLES,
  )
}
