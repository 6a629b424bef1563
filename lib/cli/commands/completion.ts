/** `completion`. */
import type { Run } from '../command.js'
import { type Shell, scriptFor } from '../completion.js'

export const run: Run = async ({ parsed, io, commands }) => {
  await io.write(scriptFor(parsed.args[0] as Shell, commands))
  return undefined
}
