// The command line as a user runs it: a process of the built program.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { urls } from '../../fixtures/shared-servers.js'

export const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
export const FLOWS = fileURLToPath(new URL('../programs/flows.js', import.meta.url))
export const WORKER = fileURLToPath(new URL('../programs/worker.js', import.meta.url))
/** A folder without a file of settings. */
const HERE = fileURLToPath(new URL('../programs', import.meta.url))

/** Variables that change what is printed, or where servers are. */
const OWN = /^(AMQP_URL|DATABASE_URL|REDIS_URL|PG[A-Z]+|NO_COLOR|FORCE_COLOR|NODE_TEST_CONTEXT|CI)$/
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN.test(name)))

/** Starts it; `done` is how it ended and what it printed. */
export function start(args, { env = {}, cwd = HERE, input, node = [] } = {}) {
  const child = spawn(process.execPath, [...node, MAIN, ...args], { cwd, env: { ...bare, ...env } })
  const printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8')
    child[stream].on('data', (text) => {
      printed[stream] += text
    })
  }
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const done = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...printed }))
  })
  return { child, printed, done }
}

export const cli = (args, options) => start(args, options).done

/** The variables that say where the servers are. */
export const SERVERS = { AMQP_URL: urls.amqp, DATABASE_URL: urls.direct, REDIS_URL: urls.redis }

/** Runs commands over the tables and the queue of a test. */
export function cliOf(servers, more = {}) {
  const where = () => ['--contexts', servers.contextTable, '--statuses', servers.statusTable, '--queue', servers.queue]
  const env = { ...SERVERS, ...more.env }
  const run = (line, options = {}) =>
    cli([...words(line), ...where()], { ...more, ...options, env: { ...env, ...options.env } })
  run.start = (line, options = {}) =>
    start([...words(line), ...where()], { ...more, ...options, env: { ...env, ...options.env } })
  /** What it prints as JSON. */
  run.json = async (line, options) => JSON.parse((await run([...words(line), '-o', 'json'], options)).stdout)
  return run
}

/** Commands without quotes may be written as a line. */
function words(line) {
  return Array.isArray(line) ? line : line.split(' ')
}
