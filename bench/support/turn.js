// One turn in a process of its own, with an end: a contestant that crashes or hangs costs its figure, not the bench.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../contest.js', import.meta.url))
const PATIENCE = 240_000

/** @returns {Promise<{ report?: Record<string, number>, error?: string }>} */
export function takeTurn(turn) {
  return new Promise((resolve) => {
    const env = { ...process.env, NODE_ENV: 'production', TURN: JSON.stringify(turn) }
    const child = fork(PROGRAM, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let outcome
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (said = `${said}${text}`.slice(-500)))
    const timer = setTimeout(() => {
      outcome ??= { error: `did not end within ${PATIENCE / 1000} s` }
      child.kill('SIGKILL') // its worker ends with it: the line between them closes
    }, PATIENCE)
    child.once('message', (message) => (outcome = message))
    child.once('error', (error) => (outcome ??= { error: error.message }))
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve(outcome ?? { error: `ended (${signal ?? `exit code ${code}`}). ${said}`.trim() })
    })
  })
}
