/** How the command line ends: its exit codes, and the errors that lead to them. */

/** The exit codes. They are part of the interface: scripts decide by them. */
export const EXIT = {
  done: 0,
  notSo: 1,
  usage: 2,
  server: 3,
  unconfirmed: 4,
  timedOut: 5,
  bug: 70,
  interrupted: 130,
  pipeClosed: 141,
} as const

/** The exit codes in words, for the help. */
export const EXIT_WORDS: readonly (readonly [number, string])[] = [
  [EXIT.done, 'done'],
  [EXIT.notSo, 'the answer is no: doctor found a fault, a run failed or does not exist, an action was refused'],
  [EXIT.usage, 'the command, a flag or a setting is wrong; nothing was done'],
  [EXIT.server, 'a server cannot be reached or refuses; doctor says more'],
  [EXIT.unconfirmed, 'not confirmed: the answer was no, or nobody could be asked and --yes was not given'],
  [EXIT.timedOut, 'the time of --timeout is over'],
  [EXIT.bug, 'an error of this program'],
  [EXIT.interrupted, 'interrupted (Ctrl-C)'],
  [EXIT.pipeClosed, 'whoever read the output has closed it'],
]

/** Ends the command with a message for people and an exit code. */
export class CliError extends Error {
  readonly exit: number
  /** What to do about it, in whole sentences or commands. */
  readonly todo: readonly string[]

  constructor(message: string, exit: number, todo: readonly string[] = []) {
    super(message)
    this.exit = exit
    this.todo = todo
  }
}

/** The command, a flag or a setting is wrong. */
export function usage(message: string, ...todo: string[]): CliError {
  return new CliError(message, EXIT.usage, todo)
}
