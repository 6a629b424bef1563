#!/usr/bin/env node
/** The command line `flowcraft-rabbitmq`. */
import { readFileSync } from 'node:fs'
import { COMMANDS } from './commands.js'
import { EXIT } from './exit.js'
import { report } from './failures.js'
import { helpOf, helpOfAll } from './help.js'
import { Io } from './io.js'
import { commandOf, parse } from './parse.js'

/** After Ctrl-C, how long a command may take to end in order, in milliseconds. */
const PATIENCE = 5_000

async function main(argv: readonly string[], io: Io, interruption: Interruption): Promise<number> {
  if (argv.length === 0) {
    await io.write(helpOfAll(COMMANDS, io.paint))
    return EXIT.usage
  }
  const asked = parse(argv, COMMANDS)
  if (asked.kind === 'version') await io.write(`${version()}\n`)
  else if (asked.kind === 'help') await io.write(helpFor(asked.words, io))
  else {
    const { run } = await asked.command.load()
    interruption.isPatient = asked.command.endsItself === true
    const { signal } = interruption
    return (await run({ parsed: asked.parsed, io, signal, commands: COMMANDS })) ?? EXIT.done
  }
  return EXIT.done
}

/** The help of a command, of those that begin with a word, or of all. */
function helpFor(words: readonly string[], io: Io): string {
  const command = commandOf(words, COMMANDS)
  if (command) return helpOf(command, io.paint)
  const group = COMMANDS.filter(({ name }) => words[0] !== undefined && name.startsWith(`${words[0]} `))
  return helpOfAll(group.length > 0 ? group : COMMANDS, io.paint)
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** The first Ctrl-C asks the command to end, the second one ends it. */
class Interruption {
  readonly #controller = new AbortController()
  /** Whether the command has the time it needs. */
  isPatient = false

  constructor() {
    process.on('SIGINT', () => {
      if (this.signal.aborted) process.exit(EXIT.interrupted)
      this.#controller.abort()
      if (!this.isPatient) setTimeout(() => process.exit(EXIT.interrupted), PATIENCE).unref()
    })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }
}

const io = new Io()
const interruption = new Interruption()
const { signal } = interruption
let code: number
try {
  code = await main(process.argv.slice(2), io, interruption)
} catch (error) {
  code = signal.aborted ? EXIT.interrupted : report(error, io)
}
io.endProgress()
await io.flush()
// What the engine has open keeps nobody waiting.
process.exit(signal.aborted ? EXIT.interrupted : code)
