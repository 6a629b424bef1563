/** Reads a command line: which command is meant, its flags and its arguments. */
import { parseArgs } from 'node:util'
import { nearest } from '../options/nearest.js'
import type { Command, Flag, Flags } from './command.js'
import { usage } from './exit.js'
import { Parsed } from './parsed.js'
import { flagsOf } from './shared-flags.js'

/** What a command line asks for. */
export type Asked =
  | { kind: 'run'; command: Command; parsed: Parsed }
  | { kind: 'help'; words: readonly string[] }
  | { kind: 'version' }

interface Token {
  name: string
  written: string
  value: string | undefined
  isInline: boolean
}

/**
 * @param argv What follows the program's name.
 * @throws CliError where it cannot be read, with what may have been meant.
 */
export function parse(argv: readonly string[], commands: readonly Command[]): Asked {
  const { words, tokens } = split(argv, allFlags(commands))
  const command = commandOf(words, commands)
  if (tokens.some(({ name }) => name === 'help') || words[0] === 'help') {
    return { kind: 'help', words: words[0] === 'help' ? words.slice(1) : words }
  }
  if (tokens.some(({ name }) => name === 'version')) return { kind: 'version' }
  if (!command) throw unknownCommand(words, commands)
  const values = valuesOf(tokens, command)
  const args = words.slice(command.name.split(' ').length)
  checkArguments(args, command)
  return { kind: 'run', command, parsed: new Parsed(args, values) }
}

/** Flags and other words. Which flags take values is known before the command is: they do so in every command. */
function split(argv: readonly string[], flags: Flags): { words: string[]; tokens: Token[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
    ]),
  )
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true })
  const words: string[] = []
  const given: Token[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    else if (token.kind === 'option') {
      const { name, rawName, value, inlineValue } = token
      given.push({ name, written: rawName, value, isInline: inlineValue === true })
    }
  }
  return { words, tokens: given }
}

function allFlags(commands: readonly Command[]): Flags {
  return Object.assign({}, ...commands.map(flagsOf))
}

/** The command whose name the words begin with; the longest. */
export function commandOf(words: readonly string[], commands: readonly Command[]): Command | undefined {
  const begun = commands.filter(({ name }) => name.split(' ').every((word, at) => words[at] === word))
  return begun.sort((one, other) => other.name.length - one.name.length)[0]
}

function unknownCommand(words: readonly string[], commands: readonly Command[]): Error {
  const [first, second] = words
  if (first === undefined) return usage('No command was given', 'flowcraft-rabbitmq --help lists all commands')
  const group = commands.filter(({ name }) => name.startsWith(`${first} `))
  const verbs = group.map(({ name }) => name.split(' ')[1] ?? '')
  if (group.length > 0 && second === undefined) {
    return usage(
      `'${first}' needs a word after it: ${verbs.join(', ')}`,
      `flowcraft-rabbitmq ${first} --help says more`,
    )
  }
  const said = group.length > 0 ? `${first} ${second}` : first
  const nouns = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))]
  const meant = group.length > 0 ? nearest(second ?? '', verbs) : nearest(first, nouns)
  const advice = meant === undefined ? [] : [`did you mean 'flowcraft-rabbitmq ${said.replace(/\S+$/, meant)}'?`]
  return usage(`There is no command '${said}'`, ...advice, 'flowcraft-rabbitmq --help lists all commands')
}

function valuesOf(tokens: readonly Token[], command: Command): Map<string, string[]> {
  const flags = flagsOf(command)
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (!flag) throw unknownFlag(token, flags, command)
    const value = readValue(token, flag)
    const before = values.get(token.name)
    if (before && !flag.many) throw usage(`${token.written} was given twice`)
    values.set(token.name, [...(before ?? []), value])
  }
  return values
}

function unknownFlag({ name, written }: Token, flags: Flags, command: Command): Error {
  const meant = nearest(name, Object.keys(flags))
  const advice = meant === undefined ? [] : [`did you mean --${meant}?`]
  const more = `flowcraft-rabbitmq ${command.name} --help lists its flags`
  return usage(`'${command.name}' has no flag ${written}`, ...advice, more)
}

function readValue({ written, value, isInline }: Token, flag: Flag): string {
  if (flag.value === undefined) {
    if (value !== undefined) throw usage(`${written} takes no value`)
    return ''
  }
  if (value === undefined || (!isInline && value.length > 1 && value.startsWith('-'))) {
    throw usage(`${written} needs a value: <${flag.value}>`)
  }
  if (flag.choices && !flag.choices.includes(value)) {
    throw usage(`${written} takes ${flag.choices.join(', ')}, not '${value}'`)
  }
  return value
}

function checkArguments(args: readonly string[], { name, args: wanted = [] }: Command): void {
  const more = `flowcraft-rabbitmq ${name} --help shows how it is called`
  const missing = wanted.find(({ required }, at) => required && args[at] === undefined)
  if (missing) throw usage(`'${name}' needs <${missing.name}>: ${missing.words}`, more)
  if (!wanted.at(-1)?.many && args.length > wanted.length) {
    throw usage(`'${name}' does not know what to do with '${args[wanted.length]}'`, more)
  }
  for (const [at, { choices }] of wanted.entries()) {
    const given = args[at]
    if (choices && given !== undefined && !choices.includes(given)) {
      throw usage(`<${wanted[at]?.name}> is one of ${choices.join(', ')}, not '${given}'`, more)
    }
  }
}
