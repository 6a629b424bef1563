/** Prometheus' text format, version 0.0.4. */
import { COUNTERS, GAUGES, type GaugeKey, HISTOGRAMS, type Instrument } from './instruments.js'
import { type Labels, labelsOf, type Readings } from './readings.js'

/** The type of its content. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Everything as text. A metric without a series has its words all the same. */
export function prometheusText(readings: Readings, gauges: readonly [GaugeKey, Labels, number][]): string {
  const lines: string[] = []
  for (const [key, instrument] of Object.entries(COUNTERS)) {
    const counted = readings.counters.filter(([counter]) => counter === key)
    lines.push(...head(instrument, 'counter'))
    for (const [counter, labels, count] of counted) {
      lines.push(`${instrument.name}${series(labelsOf(counter, labels))} ${count}`)
    }
  }
  for (const [key, instrument] of Object.entries(HISTOGRAMS)) {
    const measured = readings.measures.filter(([measure]) => measure === key)
    lines.push(...head(instrument, 'histogram'))
    for (const [measure, labels, buckets] of measured) {
      lines.push(...histogram(instrument.name, labelsOf(measure, labels), { ...buckets, bounds: readings.bounds }))
    }
  }
  for (const [key, instrument] of Object.entries(GAUGES)) {
    lines.push(...head(instrument, 'gauge'))
    for (const [, labels, value] of gauges.filter(([gauge]) => gauge === key)) {
      lines.push(`${instrument.name}${series(labels)} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function head({ name, help }: Instrument, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

interface Buckets {
  bounds: number[]
  counts: number[]
  sum: number
}

/** The engine counts each bucket for itself; here each holds those below it too. */
function histogram(name: string, labels: Labels, { bounds, counts, sum }: Buckets): string[] {
  let total = 0
  const buckets = counts.map((count, index) => {
    total += count
    const le = bounds[index] === undefined ? '+Inf' : String(bounds[index])
    return `${name}_bucket${series({ ...labels, le })} ${total}`
  })
  return [...buckets, `${name}_sum${series(labels)} ${sum}`, `${name}_count${series(labels)} ${total}`]
}

function series(labels: Record<string, string | undefined>): string {
  const pairs = Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join()}}`
}

/** What the format has signs for. Ids come from outside. */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
