// The README's bar chart: jobs a second of everyone, by shape. It is plain SVG, and its colours follow the reader's
// light or dark page.
import { number } from './results.js'

const SHAPES = ['chains', 'fan-20', 'fan-200', 'context-100k']
const WIDTH = 760
const LEFT = 150
const RIGHT = 90
const BAR = 18
const GAP = 6
const GROUP = 44

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .shape { font-weight: 600 }
    .value { fill: #59636e }
    .bar { fill: #8c959f }
    .ours { fill: #0969da }
    .bare { fill: none; stroke: #8c959f; stroke-width: 1.5; stroke-dasharray: 4 3 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .value { fill: #9198a1 }
      .bar { fill: #656c76 }
      .ours { fill: #4493f8 }
      .bare { fill: none; stroke: #9198a1 }
    }`

/** @param {import('./results.js').Results} results */
export function chart(results) {
  const { players } = results
  const shapes = results.shapes.filter(({ name }) => SHAPES.includes(name))
  const cell = (shape, player) => results.cell(shape.name, 'jobsPerSecond', player.id)?.median
  const most = Math.max(...shapes.flatMap((shape) => players.map((player) => cell(shape, player) ?? 0)))
  const parts = []
  let y = 8
  for (const shape of shapes) {
    y += 16
    parts.push(`<text class="shape" x="0" y="${y}">${escaped(`${shape.title}, jobs a second`)}</text>`)
    y += 10
    for (const player of players) {
      parts.push(...bar(player, cell(shape, player), { y, most }))
      y += BAR + GAP
    }
    y += GROUP - BAR
  }
  const height = y - GROUP + BAR + GAP
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Jobs a second">
  <style>${STYLE}
  </style>
  ${parts.join('\n  ')}
</svg>
`
}

/** The bare loop is no peer but the measure: its bar is an outline. */
function bar({ id, title }, value, { y, most }) {
  const style = { ours: 'bar ours', bare: 'bare' }[id] ?? 'bar'
  const width = value === undefined ? 0 : Math.max(1, Math.round((value / most) * (WIDTH - LEFT - RIGHT)))
  const base = y + BAR - 5
  return [
    `<text x="${LEFT - 8}" y="${base}" text-anchor="end">${escaped(title)}</text>`,
    `<rect class="${style}" x="${LEFT}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
    `<text class="value" x="${LEFT + width + 6}" y="${base}">${value === undefined ? 'failed' : number(value)}</text>`,
  ]
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('`', '')
}
