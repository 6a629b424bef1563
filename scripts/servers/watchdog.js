// The process that cleans up, run by cleanup.js as a child with a pipe on its standard input.
//
// The pipe closes when the program that started the servers wants them gone, and also when that program ends
// in any way at all, SIGKILL included. So there is exactly one place where servers and files are removed.

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { endFamily } from './processes.js'

const folder = process.argv[2]
const servers = new Map()
const commands = []
let keepFolder = false

// The signals are for the program that started the servers; its end is what counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

const orders = {
  watch: ({ pid, signal }) => servers.set(pid, signal),
  forget: (pid) => servers.delete(pid),
  runAtEnd: (command) => commands.push(command),
  keepFolder: (keep) => (keepFolder = keep),
}

for await (const line of createInterface({ input: process.stdin })) {
  for (const [order, value] of Object.entries(JSON.parse(line))) orders[order](value)
}

await Promise.all([...servers].map(([pid, signal]) => endFamily(pid, signal, 5000)))
for (const [program, args, env] of commands) {
  spawnSync(program, args, { stdio: 'ignore', env: { ...process.env, ...env } })
}
if (!keepFolder) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
