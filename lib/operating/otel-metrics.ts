/** Metrics of OpenTelemetry, over what the engine counts and measures. */
import { clearInterval, setInterval } from 'node:timers'
import type { Attributes, Histogram, Observable } from '@opentelemetry/api'
import type { Health } from './health.js'
import {
  COUNTERS,
  GAUGES,
  type GaugeKey,
  HISTOGRAMS,
  type HistogramKey,
  type Instrument,
  LABELS,
} from './instruments.js'
import { type Api, SCOPE } from './open-telemetry.js'
import {
  type EngineLabels,
  gaugesOf,
  gaugesOfQueues,
  type Labels,
  labelsOf,
  type QueueReading,
  type Readings,
  type Sample,
} from './readings.js'

/** How often single measurements are passed on, in milliseconds. */
const PASSES_ON = 1_000

/** Where they come from. */
export interface MetricsSource {
  readings(): Readings
  samples(): Sample[]
  health(): Health
  /** What waits in the queues; nothing of a worker that takes no jobs. */
  queues(readings: Readings): Promise<QueueReading[]>
}

/** Whether an SDK takes metrics; one that is started later gets none of a meter that is made before. */
export function areMetricsTaken({ metrics, createNoopMeter }: Api): boolean {
  return metrics.getMeter(SCOPE) !== createNoopMeter()
}

/** Tells them from now on, until what it answers with is called. */
export function tellMetrics({ metrics }: Api, source: MetricsSource): () => void {
  const meter = metrics.getMeter(SCOPE)
  const counters = byKey(COUNTERS, (otel, { help }) => meter.createObservableCounter(otel, { description: help }))
  const gauges = byKey(GAUGES, (otel, { help, unit }) =>
    meter.createObservableGauge(otel, { description: help, ...(unit !== undefined && { unit }) }),
  )
  const histograms = byKey(HISTOGRAMS, (otel, { help }) =>
    meter.createHistogram(otel, { description: help, unit: 's' }),
  )
  const passOn = () => {
    const attributes = attributesOfSamples()
    for (const [key, labels, seconds] of source.samples()) histograms.get(key)?.record(seconds, attributes(key, labels))
  }
  const observed: Observable[] = [...counters.values(), ...gauges.values()]
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = async (result) => {
    const tell = (told: [GaugeKey, Labels, number][]) => {
      for (const [key, labels, value] of told) {
        const gauge = gauges.get(key)
        if (gauge) result.observe(gauge, value, attributesOf(GAUGES[key], labels))
      }
    }
    passOn()
    const readings = source.readings()
    for (const [key, labels, count] of readings.counters) {
      const counter = counters.get(key)
      if (counter) result.observe(counter, count, attributesOf(COUNTERS[key], labelsOf(key, labels)))
    }
    tell(gaugesOf(readings, source.health()))
    // Last: RabbitMQ may take its time to answer.
    tell(gaugesOfQueues(await source.queues(readings)))
  }
  meter.addBatchObservableCallback(observe, observed)
  const timer = setInterval(passOn, PASSES_ON).unref()
  return () => {
    clearInterval(timer)
    passOn()
    meter.removeBatchObservableCallback(observe, observed)
  }
}

/** The attributes of samples. Many have the same: they are made once. */
function attributesOfSamples(): (key: HistogramKey, labels: EngineLabels) => Attributes {
  const made = new Map<string, Attributes>()
  return (key, labels) => {
    const name = `${key} ${labels.queue} ${labels.word} ${labels.blueprint}`
    const known = made.get(name)
    if (known) return known
    const attributes = attributesOf(HISTOGRAMS[key], labelsOf(key, labels))
    made.set(name, attributes)
    return attributes
  }
}

type Keys = keyof typeof COUNTERS | GaugeKey | HistogramKey

function byKey<K extends Keys, T extends Observable | Histogram>(
  instruments: Record<K, Instrument>,
  make: (otel: string, instrument: Instrument) => T,
): Map<K, T> {
  const all = Object.entries(instruments) as [K, Instrument][]
  return new Map(all.map(([key, instrument]) => [key, make(instrument.otel, instrument)]))
}

function attributesOf({ otel }: Instrument, labels: Labels): Attributes {
  const own = Object.entries(labels).map(([label, value]) => [LABELS[label as keyof Labels], value])
  const system = otel.startsWith('messaging.') ? { 'messaging.system': 'rabbitmq', ...MESSAGING[otel] } : {}
  return { ...Object.fromEntries(own), ...system }
}

/** What the conventions want besides. */
const MESSAGING: Record<string, Attributes> = {
  'messaging.client.operation.duration': {
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
  },
  'messaging.process.duration': { 'messaging.operation.name': 'process' },
}
