// The spans of a test file, collected by OpenTelemetry's own SDK.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

/** Collects them while the tests of a file run. */
export function collectSpans() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const begin = () => trace.setGlobalTracerProvider(provider)
  before(() => {
    begin()
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  })
  after(async () => {
    trace.disable()
    context.disable()
    await provider.shutdown()
  })
  return {
    reset: () => exporter.reset(),
    /** After a test without an SDK. */
    again: begin,
    /** The spans that have ended, as a test compares them. */
    spans: () => exporter.getFinishedSpans().map(shown),
  }
}

function shown(span) {
  return {
    name: span.name,
    kind: span.kind,
    status: span.status.code,
    attributes: span.attributes,
    trace: span.spanContext().traceId,
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
    links: span.links.map(({ context }) => context.spanId),
  }
}

export const workerOf = ({ attributes }) => attributes['flowcraft.worker']
export const named = (spans, name) => spans.filter((span) => span.name === name)
export const one = (spans, name) => {
  const found = named(spans, name)
  assert.equal(found.length, 1, name)
  return found[0]
}
