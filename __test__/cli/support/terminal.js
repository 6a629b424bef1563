// A command on a terminal of its own, as `script` makes one.
import { spawn } from 'node:child_process'
import { MAIN, SERVERS } from './cli.js'

const hasScript = await new Promise((resolve) => {
  const child = spawn('script', ['--version'])
  child.on('error', () => resolve(false))
  child.on('close', (code) => resolve(code === 0))
})

/** Options of tests that need one. */
export const ON_A_TERMINAL = { skip: !hasScript && 'there is no script of util-linux' }

/** Ends with what it printed: `input` is typed once it asks, `on` acts once that text is printed. */
export async function terminalCommand(args, { input = '', env = {}, on } = {}) {
  const line = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const { NO_COLOR, CI, FORCE_COLOR, ...bare } = process.env
  const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...bare, ...SERVERS, TERM: 'xterm', ...env } })
  let printed = ''
  child.stdout.on('data', (text) => {
    printed += text
    if (input && printed.includes('[y/N]')) {
      child.stdin.write(input)
      input = ''
    }
    if (on && printed.includes(on.text)) {
      on.act()
      on = undefined
    }
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, printed }
}
