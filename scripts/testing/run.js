// Runs a program of the checks and tests, in the repository.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** A program of a package that is installed here. */
export const tool = (path) => join(repository, 'node_modules', path)

/**
 * Runs a program; answers with its exit code and what it printed. A variable that is undefined in `env` is taken away.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string | undefined>, show?: boolean }} [options] `show` passes its output on
 */
export function run(command, args, { env = {}, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const variables = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined)
    const child = spawn(command, args, {
      cwd: repository,
      env: Object.fromEntries(variables),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    const take = (stream) => (data) => {
      printed += data
      if (show) stream.write(data)
    }
    child.stdout.on('data', take(process.stdout))
    child.stderr.on('data', take(process.stderr))
    child.on('error', reject)
    child.on('close', (code) => resolve({ ok: code === 0, printed }))
  })
}
