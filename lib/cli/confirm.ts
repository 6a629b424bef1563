/** Asks before what cannot be undone. */
import { createInterface } from 'node:readline/promises'
import type { Call } from './command.js'
import { CliError, EXIT } from './exit.js'

/**
 * Goes on only if a person says yes, or `--yes` was given.
 *
 * @param what What is about to happen, as a question.
 * @throws CliError where the answer is no, or nobody can be asked.
 */
export async function confirm({ parsed, io, signal }: Call, what: string): Promise<void> {
  if (parsed.has('yes')) return
  if (!io.canAsk) {
    throw new CliError(`Not confirmed: ${what}`, EXIT.unconfirmed, [
      'cannot ask without a terminal: give --yes if you are sure',
    ])
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question(`${what} [y/N] `, { signal }).finally(() => lines.close())
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done', EXIT.unconfirmed)
}
