// Runs a program of the checks and tests, in the repository.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** How long the rest of a program's output may take once it has ended. */
const AFTER_EXIT_MS = 5000

/** A program of a package that is installed here. */
export const tool = (path) => join(repository, 'node_modules', path)

/**
 * Runs a program; answers with its exit code and what it printed. A variable that is undefined in `env` is taken away.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string | undefined>, show?: boolean, limit?: number }} [options] `show` passes its
 *   output on; after `limit` seconds the program is killed
 */
export function run(command, args, { env = {}, show = false, limit } = {}) {
  return new Promise((resolve, reject) => {
    const variables = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined)
    const child = spawn(command, args, {
      cwd: repository,
      env: Object.fromEntries(variables),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    const clock = limit && setTimeout(() => kill(child, limit), limit * 1000)
    const take = (stream) => (data) => {
      printed += data
      if (show) stream.write(data)
    }
    child.stdout.on('data', take(process.stdout))
    child.stderr.on('data', take(process.stderr))
    child.on('error', reject)
    child.on('exit', (code) => {
      clearTimeout(clock)
      const done = () => resolve({ ok: code === 0, printed })
      // A server that a test has left behind keeps the pipes open: what it has to say is no longer of interest.
      const late = setTimeout(done, AFTER_EXIT_MS)
      child.on('close', () => {
        clearTimeout(late)
        done()
      })
    })
  })
}

function kill(child, limit) {
  console.error(`${child.spawnargs.slice(0, 3).join(' ')} ... has not ended after ${limit} s, and is killed`)
  child.kill('SIGKILL')
}
