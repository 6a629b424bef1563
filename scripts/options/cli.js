// The command line as Markdown: a page by the definitions of the commands.

import { BULK } from '../../dist/cli/definitions/run-actions.js'
import { EXIT_WORDS } from '../../dist/cli/exit.js'
import { callOf, sectionsOf, shownFlag, wordsOf, wrapped } from '../../dist/cli/help.js'
import { FILE_SCHEMA } from '../../dist/cli/settings.js'
import { GROUPS } from '../../dist/cli/shared-flags.js'
import { compactTable, escaped, firstSentence } from './markdown.js'

/** How long a line may be. */
const WIDTH = 126

export function cliPage(commands) {
  const parts = ['# The command line', INTRODUCTION, overview(commands), SETTINGS, fileTable(), AFTER_FILE]
  parts.push(
    '## Output',
    OUTPUT,
    '## Many runs',
    wrapped(`${MANY} ${BULK}`, WIDTH).join('\n'),
    '## Exit codes',
    exitTable(),
    '## Flags that many commands take',
  )
  for (const { title, flags } of Object.values(GROUPS)) parts.push(`### ${title}`, flagTable(flags))
  parts.push('## Commands')
  for (const command of commands) parts.push(...sectionOf(command))
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `\`npx flowcraft-rabbitmq\` comes with the package. This page is written by the definitions that the help is made of
(\`npm run options\`); \`flowcraft-rabbitmq <command> --help\` says the same.

    npx flowcraft-rabbitmq doctor

looks at everything, changes nothing, and says of each fault what to do. It is the first thing to run when something is wrong.`

const SETTINGS = `## Where the servers are

A flag comes before the environment (\`AMQP_URL\`, \`DATABASE_URL\`, \`REDIS_URL\`), and that before \`.flowcraft.json\` in the folder
in which the command is run (\`--config\` names another file). Put passwords into the environment: whoever lists the processes
sees a flag. The file is shared with flowcraft's own command line; ours is what stands under \`rabbitmq\`, in the names of
the adapter's options:

\`\`\`json
{
  "rabbitmq": {
    "contextTableName": "flowcraft_contexts",
    "statusTableName": "flowcraft_statuses",
    "queueName": "flowcraft-jobs",
    "queues": { "video": "video-jobs" },
    "blueprints": "./flows.js"
  }
}
\`\`\``

const AFTER_FILE = `A setting that is misspelt is refused, with the nearest there is. \`amqpConnection\`, \`pgClient\` and \`redis\` may be objects
of [options](options.md), for certificates or Sentinels.

\`blueprints\`, or the flag \`--blueprints\`, is a module that exports flows: only starting a run, \`reconcile\` and the whole graph
of \`runs show\` need it. Everything else works without your code.`

const OUTPUT = `Data goes to standard output, everything else to standard error. \`-o table\` is for people, \`-o json\` is one JSON
value, \`-o jsonl\` a line of JSON for each row, written as the rows come. Moments are ISO 8601 in JSON, UTC in tables. There
are colours on terminals, unless \`NO_COLOR\` is set. Control characters in ids, errors and contexts are shown as \`\\u001b\`: they
move no cursor.

What cannot be undone, and whatever concerns runs that a filter finds, is asked before it is done. \`--yes\` does it without
asking; where there is no terminal, it is refused without \`--yes\`.`

const MANY =
  'runs cancel, retry, resume, send-event and delete take ids, or the filters of runs list, of which one is required (or --all).'

function overview(commands) {
  const link = ({ name }) => `[\`${name}\`](#${name.replaceAll(' ', '-')})`
  return compactTable([
    ['command', 'what it does'],
    ...commands.map((each) => [link(each), escaped(firstSentence(each.summary))]),
  ])
}

function fileTable() {
  const rows = Object.entries(FILE_SCHEMA).map(([name, { words }]) => [`\`${name}\``, escaped(firstSentence(words))])
  return compactTable([['setting', 'what it means'], ...rows])
}

function exitTable() {
  return compactTable([['code', 'means'], ...EXIT_WORDS.map(([code, words]) => [String(code), escaped(words)])])
}

function flagTable(flags) {
  const rows = Object.entries(flags).map(([name, flag]) => [
    `\`${escaped(shownFlag(name, flag))}\``,
    escaped(wordsOf(flag)),
  ])
  return compactTable([['flag', 'what it does'], ...rows])
}

function sectionOf(command) {
  const { name, summary, words = [], args = [], flags, groups = [], examples } = command
  const own = [summary, ...words].filter((each) => each !== BULK).map((each) => wrapped(each, WIDTH).join('\n'))
  const parts = [`### \`${name}\``, `    ${callOf(command)}`, ...own]
  if (args.length > 0) {
    const choice = ({ words, choices }) => (choices ? `${words}: ${choices.join(', ')}` : words)
    parts.push(
      compactTable([['argument', 'what it is'], ...args.map((each) => [`\`${each.name}\``, escaped(choice(each))])]),
    )
  }
  if (flags) parts.push(flagTable(flags))
  const shared = sectionsOf(command)
    .map(({ title }) => title)
    .filter((title) => Object.values(GROUPS).some((group) => group.title === title))
  if (groups.length > 0)
    parts.push(
      `And: ${shared.map((title) => `[${title.toLowerCase()}](#${title.toLowerCase().replaceAll(' ', '-')})`).join(', ')}.`,
    )
  parts.push(
    `\`\`\`sh\n${examples.map(({ line, words }) => `# ${words}\nflowcraft-rabbitmq ${line}`).join('\n')}\n\`\`\``,
  )
  return parts
}
