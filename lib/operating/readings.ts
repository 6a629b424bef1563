/** What the engine has counted and measured, as it tells it, and as it is shown: in series with labels. */
import type { Health } from './health.js'
import { type CounterKey, type GaugeKey, HISTOGRAMS, type HistogramKey, type Label } from './instruments.js'

/** By what the engine tells a series apart; what a word says depends on the metric. */
export interface EngineLabels {
  blueprint?: string
  queue?: string
  word?: string
}

/** What the engine tells. */
export interface Readings {
  slots: { total: number; inUse: number }
  /** The upper bounds of the histograms' buckets, in seconds. */
  bounds: number[]
  counters: [CounterKey, EngineLabels, number][]
  measures: [HistogramKey, EngineLabels, { counts: number[]; sum: number }][]
  /** By queue: how long ago the youngest job that came from it was due, in milliseconds. */
  youngest: Record<string, number>
}

/** A single measurement, in seconds. */
export type Sample = [HistogramKey, EngineLabels, number]

export type Labels = Partial<Record<Label, string>>

/** What a queue holds. */
export interface QueueReading {
  queue: string
  messages: number
  consumers: number
  /** In seconds; absent where it is not known. */
  oldest?: number
}

/** The labels of a series of the engine's. */
export function labelsOf(key: CounterKey | HistogramKey, { word, ...labels }: EngineLabels): Labels {
  if (word === undefined) return labels
  return { ...labels, [key in HISTOGRAMS ? 'outcome' : 'status']: word }
}

/** The gauges of a worker. */
export function gaugesOf(
  { slots }: Pick<Readings, 'slots'>,
  { live, ready, reasons, warnings }: Health,
): [GaugeKey, Labels, number][] {
  const codes = new Set([...reasons, ...warnings].map(({ code }) => code))
  return [
    ['slots', {}, slots.total],
    ['slotsInUse', {}, slots.inUse],
    ['live', {}, Number(live)],
    ['ready', {}, Number(ready)],
    ...[...codes].map((code): [GaugeKey, Labels, number] => ['reasons', { code }, 1]),
  ]
}

/** The gauges of a worker's queues. */
export function gaugesOfQueues(queues: readonly QueueReading[]): [GaugeKey, Labels, number][] {
  return queues.flatMap(({ queue, messages, consumers, oldest }): [GaugeKey, Labels, number][] => [
    ['depth', { queue }, messages],
    ['consumers', { queue }, consumers],
    ...(oldest === undefined ? [] : [['oldest', { queue }, oldest] satisfies [GaugeKey, Labels, number]]),
  ])
}
