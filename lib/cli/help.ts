/** The help, and the same as plain data for the documentation. */
import type { Argument, Command, Flags } from './command.js'
import { EXIT_WORDS } from './exit.js'
import type { Paint } from './io.js'
import { COMMON, GROUPS } from './shared-flags.js'

const PROGRAM = 'flowcraft-rabbitmq'
/** How wide a text is. */
const WIDTH = 100

/** How a command is called. */
export function callOf({ name, args = [] }: Command): string {
  return [PROGRAM, name, ...args.map(shownArgument), '[flags]'].join(' ')
}

function shownArgument({ name, required, many }: Argument): string {
  const shown = many ? `${name}...` : name
  return required ? `<${shown}>` : `[${shown}]`
}

/** How a flag is written. */
export function shownFlag(name: string, { value, short }: Flags[string] & object): string {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`
  return short ? `-${short}, ${long}` : long
}

/** The flags of a command, by what they are about. */
export function sectionsOf({ flags, groups = [] }: Command): { title: string; flags: Flags }[] {
  const own = flags ? [{ title: 'Flags', flags }] : []
  return [...own, ...groups.map((group) => GROUPS[group]), { title: 'Help', flags: COMMON }]
}

/** The words of a flag, with the values it takes. */
export function wordsOf({ words, choices, many }: Flags[string] & object): string {
  const told = choices ? `${words}: ${choices.join(', ')}` : words
  return many ? `${told} (several: comma, or the flag again)` : told
}

/** The help of a command. */
export function helpOf(command: Command, paint: Paint): string {
  const { summary, words = [], args = [], examples } = command
  const lines = [
    paint('bold', callOf(command)),
    '',
    ...wrapped(summary),
    ...words.flatMap((each) => ['', ...wrapped(each)]),
  ]
  if (args.length > 0) {
    lines.push('', paint('bold', 'Arguments'))
    lines.push(...listed(args.map((each) => [shownArgument(each), argumentWords(each)])))
  }
  for (const { title, flags } of sectionsOf(command)) {
    lines.push('', paint('bold', title))
    lines.push(...listed(Object.entries(flags).map(([name, flag]) => [shownFlag(name, flag), wordsOf(flag)])))
  }
  lines.push('', paint('bold', 'Examples'))
  for (const { line, words: told } of examples) lines.push(`  ${PROGRAM} ${line}`, paint('dim', `      ${told}`))
  lines.push('', paint('bold', 'Exit codes'), ...exitCodes())
  return `${lines.join('\n')}\n`
}

function argumentWords({ words, choices }: Argument): string {
  return choices ? `${words}: ${choices.join(', ')}` : words
}

/** The help of all commands, or of those that begin with a word. */
export function helpOfAll(commands: readonly Command[], paint: Paint): string {
  const lines = [
    paint('bold', `${PROGRAM} <command> [flags]`),
    '',
    ...wrapped('Operates flowcraft workflows over RabbitMQ, PostgreSQL and Redis.'),
    '',
    paint('bold', 'Commands'),
    ...listed(commands.map(({ name, summary }) => [name, summary])),
    '',
    ...wrapped(
      'Servers come from flags, else from the environment (AMQP_URL, DATABASE_URL, REDIS_URL), else from "rabbitmq" in .flowcraft.json. ' +
        `Something is wrong and you do not know where? ${PROGRAM} doctor`,
    ),
    '',
    paint('bold', 'Exit codes'),
    ...exitCodes(),
    '',
    `${PROGRAM} <command> --help shows the flags of a command, with examples.`,
  ]
  return `${lines.join('\n')}\n`
}

function exitCodes(): string[] {
  return listed(EXIT_WORDS.map(([code, words]) => [String(code), words]))
}

function listed(pairs: readonly (readonly [string, string])[]): string[] {
  const longest = Math.max(...pairs.map(([name]) => name.length))
  const indent = ' '.repeat(longest + 4)
  return pairs.flatMap(([name, words]) => {
    const [first = '', ...more] = wrapped(words, WIDTH - indent.length)
    return [`  ${name.padEnd(longest)}  ${first}`, ...more.map((line) => indent + line)]
  })
}

/** A text in lines. */
export function wrapped(text: string, width = WIDTH): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
