/** The W3C trace context's header `traceparent`, version 00. */
import type { SpanContext } from '@opentelemetry/api'

const SHAPE = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/

/** A span as the header says it. */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** The span that a header names; nothing where it names none. */
export function spanContextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = SHAPE.exec(traceparent ?? '') ?? []
  if (!traceId || !spanId || flags === undefined || !/[^0]/.test(traceId) || !/[^0]/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}
