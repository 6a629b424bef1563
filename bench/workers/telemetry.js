// The telemetry of a worker that is measured: none, that of a process without an SDK, or that of one whose exporters throw away
// what they get. So the cost is ours and the SDK's, not that of a network.

const ON = { telemetry: { traces: 'links', metrics: true } }
/** Which share of the traces is kept by a worker that samples. */
const SHARE = 0.05
/** How often metrics are collected, in milliseconds: several times a turn. */
const INTERVAL = 1_000

/** The options of an adapter with this telemetry. */
export async function telemetryOptions(kind) {
  if (kind === undefined) return {}
  if (kind !== 'no-sdk') await startSdk(kind === 'sampled')
  return ON
}

/** What an application has that starts OpenTelemetry: contexts that follow promises, spans in batches, metrics now and then. */
async function startSdk(samples) {
  const { context, metrics, trace } = await import('@opentelemetry/api')
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks')
  const { BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  )
  const { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } = await import(
    '@opentelemetry/sdk-metrics'
  )
  const nowhere = { export: (_, done) => done({ code: 0 }), forceFlush: async () => {}, shutdown: async () => {} }
  // No span is dropped before it is exported.
  const spans = new BatchSpanProcessor(nowhere, { maxQueueSize: 1_000_000, maxExportBatchSize: 512 })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SHARE) })
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [spans], ...(samples && { sampler }) }))
  const exporter = { ...nowhere, selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE }
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: INTERVAL,
    exportTimeoutMillis: INTERVAL,
  })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
}
