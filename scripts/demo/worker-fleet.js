// The worker processes of the demo: the example's worker, started several times.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const WORKER = fileURLToPath(new URL('../../examples/order-fulfilment/worker.js', import.meta.url))
const LEASH = new URL('end-with-parent.js', import.meta.url).href
const STOP_TIMEOUT = 10_000

export class WorkerFleet {
  #env
  #workers = new Map()
  #stopping = false

  /** @param {NodeJS.ProcessEnv} env */
  constructor(env) {
    this.#env = env
  }

  /** How many are alive. */
  get size() {
    return this.#workers.size
  }

  /**
   * @param {string} name
   * @param {(line: string) => void} tell is told what the worker says, and if it ends before it is asked to
   * @returns {string} which process it is
   */
  start(name, tell) {
    const child = spawn(process.execPath, ['--import', LEASH, WORKER], {
      env: { ...this.#env, WORKER_NAME: name },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#workers.set(name, child)
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => tell(`${name}: ${line}`))
    }
    child.once('error', (error) => tell(`${name} could not be started: ${error.message}`))
    child.once('close', (code, signal) => {
      this.#workers.delete(name)
      if (this.#stopping) return
      const rest = this.size > 0 ? '; within 15 s, another worker takes over what it was doing' : ''
      tell(`${name} has ended (${signal ?? `exit code ${code}`})${rest}`)
    })
    return `process ${child.pid}`
  }

  /** Lets them finish what they are doing; one that takes too long is killed. */
  async stop() {
    this.#stopping = true
    const ended = [...this.#workers.values()].map(async (child) => {
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT)
      await closed
      clearTimeout(timer)
    })
    await Promise.all(ended)
  }
}
