/** `completion`. */
import type { Run } from '../command.js'
import { COMMANDS } from '../commands.js'
import { type Shell, scriptFor } from '../completion.js'

export const run: Run = async ({ parsed, io }) => {
  await io.write(scriptFor(parsed.args[0] as Shell, COMMANDS))
  return undefined
}
