/** Scripts that complete commands and flags, for the shells that people use. */
import type { Command, Flag, Flags } from './command.js'
import { flagsOf } from './shared-flags.js'

export type Shell = 'bash' | 'zsh' | 'fish'

const PROGRAM = 'flowcraft-rabbitmq'

export function scriptFor(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands)
}

/** What may stand after each beginning of a command. */
function wordsAfter(commands: readonly Command[]): Map<string, string[]> {
  const words = new Map<string, string[]>()
  for (const { name, args = [] } of commands) {
    const [noun = '', verb] = name.split(' ')
    add(words, '', noun)
    if (verb !== undefined) add(words, noun, verb)
    for (const choice of args[0]?.choices ?? []) add(words, name, choice)
  }
  return words
}

function add(words: Map<string, string[]>, after: string, word: string): void {
  const known = words.get(after) ?? []
  if (!known.includes(word)) words.set(after, [...known, word])
}

function allFlags(commands: readonly Command[]): [string, Flag][] {
  return Object.entries(Object.assign({}, ...commands.map(flagsOf)) as Flags)
}

function bash(commands: readonly Command[]): string {
  const flags = allFlags(commands)
  const taking = flags.filter(([, { value }]) => value !== undefined)
  const written = (all: readonly [string, Flag][]) =>
    all.flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])])
  const cases = [...wordsAfter(commands)].map(([after, words]) => `    '${after}') words='${words.join(' ')}' ;;`)
  const ofCommand = commands.map(
    (command) => `    '${command.name}') flags='${written(Object.entries(flagsOf(command))).join(' ')}' ;;`,
  )
  // By command: two of them may give one flag other choices.
  const choices = commands.flatMap((command) =>
    Object.entries(flagsOf(command)).flatMap(([name, { choices, short }]) => {
      if (!choices) return []
      const said = [`--${name}`, ...(short ? [`-${short}`] : [])].map((flag) => `'${command.name} ${flag}'`).join('|')
      return [`    ${said}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$now")); return ;;`]
    }),
  )
  return `# ${PROGRAM}: completion for bash
_flowcraft_rabbitmq() {
  local now="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" said='' at words='' flags=''
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      ${written(taking).join('|')}) ((at++)) ;;
      -*) ;;
      *) said="\${said:+$said }\${COMP_WORDS[at]}" ;;
    esac
  done
  case "$said" in
${cases.join('\n')}
  esac
  local command="$(cut -d' ' -f1-2 <<< "$said")"
  case "$command" in
${ofCommand.join('\n')}
  esac
  [[ -z "$flags" ]] && command="\${command%% *}" && case "$command" in
${ofCommand.filter((line) => !/^ {4}'\S+ /.test(line)).join('\n')}
  esac
  case "$command $before" in
${choices.join('\n')}
  esac
  case "$before" in
    ${written(taking).join('|')}) COMPREPLY=($(compgen -f -- "$now")); return ;;
  esac
  if [[ "$now" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$now"))
  elif [[ -n "$words" ]]; then COMPREPLY=($(compgen -W "$words" -- "$now"))
  else COMPREPLY=($(compgen -f -- "$now")); fi
}
complete -o filenames -F _flowcraft_rabbitmq ${PROGRAM}
`
}

function zsh(commands: readonly Command[]): string {
  const escaped = (text: string) => text.replace(/'/g, `'\\''`).replace(/[[\]:]/g, '\\$&')
  const ofFlags = (flags: Flags) =>
    Object.entries(flags).map(([name, { words, value, choices, isPath, many }]) => {
      const takes =
        value === undefined ? '' : `:${escaped(value)}:${choices ? `(${choices.join(' ')})` : isPath ? '_files' : ''}`
      return `'${many ? '*' : ''}--${name}[${escaped(words)}]${takes}'`
    })
  const cases = commands.map((command) => {
    const [first] = command.args ?? []
    const rest = first?.choices ? `'*:${first.name}:(${first.choices.join(' ')})'` : "'*: :_files'"
    return `    '${command.name}') _arguments ${[...ofFlags(flagsOf(command)), rest].join(' ')} ;;`
  })
  const groups = [...wordsAfter(commands)].filter(([after]) => !commands.some(({ name }) => name === after))
  const words = groups.map(([after, all]) => `    '${after}') compadd -- ${all.join(' ')} ;;`)
  return `#compdef ${PROGRAM}
_flowcraft_rabbitmq() {
  local said="\${(j: :)\${words[2,CURRENT-1]:#-*}}"
  local command="\${(j: :)\${(s: :)said}[1,2]}"
  case "$said" in
${words.join('\n')}
    *) case "$command" in
${cases.join('\n')}
    *) case "\${command%% *}" in
${cases.filter((line) => !/^ {4}'\S+ /.test(line)).join('\n')}
    esac ;;
    esac ;;
  esac
}
compdef _flowcraft_rabbitmq ${PROGRAM}
`
}

function fish(commands: readonly Command[]): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
  const lines = [`# ${PROGRAM}: completion for fish`, `complete -c ${PROGRAM} -f`]
  const nouns = new Map<string, string>()
  for (const { name, summary } of commands) {
    const [noun = '', verb] = name.split(' ')
    if (!nouns.has(noun)) nouns.set(noun, verb === undefined ? summary : `${noun} …`)
    if (verb !== undefined) {
      const seen = `__fish_seen_subcommand_from ${noun}; and test (count (commandline -opc)) -eq 2`
      lines.push(`complete -c ${PROGRAM} -n ${quoted(seen)} -a ${verb} -d ${quoted(summary)}`)
    }
  }
  for (const [noun, words] of nouns) {
    lines.push(`complete -c ${PROGRAM} -n __fish_use_subcommand -a ${noun} -d ${quoted(words)}`)
  }
  for (const command of commands) {
    const seen = command.name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ')
    for (const choice of command.args?.[0]?.choices ?? [])
      lines.push(`complete -c ${PROGRAM} -n ${quoted(seen)} -a ${choice}`)
    for (const [name, { words, short, value, choices, isPath }] of Object.entries(flagsOf(command))) {
      const takes = value === undefined ? '' : isPath ? ' -rF' : ' -x'
      const only = choices ? ` -a ${quoted(choices.join(' '))}` : ''
      lines.push(
        `complete -c ${PROGRAM} -n ${quoted(seen)} -l ${name}${short ? ` -s ${short}` : ''}${takes}${only} -d ${quoted(words)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}
