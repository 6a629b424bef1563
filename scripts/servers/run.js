// Runs a command with servers at its side:  node scripts/servers/run.js -- <command> [args...]
// The command finds them in AMQP_URL, DATABASE_URL and REDIS_URL. Without a command, prints these three and
// keeps the servers until Ctrl-C.

import { spawn } from 'node:child_process'
import { startServers } from './index.js'

const args = process.argv.slice(2)
if (args[0] === '--') args.shift()

let servers
try {
  servers = await startServers({ log: (line) => console.error(line) })
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

if (args.length === 0) {
  for (const [name, value] of Object.entries(servers.env)) console.log(`${name}=${value}`)
  console.error('Press Ctrl-C to stop.')
  setInterval(() => {}, 1 << 30) // a signal ends us, and the servers with us
} else {
  const { code, signal } = await runCommand(args)
  await servers.stop()
  if (signal) process.kill(process.pid, signal)
  else process.exitCode = code
}

/** One word if all three servers come from the same place, which is nearly always so. */
function origin() {
  return [...new Set(Object.values(servers.origin))].join(',')
}

/** Signals meant for us go to the command: it decides how to end, and the servers stay until it has. */
function runCommand([program, ...rest]) {
  const env = { ...process.env, ...servers.env, FLOWCRAFT_SERVERS: origin() }
  return new Promise((resolve) => {
    const command = spawn(program, rest, { stdio: 'inherit', env })
    const forward = (signal) => {
      // In a terminal, Ctrl-C reaches the command without our help; twice would be a second Ctrl-C.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) command.kill(signal)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const each of signals) process.on(each, forward)
    const finish = (result) => {
      for (const each of signals) process.off(each, forward)
      resolve(result)
    }
    command.once('exit', (code, signal) => finish({ code, signal }))
    command.once('error', (error) => {
      console.error(`Could not run ${program}: ${error.message}`)
      finish({ code: 127 })
    })
  })
}
