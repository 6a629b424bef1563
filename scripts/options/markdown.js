// The options as Markdown: a table with a line each, and a page with everything.

/** The adapter's options; the first sentence of each. */
function optionsTable(objects) {
  const [adapter] = objects
  const rows = adapter.options.map((option) => [
    `\`${option.name}\``,
    escaped(firstSentence(option.words)),
    escaped(shown(option)),
  ])
  return compactTable([['option', 'what it means', 'default'], ...rows])
}

export function optionsPage(objects) {
  const parts = ['# Options', INTRODUCTION, '## At a glance', GLANCE, optionsTable(objects)]
  for (const object of objects) {
    parts.push(`## ${object.title}`, object.words)
    let group
    for (const option of object.options) {
      if (option.group !== group) parts.push(`### ${option.group}`)
      group = option.group
      parts.push(entry(option))
    }
  }
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `Every option of every object that the package takes, written from the schema that checks them
(\`npm run options\`). A value that cannot work is refused by a \`TypeError\` that names the option and what it accepts. A
name that nobody knows is a warning, with the nearest name there is: in the runtime's log, in the reconciler's, or of the
process (\`migrate\`, \`migrationStatus\`). A \`PostgresContext\` gives none. An option that is \`null\` counts as absent.`

const GLANCE = `The options of \`new RabbitMqAdapter(options)\`, in a sentence each. Below is all of it.`

function entry(option) {
  const rest = option.required ? 'Required.' : `Default: ${shown(option)}.`
  const facts = [option.words, `Takes ${option.accepts}.`, rest]
  return `- **\`${option.name}\`** ${facts.join(' ')}\n\n  \`\`\`js\n  ${option.example}\n  \`\`\``
}

/** A default as people read it. */
function shown({ required, otherwise, default: value, unit }) {
  if (required) return ''
  if (otherwise !== undefined) return otherwise
  if (value === undefined) return 'none'
  const text = typeof value === 'string' ? value || "''" : JSON.stringify(value)
  const counted = { milliseconds: ' ms', seconds: ' s', bytes: ' bytes' }[unit] ?? ''
  return `\`${text}\`${counted}`
}

export function firstSentence(words) {
  return words.match(/^.*?[.](?= [A-Z`]|$)/s)?.[0].replace(/\.$/, '') ?? words
}

/** A table in a page that people edit, and that is formatted. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const [head, ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** A table in a page that is written as a whole. One long cell would fill the lines of all others, in every install. */
export function compactTable(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const [head, ...body] = rows
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}

export const escaped = (text) => text.replaceAll('|', '\\|')
