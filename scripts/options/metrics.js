// The metrics as a table, written into a page between two marks.
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../dist/operating/instruments.js'
import { escaped, table } from './markdown.js'

const BEGIN = '<!-- metrics: written by npm run options -->'
const END = '<!-- end of metrics -->'

/** The page with the table of today. */
export function withMetrics(page) {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`The page has no ${BEGIN} … ${END}`)
  return `${before}${BEGIN}\n\n${metricsTable()}\n\n${END}${after}`
}

function metricsTable() {
  const kinds = [
    [COUNTERS, 'counter'],
    [HISTOGRAMS, 'histogram'],
    [GAUGES, 'gauge'],
  ]
  const rows = kinds.flatMap(([instruments, kind]) =>
    Object.values(instruments).map(({ name, otel, help, labels }) => [
      `\`${name}\``,
      kind,
      labels.join(', '),
      `\`${otel}\``,
      escaped(help.replace(/\.$/, '')),
    ]),
  )
  return table([['Prometheus', 'kind', 'labels', 'OpenTelemetry', 'what it says'], ...rows])
}
