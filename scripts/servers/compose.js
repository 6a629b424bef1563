// Starts servers with Docker Compose, for machines that have a Docker engine but not the server programs.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePorts } from './ports.js'

const run = promisify(execFile)

const FILE = fileURLToPath(new URL('../../compose.yaml', import.meta.url))

const PORT_VARIABLES = {
  rabbitmq: 'FLOWCRAFT_RABBITMQ_PORT',
  postgres: 'FLOWCRAFT_POSTGRES_PORT',
  redis: 'FLOWCRAFT_REDIS_PORT',
}
const URLS = {
  rabbitmq: (port) => `amqp://guest:guest@127.0.0.1:${port}`,
  postgres: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
  redis: (port) => `redis://127.0.0.1:${port}`,
}

/** Whether there is a Docker engine that answers, and Compose with it. */
export async function dockerAnswers() {
  try {
    await run('docker', ['info'], { timeout: 20_000 })
    await run('docker', ['compose', 'version'], { timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

/**
 * @param {string[]} names of the servers to start
 * @param {{ cleanup: import('./cleanup.js').Cleanup }} context
 * @returns {Promise<Record<string, { url: string }>>}
 */
export async function startCompose(names, { cleanup }) {
  const project = `flowcraft-${process.pid}-${Date.now().toString(36)}`
  const compose = (...args) => ['compose', '--file', FILE, '--project-name', project, ...args]
  cleanup.runAtEnd('docker', compose('down', '--volumes', '--timeout', '1'))

  for (let attempt = 1; ; attempt++) {
    cleanup.refuseIfBegun()
    const ports = await freePorts(names.length)
    const env = { ...process.env }
    for (const [i, name] of names.entries()) env[PORT_VARIABLES[name]] = String(ports[i])
    try {
      await run('docker', compose('up', '--detach', '--wait', ...names), { env, maxBuffer: 1 << 26 })
      return Object.fromEntries(names.map((name, i) => [name, { url: URLS[name](ports[i]) }]))
    } catch (error) {
      const portTaken = /port is already allocated|address already in use/i.test(error.stderr)
      if (portTaken && attempt < 3) continue
      throw new Error(`Docker Compose could not start ${names.join(', ')}:\n${error.stderr?.trim() || error}`)
    }
  }
}
