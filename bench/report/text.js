// The table as it is printed.
import { goalText, number } from './results.js'

const TITLES = ['', '', 'median', 'least to most', 'ours by theirs']

/** @param {import('./results.js').Results} results */
export function text(results) {
  const lines = [TITLES]
  for (const { shape, figure, cell } of results.rows()) {
    lines.push([], [`${shape.name}: ${figure.unit}`])
    for (const player of results.players) {
      const known = cell(player)
      if (known) lines.push(['', player.title, ...values(known)])
    }
  }
  const goals = results.goals().map((goal) => {
    const measure = `${goal.shape}: ${goal.unit}`
    return [measure, goalText(goal), number(goal.reached), goal.met ? 'reached' : 'not reached']
  })
  return `${columns(lines)}\n\nGoals\n\n${columns(goals)}`
}

function values({ error, median, least, most, ratio, failures }) {
  if (error) return [`failed: ${error.split('\n')[0]}`]
  const note = failures > 0 ? ` (${failures} failed)` : ''
  return [number(median), `${number(least)} to ${number(most)}${note}`, ratio ? `${number(ratio)} ×` : '']
}

/** A line of a single cell is a heading and stands apart. */
function columns(lines) {
  const widths = []
  for (const line of lines.filter(({ length }) => length > 1)) {
    line.forEach((cell, i) => {
      if (!cell.startsWith('failed')) widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  }
  return lines.map((line) => (line.length === 1 ? line[0] : row(line, widths))).join('\n')
}

function row(line, widths) {
  return line
    .map((cell, i) => cell.padEnd(widths[i] + (widths[i] > 0 ? 2 : 1)))
    .join('')
    .trimEnd()
}
