/** What is told of a trace, whoever collects it. */

import type { EngineSpan } from '../bridge/channel.js'

/** A job, as its span knows it. */
export interface TracedJob {
  readonly runId: string
  readonly blueprintId: string
  readonly nodeId: string
  readonly attempt: number
  /** The headers that came with it. */
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer, as its span knows it. */
export interface TracedAnswer {
  outcome: string
  /** Why the node failed. */
  message?: string
  /** The span, for what follows from the answer. */
  trace?: string
}

/** What somebody asks for from outside of a run. */
export interface Asked {
  /** What it is: `start`, `resume`, `send event`, `retry`. */
  readonly what: string
  readonly runId?: string
  readonly blueprintId?: string
}

/** Whoever collects traces. */
export interface Spans {
  /** Executes a job within its span. */
  job<A extends TracedAnswer>(job: TracedJob, execute: () => Promise<A>): Promise<A>
  /** Tells what the engine did. */
  done(span: EngineSpan): void
  /** Asks for something within a span, whose `traceparent` goes along. */
  asked<T>(asked: Asked, ask: (traceparent: string | undefined) => Promise<T>): Promise<T>
}

/** Asks for something, within a span where somebody collects them. */
export function within<T>(
  spans: Spans | undefined,
  asked: Asked,
  ask: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  return spans ? spans.asked(asked, ask) : ask(undefined)
}
