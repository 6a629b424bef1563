// Runs a tool of the set-up to its end. What it says is shown only if it fails.

import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

const WINDOWS = process.platform === 'win32'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** How much of a failed tool's output is shown, of its begin and of its end. */
const HEAD_LINES = 8
const TAIL_LINES = 32

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} context
 * @returns {Promise<void>}
 */
export function runQuietly(program, args, { cwd, env = process.env }) {
  return new Promise((resolve, reject) => {
    // In a group of its own, so that a signal can be passed on to the compilers as well.
    const options = { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: !WINDOWS, shell: WINDOWS }
    const child = spawn(program, args, options)
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))

    let interrupted
    const passOn = (signal) => {
      interrupted = signal
      if (WINDOWS) child.kill(signal)
      else process.kill(-child.pid, signal)
    }
    for (const signal of SIGNALS) process.on(signal, passOn)
    const finish = (error) => {
      for (const signal of SIGNALS) process.off(signal, passOn)
      if (interrupted) process.kill(process.pid, interrupted)
      if (error) reject(error)
      else resolve()
    }
    child.once('error', (error) => finish(new Error(`Could not run ${program}: ${error.message}`)))
    child.once('close', (code, signal) => {
      if (code === 0) return finish()
      const failure = `\`${program} ${args.join(' ')}\` failed (${signal ?? `exit code ${code}`}).`
      finish(new Error(`${shortened(said)}\n\n${failure}`))
    })
  })
}

function shortened(text) {
  const lines = stripVTControlCharacters(text).trim().split('\n')
  if (lines.length > HEAD_LINES + TAIL_LINES) lines.splice(HEAD_LINES, lines.length - HEAD_LINES - TAIL_LINES, '[...]')
  return lines.join('\n')
}
