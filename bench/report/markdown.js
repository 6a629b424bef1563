// RESULTS.md.
import { goalText, number } from './results.js'

/**
 * @param {import('./results.js').Results} results
 * @param {string[]} about lines on the machine
 */
export function markdown(results, about) {
  const { players, rounds, settings } = results
  const table = results.rows().map(({ shape, figure, cell }, i, rows) => {
    const title = shape === rows[i - 1]?.shape ? '' : `**${shape.name}**: ${shape.title}`
    return [title, figure.unit, ...players.map((player) => told(cell(player)))]
  })
  const goals = results
    .goals()
    .map((goal) => [goal.shape, goal.unit, goalText(goal), number(goal.reached), goal.met ? 'yes' : '**no**'])
  const chosen = players.map(({ id, title }) => `${title}: ${pairs(settings[id])}`)
  return `# Results

Written by \`npm run bench\`. [What is measured, and how](README.md).

${about.map((line) => `- ${line}`).join('\n')}
- Medians of ${rounds} alternating rounds, with the least and the most; \`×\` is this package by that one.
- The setting that suits each best, of a few tried: ${chosen.join('; ')}.

${rowsOf(['shape', 'figure', ...players.map(({ title }) => title)], table)}

## Goals

${rowsOf(['shape', 'figure', 'goal', 'here', 'reached'], goals)}
`
}

function told(cell) {
  if (!cell) return ''
  if (cell.error) return `failed: ${cell.error.split('\n')[0].replaceAll('|', '\\|')}`
  const { median, least, most, ratio, count, failures } = cell
  const spread = count > 1 ? ` (${number(least)} to ${number(most)})` : ''
  const failed = failures > 0 ? `, ${failures} failed` : ''
  return `${number(median)}${spread}${ratio ? ` ${number(ratio)} ×` : ''}${failed}`
}

function pairs(setting) {
  return Object.entries(setting)
    .map(([name, value]) => `\`${name}\` ${value}`)
    .join(', ')
}

function rowsOf(titles, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n')
}
