/** What a command is, as data: parsing, help, completion and the documentation are made of it. */
import type { Io } from './io.js'
import type { Parsed } from './parsed.js'

/** A flag of a command. Flags of one name mean the same kind of value in every command. */
export interface Flag {
  /** What it means: one sentence or more, the first word in lower case where it completes a line. */
  readonly words: string
  /** What stands for its value in the help; absent where it takes none. */
  readonly value?: string
  /** One letter. */
  readonly short?: string
  /** Whether it may be given several times. */
  readonly many?: boolean
  /** The only values there are. */
  readonly choices?: readonly string[]
  /** Whether its value is a path, for completion. */
  readonly isPath?: boolean
}

export type Flags = Readonly<Record<string, Flag>>

/** What stands after the command's name. */
export interface Argument {
  readonly name: string
  readonly words: string
  readonly required?: boolean
  readonly many?: boolean
  readonly choices?: readonly string[]
}

export interface Example {
  /** What follows the program's name. */
  readonly line: string
  readonly words: string
}

/** The flags that many commands share, by what they are about. */
export type FlagGroup = 'servers' | 'output' | 'filters' | 'confirmation'

export interface Command {
  /** One word or two: `doctor`, `runs list`. */
  readonly name: string
  /** One sentence. */
  readonly summary: string
  /** Further paragraphs. */
  readonly words?: readonly string[]
  readonly args?: readonly Argument[]
  readonly flags?: Flags
  readonly groups?: readonly FlagGroup[]
  readonly examples: readonly Example[]
  /** At Ctrl-C it takes the time it needs; any other is ended after a while. */
  readonly endsItself?: boolean
  /** Loaded when it is run: the help needs neither the engine nor a server. */
  readonly load: () => Promise<{ run: Run }>
}

/** Does it; answers with the exit code, nothing for 0. */
export type Run = (call: Call) => Promise<number | undefined>

/** A command as it was called. */
export interface Call {
  readonly parsed: Parsed
  readonly io: Io
  /** Every command there is. */
  readonly commands: readonly Command[]
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal
}
